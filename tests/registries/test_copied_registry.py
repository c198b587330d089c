"""A registry behind one of Beam's filesystems: copied, followed, refused, as one on disk."""

import errno
import json
import os
import shutil
import threading
from pathlib import Path

import pytest
from apache_beam.io.filesystems import FileSystems
from apache_beam.io.localfilesystem import LocalFileSystem
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from beam_jobs.registries.copied_registry import CopiedRegistry
from beam_jobs.registries.opening import open_registry
from models.isolation.trial import TrialEnded
from models.live.live import LiveScorer
from models.registry.pointer import LIVE_FILE
from models.registry.registry import Registry
from models.scoring.scorer import Scorer
from models.variants.variants import Variants
from schemas import fingerprint
from schemas.artifacts import artifact
from schemas.artifacts.signature import TrustedKeys, load_private_key
from schemas.errors import ArtifactError, ServiceError, UsageError
from tests.support.signing_keys import make_key

PATIENCE_S = 60


class Kept(LocalFileSystem):
    """A filesystem with a scheme of its own: `kept:///folder/file` is /folder/file here."""

    down = False

    @classmethod
    def scheme(cls) -> str:
        return "kept"

    def exists(self, path: str) -> bool:
        if Kept.down:
            raise OSError("no route")
        return super().exists(path.removeprefix("kept://"))

    def open(self, path: str, *rest: str, **more: str):
        return super().open(path.removeprefix("kept://"), *rest, **more)


@pytest.fixture
def remote(registry, tmp_path):
    """The folder of a registry of this test's own."""
    folder = tmp_path / "registry"
    shutil.copytree(registry, folder)
    return folder


def address(folder: Path) -> str:
    return f"kept://{folder}"


def test_the_champion_is_copied_byte_by_byte(remote):
    found = open_registry(address(remote))
    assert isinstance(found, CopiedRegistry)
    champion = found.champion()
    assert not champion.is_relative_to(remote)
    assert FileSystems.get_scheme(address(remote)) == "kept"
    artifact.open_artifact(champion, "bundle").verify()
    names = {file.relative_to(champion).as_posix() for file in champion.rglob("*") if file.is_file()}
    (source,) = (remote / "bundles").iterdir()
    assert names == {file.relative_to(source).as_posix() for file in source.rglob("*") if file.is_file()}


def test_a_new_generation_takes_over(remote, second_bundle, trials):
    live = LiveScorer(open_registry(address(remote)), poll_s=0.05, trials=trials)
    try:
        pointer = second_bundle(remote)
        assert live.wait_for(pointer.generation, PATIENCE_S)
        assert live.current().champion.bundle_id == pointer.champion
    finally:
        live.close()


def test_an_incomplete_bundle_is_refused_and_the_old_one_serves(remote, second_bundle, trials):
    live = LiveScorer(open_registry(address(remote)), poll_s=0.05, trials=trials)
    try:
        before = live.current().champion.bundle_id
        text = (remote / LIVE_FILE).read_text().replace(before, "absent").replace('"generation": 1', '"generation": 2')
        (remote / LIVE_FILE).write_text(text)
        assert live.wait_for(2, PATIENCE_S)
        assert (live.current().champion.bundle_id, live.refused) == (before, 1)
    finally:
        live.close()


def test_an_address_that_does_not_answer_is_tried_again(remote, second_bundle, monkeypatch, trials):
    live = LiveScorer(open_registry(address(remote)), poll_s=0.05, trials=trials)
    try:
        monkeypatch.setattr(Kept, "down", True)
        with pytest.raises(ServiceError, match=r"kept://.*registry: not readable \(OSError\); check the address"):
            open_registry(address(remote)).champion()
        pointer = second_bundle(remote)
        monkeypatch.setattr(Kept, "down", False)
        assert live.wait_for(pointer.generation, PATIENCE_S)
    finally:
        live.close()


@pytest.fixture
def full_disk(monkeypatch):
    """The disk of the copies gets full when most of a bundle is written; ended by `undo`."""
    write = Path.write_bytes

    def full(file: Path, content: bytes) -> int:
        if "onegraph-registry-" in str(file) and file.name == "saved_model.pb":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, content)

    with monkeypatch.context() as patch:
        yield lambda: patch.setattr(Path, "write_bytes", full), patch.undo


def test_a_full_disk_is_no_fault_of_the_address_and_nothing_of_the_copy_stays(remote, full_disk):
    fill, make_room = full_disk
    fill()
    found = open_registry(address(remote))
    with pytest.raises(ServiceError, match=r"the copy of a bundle cannot be written: No space left on device"):
        found.champion()
    assert list((found.path / "bundles").iterdir()) == []
    make_room()
    artifact.open_artifact(found.champion(), "bundle").verify()


def test_a_generation_that_finds_a_full_disk_serves_once_there_is_room(remote, second_bundle, full_disk, trials):
    fill, make_room = full_disk
    refused, served = threading.Event(), threading.Event()
    live = LiveScorer(
        open_registry(address(remote)),
        0.05,
        lambda change: (served if change.served else refused).set(),
        retry_s=0.02,
        trials=trials,
    )
    try:
        fill()
        pointer = second_bundle(remote)
        assert refused.wait(PATIENCE_S)
        served.clear()
        assert live.current().champion.bundle_id != pointer.champion
        make_room()
        assert served.wait(PATIENCE_S)
        assert live.current().champion.bundle_id == pointer.champion
    finally:
        live.close()


def test_a_manifest_that_names_a_file_outside_its_bundle_is_refused(remote):
    (bundle,) = (remote / "bundles").iterdir()
    manifest = json.loads((bundle / artifact.MANIFEST).read_text())
    manifest["files"]["../../outside"] = {}
    (bundle / artifact.MANIFEST).write_text(json.dumps(manifest))
    (bundle / artifact.MARKER).write_text(fingerprint.of_file(bundle / artifact.MANIFEST) + "\n")
    (remote / "bundles" / "outside").write_text("")
    with pytest.raises(ArtifactError, match="its manifest names a file outside it"):
        open_registry(address(remote)).champion()


def test_a_size_that_is_a_lie_is_not_believed(remote):
    (bundle,) = (remote / "bundles").iterdir()
    manifest = json.loads((bundle / artifact.MANIFEST).read_text())
    manifest["files"]["training.json"]["size"] = 1 << 50
    (bundle / artifact.MANIFEST).write_text(json.dumps(manifest))
    (bundle / artifact.MARKER).write_text(fingerprint.of_file(bundle / artifact.MANIFEST) + "\n")
    with pytest.raises(ArtifactError, match=r"training\.json: its bytes are not those"):
        open_registry(address(remote)).champion()


@pytest.mark.parametrize("data", [b"\xff", b"[" * 100_000, b" " * (1 << 21)])
def test_a_pointer_that_is_none(remote, data):
    (remote / LIVE_FILE).write_bytes(data)
    with pytest.raises(ArtifactError, match=r"live\.json: not a registry pointer"):
        open_registry(address(remote)).live()


def test_pipes_are_not_waited_for(remote, pair):
    found = open_registry(str(remote), TrustedKeys.of(pair.public))
    (bundle,) = (remote / "bundles").iterdir()
    (bundle / "training.json").unlink()
    os.mkfifo(bundle / "training.json")
    Registry(remote).path.joinpath(LIVE_FILE).rename(remote / "kept")
    os.mkfifo(remote / LIVE_FILE)
    with pytest.raises(ArtifactError, match=r"live\.json: no plain file"):
        found.live()
    with pytest.raises(ArtifactError, match=r"not signed|no plain file"):
        found.bundle_path(bundle.name)


def test_a_copy_is_not_written_to(remote):
    found = open_registry(address(remote))
    champion = found.released().champion
    for write in (
        lambda: found.rollback(champion, "me", "now", ""),
        lambda: found.point_at(Variants(champion), "me", "now", ""),
        lambda: found.release(remote, "me", "now", ""),
        lambda: found.sign(champion, Ed25519PrivateKey.generate()),
    ):
        with pytest.raises(UsageError, match="is read through a copy here, which is not written to"):
            write()


def test_nothing_released(tmp_path):
    with pytest.raises(ArtifactError, match="no bundle is released here"):
        open_registry(address(tmp_path)).champion()


def test_a_path_is_a_registry_on_disk(remote):
    found = open_registry(str(remote))
    assert found.path == remote
    assert found.champion().is_relative_to(remote)


@pytest.fixture
def pair(tmp_path):
    return make_key(tmp_path, "ours")


@pytest.mark.parametrize("place", [str, address], ids=["path", "address"])
def test_only_signed_bundles_are_taken(remote, pair, second_bundle, place, trials):
    trusted = TrustedKeys.of(pair.public)
    with pytest.raises(ArtifactError, match=f"{place(remote)}/bundles/.*: not signed, wanted a signature by one of"):
        open_registry(place(remote), trusted).champion()
    own = Registry(remote)
    own.sign(own.released().champion, load_private_key(pair.private))
    live = LiveScorer(open_registry(place(remote), trusted), poll_s=0.05, trials=trials)
    try:
        first = live.current().champion.bundle_id
        second = second_bundle(remote).champion
        assert live.wait_for(2, PATIENCE_S)
        assert (live.current().champion.bundle_id, live.refused) == (first, 1)
        own.sign(second, load_private_key(pair.private))
        own.rollback(None, "me", "now", "")
        forward = own.rollback(second, "me", "now", "")
        assert live.wait_for(forward.generation, PATIENCE_S)
        assert live.current().champion.bundle_id == second
    finally:
        live.close()


def test_what_happens_to_a_registry_after_the_look_at_its_signature_changes_nothing(remote, pair):
    own = Registry(remote)
    own.sign(own.released().champion, load_private_key(pair.private))
    champion = open_registry(str(remote), TrustedKeys.of(pair.public)).champion()
    assert not champion.is_relative_to(remote)
    assert champion.parent.parent.stat().st_mode & 0o777 == 0o700
    shutil.rmtree(remote)
    assert Scorer.load(champion).bundle_id == champion.name


def spoil_a_byte(bundle):
    data = (bundle / "model" / "model.ubj").read_bytes()
    (bundle / "model" / "model.ubj").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    return lambda: (bundle / "model" / "model.ubj").write_bytes(data)


def spoil_the_length(bundle):
    data = (bundle / "model" / "model.ubj").read_bytes()
    (bundle / "model" / "model.ubj").write_bytes(data + b"more")
    return lambda: (bundle / "model" / "model.ubj").write_bytes(data)


def spoil_by_one_file_more(bundle):
    (bundle / "model" / "more").write_bytes(b"")
    return (bundle / "model" / "more").unlink


@pytest.mark.parametrize(
    ("place", "spoil", "said"),
    [
        (address, spoil_a_byte, "model.ubj: its bytes are not those"),
        (address, spoil_the_length, "model.ubj: its bytes are not those"),
        (str, spoil_a_byte, "model.ubj: its bytes are not those"),
        (str, spoil_by_one_file_more, "more: not in the manifest"),
    ],
)
def test_an_altered_bundle_is_not_copied_until_it_is_mended(remote, pair, place, spoil, said):
    (bundle,) = (remote / "bundles").iterdir()
    Registry(remote).sign(bundle.name, load_private_key(pair.private))
    mend = spoil(bundle)
    found = open_registry(place(remote), TrustedKeys.of(pair.public))
    with pytest.raises(ArtifactError, match=f"{place(bundle)}/model/{said}"):
        found.champion()
    assert not list((found.path / "bundles").glob("[0-9a-f]*"))
    mend()
    assert found.champion().name == bundle.name


@pytest.mark.parametrize("signed", [False, True])
def test_a_copy_that_is_not_wanted_any_more_ends_and_leaves_nothing(remote, tmp_path, signed):
    champion, pair = Registry(remote).released().champion, make_key(tmp_path)
    calls: list[None] = []
    Registry(remote).sign(champion, load_private_key(pair.private))

    def still_wanted():
        calls.append(None)
        if len(calls) == 5:
            raise TrialEnded("the bundle is not wanted any more")

    place = (str(remote), TrustedKeys.of(pair.public)) if signed else (address(remote), None)
    found = open_registry(*place)
    with pytest.raises(TrialEnded):
        found.bundle_path(champion, still_wanted)
    assert len(calls) == 5
    assert list((found.path / "bundles").glob("*")) == []
    artifact.open_artifact(found.bundle_path(champion, still_wanted), "bundle").verify()
