"""Artifacts: complete or refused, and every byte accounted for."""

import json
import os
import pathlib
from typing import Any

import pytest

from schemas import fingerprint
from schemas.artifacts import artifact
from schemas.errors import ArtifactError


@pytest.fixture
def made(tmp_path: pathlib.Path) -> artifact.Artifact:
    path = artifact.create(tmp_path / "a", "bundle")
    (path / "model").mkdir()
    (path / "model" / "model.ubj").write_bytes(b"trees")
    (path / "schema.pbtxt").write_text("feature {}\n")
    return artifact.complete(path, "bundle", {"id": "abc"})


def test_round_trip(made: artifact.Artifact) -> None:
    opened = artifact.open_artifact(made.path, "bundle")
    assert opened == made
    assert opened.manifest["id"] == "abc"
    assert sorted(opened.manifest["files"]) == ["model/model.ubj", "schema.pbtxt"]
    assert opened.manifest["files"]["model/model.ubj"]["size"] == 5
    opened.verify()


def test_a_manifest_is_the_same_bytes_again(tmp_path: pathlib.Path, made: artifact.Artifact) -> None:
    path = artifact.create(tmp_path / "b", "bundle")
    (path / "schema.pbtxt").write_text("feature {}\n")
    (path / "model").mkdir()
    (path / "model" / "model.ubj").write_bytes(b"trees")
    again = artifact.complete(path, "bundle", {"id": "abc"})
    assert (path / "manifest.json").read_bytes() == (made.path / "manifest.json").read_bytes()
    assert artifact.content_id(again.manifest) == artifact.content_id(made.manifest)


def test_a_fact_or_a_byte_more_is_another_id(made: artifact.Artifact) -> None:
    other = {**made.manifest, "id": "abd"}
    assert artifact.content_id(other) != artifact.content_id(made.manifest)
    assert len(artifact.content_id(other)) == 12


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda path: (path / "model" / "model.ubj").write_bytes(b"treez"), "model.ubj: its bytes are not those"),
        (lambda path: (path / "model" / "model.ubj").unlink(), "model.ubj: missing, the manifest names it"),
        (lambda path: (path / "model" / "more").write_bytes(b""), "more: not in the manifest"),
        (lambda path: (path / "link").symlink_to(path / "schema.pbtxt"), "link: not in the manifest"),
    ],
    ids=["byte", "missing", "more", "link"],
)
def test_verify_names_the_file(made: artifact.Artifact, change, said: str) -> None:
    change(made.path)
    with pytest.raises(ArtifactError, match=said):
        artifact.open_artifact(made.path, "bundle").verify()


def test_a_file_turned_into_a_link_is_refused(made: artifact.Artifact, tmp_path: pathlib.Path) -> None:
    target = tmp_path / "elsewhere"
    (made.path / "schema.pbtxt").rename(target)
    (made.path / "schema.pbtxt").symlink_to(target)
    with pytest.raises(ArtifactError, match="a link; an artifact holds plain files only"):
        made.verify()


def test_without_marker_it_is_not_there(made: artifact.Artifact) -> None:
    (made.path / artifact.MARKER).unlink()
    with pytest.raises(ArtifactError, match="its writer did not finish"):
        artifact.open_artifact(made.path, "bundle")


def test_an_altered_manifest_is_refused(made: artifact.Artifact) -> None:
    manifest = json.loads((made.path / artifact.MANIFEST).read_text())
    manifest["files"]["schema.pbtxt"]["sha256"] = "0" * 64
    (made.path / artifact.MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    with pytest.raises(ArtifactError, match="altered since COMPLETED was written"):
        artifact.open_artifact(made.path, "bundle")


def test_a_manifest_that_is_not_json_is_refused(made: artifact.Artifact) -> None:
    (made.path / artifact.MANIFEST).write_text("{")
    with pytest.raises(ArtifactError, match="not JSON"):
        artifact.open_artifact(made.path, "bundle")


def test_another_kind_and_no_directory_are_refused(made: artifact.Artifact, tmp_path: pathlib.Path) -> None:
    with pytest.raises(ArtifactError, match="a bundle, wanted a candidate"):
        artifact.open_artifact(made.path, "candidate")
    with pytest.raises(ArtifactError, match="no such candidate directory"):
        artifact.open_artifact(tmp_path / "none", "candidate")


def test_a_writer_refuses_what_is_there(made: artifact.Artifact, tmp_path: pathlib.Path) -> None:
    with pytest.raises(ArtifactError, match="already a completed bundle"):
        artifact.create(made.path, "bundle")
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "file").write_text("x")
    with pytest.raises(ArtifactError, match="not empty and no completed bundle"):
        artifact.create(tmp_path / "half", "bundle")
    (tmp_path / "empty").mkdir()
    assert artifact.create(tmp_path / "empty", "bundle").is_dir()


def said(made: artifact.Artifact, text: str | bytes) -> None:
    """Let the manifest be this, and the marker fit it."""
    data = text if isinstance(text, bytes) else text.encode(errors="surrogatepass")
    (made.path / artifact.MANIFEST).write_bytes(data)
    (made.path / artifact.MARKER).write_text(fingerprint.of_bytes(data) + "\n")


def manifest(**changed: Any) -> str:
    return json.dumps({"kind": "bundle", "id": "abc", "files": {}} | changed)


ENTRY = {"sha256": "0" * 64, "size": 1}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"\xff", "not JSON .not UTF-8"),
        ("[" * 100_000, "nested too deep"),
        ('{"a": NaN}', "not finite"),
        (manifest()[:-1] + ', "id": "x"}', "a key stands twice"),
        (manifest(id="\ud800"), "half a surrogate pair"),
        ("[]", "not an object"),
        ('"bundle"', "not an object"),
        ("{}", "a directory of no kind that is known, wanted a bundle"),
        ('{"kind": ["bundle"]}', "a directory of no kind that is known, wanted a bundle"),
        ('{"kind": "a\\nbundle"}', "a directory of no kind that is known, wanted a bundle"),
        ('{"kind": "bundle"}', "says nothing of 'files'"),
        (manifest(files=["a"]), "its `files` are no object"),
        (manifest(files={"../a": ENTRY}), "names a file outside it"),
        (manifest(files={"/a": ENTRY}), "names a file outside it"),
        (manifest(files={"": ENTRY}), "names a file outside it"),
        (manifest(files={"a//b": ENTRY}), "names a file outside it"),
        (manifest(files={"a\0": ENTRY}), "names a file outside it"),
        (manifest(files={"a\nb": ENTRY}), "names a file outside it"),
        (manifest(files={"a": None}), "no sha256 and size of 'a'"),
        (manifest(files={"a": ENTRY | {"size": -1}}), "no sha256 and size of 'a'"),
        (manifest(files={"a": ENTRY | {"size": True}}), "no sha256 and size of 'a'"),
        (manifest(files={"a": ENTRY | {"sha256": 5}}), "no sha256 and size of 'a'"),
        (manifest(files={"a": ENTRY | {"more": 1}}), "no sha256 and size of 'a'"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_manifest_of_somebody_else(made: artifact.Artifact, text: str | bytes, why: str) -> None:
    said(made, text)
    with pytest.raises(ArtifactError, match=why) as caught:
        artifact.open_artifact(made.path, "bundle")
    assert "\n" not in str(caught.value)


def test_a_fact_that_is_missing_is_an_error_of_the_artifact(made: artifact.Artifact) -> None:
    opened = artifact.open_artifact(made.path, "bundle")
    with pytest.raises(ArtifactError, match=r"manifest\.json: says nothing of 'threshold'"):
        opened.manifest["threshold"]


@pytest.mark.parametrize("name", [artifact.MANIFEST, artifact.MARKER, "schema.pbtxt", "more"])
def test_a_pipe_is_not_waited_for(made: artifact.Artifact, name: str) -> None:
    (made.path / name).unlink(missing_ok=True)
    os.mkfifo(made.path / name)
    with pytest.raises(ArtifactError, match=r"plain file|not a completed|not in the manifest"):
        artifact.open_artifact(made.path, "bundle").verify()


def test_a_pipe_in_place_of_signatures(made: artifact.Artifact) -> None:
    os.mkfifo(made.path / artifact.SIGNATURES)
    with pytest.raises(ArtifactError, match="SIGNATURES: no plain file"):
        artifact.signers(made.path)


def test_a_pipe_is_not_made_part_of_an_artifact(tmp_path: pathlib.Path) -> None:
    path = artifact.create(tmp_path / "a", "bundle")
    os.mkfifo(path / "pipe")
    with pytest.raises(ArtifactError, match="pipe: no plain file"):
        artifact.complete(path, "bundle", {})
    assert not (path / artifact.MARKER).exists()


def test_sizes_are_compared_before_a_file_is_read(made: artifact.Artifact) -> None:
    with (made.path / "schema.pbtxt").open("wb") as file:
        file.truncate(1 << 42)  # holes
    with pytest.raises(ArtifactError, match="its bytes are not those"):
        artifact.open_artifact(made.path, "bundle").verify()
    (made.path / artifact.MANIFEST).write_bytes(b" " * (artifact.LARGEST + 1))
    with pytest.raises(ArtifactError, match="over 16,777,216 bytes"):
        artifact.open_artifact(made.path, "bundle")


def test_folders_without_end(made: artifact.Artifact) -> None:
    (made.path / "/".join(["d"] * 40)).mkdir(parents=True)
    with pytest.raises(ArtifactError, match="over 32 folders deep"):
        made.verify()


def test_a_name_in_several_lines_is_shown_in_one(made: artifact.Artifact) -> None:
    (made.path / "a\nb").touch()
    with pytest.raises(ArtifactError, match=r"'a\\nb': not in the manifest"):
        made.verify()
