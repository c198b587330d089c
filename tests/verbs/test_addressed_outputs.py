"""Outputs in an object store: the same bytes as on a disk, half a set never, and what `--existing` says holds."""

import hashlib
import json
import re
import subprocess
import sys
from typing import Any

import pytest

from beam_jobs.cli.command_line import main
from beam_jobs.file_runs import existing
from beam_jobs.file_runs.addressed_output import opened
from beam_jobs.process.installation import ROOT as CODE
from models.training.kept_test_rows import read_test_rows
from models.training.training_set import TrainingSet
from schemas.artifacts import artifact
from schemas.artifacts.artifact import Artifact
from schemas.errors import ArtifactError
from tests.batch import deadly_publishing
from tests.support import object_store
from tests.verbs.test_build_training_set import small  # noqa: F401
from tests.verbs.test_workers import content


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    """An empty store."""
    folder = tmp_path / "store"
    folder.mkdir()
    monkeypatch.setenv(object_store.ROOT, str(folder))


def stored(address: str) -> dict[str, str]:
    return {name: hashlib.sha256(data).hexdigest() for name, data in object_store.content(address).items()}


def run(capsys, *argv: object) -> tuple[int, Any]:
    code = main([*map(str, argv), "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out) if out else err.splitlines()[-1]


def test_a_set_in_a_store_is_that_of_a_disk(small, tmp_path, capsys):  # noqa: F811
    words, folder = small
    argv = ["build_training_set", "--data", folder / "rows.csv", *words, "--rows-per-shard", 50, "--parquet"]
    argv += ["--test-rows", "keep"]
    code, here = run(capsys, *argv, "--output", tmp_path / "out")
    assert code == 0
    for name, workers in (("one", 1), ("two", 2)):
        address = f"shelf://sets/{name}"
        code, there = run(capsys, *argv, "--output", address, "--workers", workers)
        assert (code, there) == (0, {**here, "path": address})
        assert stored(address) == content(tmp_path / "out")
    copied = object_store.copy_here("shelf://sets/one", tmp_path / "copied")
    artifact.open_artifact(copied, "training_set").verify()
    assert sum(rows.num_rows for rows in read_test_rows(TrainingSet.open(copied))) == here["rows"]["test"]


def test_predictions_in_a_store_are_those_of_a_disk(registry, trip_files, tmp_path, capsys):
    argv = ["score_batch", "--data", trip_files / "*.csv*", "--registry", registry]
    for form in ("jsonl", "parquet"):
        code, here = run(capsys, *argv, "--format", form, "--output", tmp_path / form)
        assert code == 0
        code, there = run(capsys, *argv, "--format", form, "--output", f"shelf://scored/{form}")
        assert (code, there) == (0, {**here, "path": f"shelf://scored/{form}"})
        assert stored(f"shelf://scored/{form}") == content(tmp_path / form)


def test_what_existing_says_holds_in_a_store(small, tmp_path, capsys):  # noqa: F811
    words, folder = small
    output, rows = "shelf://sets/tips", tmp_path / "rows.csv"
    rows.write_text((folder / "rows.csv").read_text())
    argv = ["build_training_set", "--data", rows, *words, "--output", output]
    code, first = run(capsys, *argv)
    assert code == 0
    before = stored(output)
    assert run(capsys, *argv) == (
        1,
        f"onegraph build_training_set: {output}: already a completed training_set; choose another address",
    )
    assert run(capsys, *argv, "--existing", "skip") == (0, first)
    code, said = run(capsys, *argv, "--existing", "skip", "--rows-per-shard", 9)
    assert (code, "made of other options; --existing rebuild replaces it" in said) == (1, True)
    assert stored(output) == before
    rows.write_text(rows.read_text() + "300,1.5,here,1\n")
    code, second = run(capsys, *argv, "--existing", "rebuild")
    assert (code, second["rows"]["read"]) == (0, first["rows"]["read"] + 1)
    assert {name.split("/")[3] for name in object_store.names()} == {"tips"}
    assert run(capsys, *argv[:-1], tmp_path / "out")[0] == 0
    assert stored(output) == content(tmp_path / "out")

    (gone,) = [name for name in object_store.names() if "train-00000" in name]
    object_store.ShelfFileSystem({}).delete([gone])
    code, said = run(capsys, *argv, "--existing", "skip")
    assert (code, f"{gone}: missing or altered" in said) == (1, True)


def test_what_others_have_put_there_stays(small, capsys):  # noqa: F811
    words, folder = small
    with object_store.ShelfFileSystem({}).create("shelf://sets/tips/thesis", compression_type="uncompressed") as file:
        file.write(b"years of work")
    argv = ["build_training_set", "--data", folder / "rows.csv", *words, "--output", "shelf://sets/tips"]
    for says in ("refuse", "skip", "rebuild"):
        code, said = run(capsys, *argv, "--existing", says)
        assert (code, "not empty and no completed training_set" in said) == (1, True)
    assert object_store.names() == ["shelf://sets/tips/thesis"]


def test_a_gate_that_says_no_keeps_rejected_rows_beside_and_no_set(small, tmp_path, capsys):  # noqa: F811
    words, folder = small
    rows = tmp_path / "rows.csv"
    rows.write_text((folder / "rows.csv").read_text() + "x,y,here,1\n")
    argv = ["build_training_set", "--data", rows, *words, "--max-rejected", 0]
    assert main([*map(str, argv), "--output", str(tmp_path / "out")]) == 3
    assert main([*map(str, argv), "--output", "shelf://sets/out"]) == 3
    assert "the rejected rows are kept in shelf://sets/out.rejected" in capsys.readouterr().err
    assert stored("shelf://sets/out.rejected") == content(tmp_path / "out.rejected")
    assert stored("shelf://sets/out") == {}
    assert main([*map(str, argv[:-2]), "--output", "shelf://sets/out"]) == 0
    assert stored("shelf://sets/out.rejected") == {}


@pytest.mark.needs_time
def test_a_run_that_was_killed_while_it_published_shows_no_half_of_a_set():
    subprocess.run([sys.executable, "-m", "tests.batch.deadly_publishing"], cwd=CODE, check=True)
    names = object_store.names()
    addresses = ("shelf://new", "shelf://old", "shelf://older")
    places = {address: set(re.findall(rf"{address}/(\d+)", " ".join(names))) for address in addresses}
    assert all(10 < len(numbers) < deadly_publishing.MOST for numbers in places.values())
    for address, numbers in places.items():
        for number in numbers:
            output = f"{address}/{number}"
            if f"{output}/COMPLETED" in names:
                check_whole(output, ("before", "after"))
            else:
                with pytest.raises(ArtifactError, match="not a completed training_set"):
                    opened(output, "training_set")
            with pytest.raises(ArtifactError, match=r"already a completed|--existing (skip or )?rebuild"):
                existing.check_output(deadly_publishing.Settings(output, "refuse"), "training_set")
            if address == "shelf://older":
                check_what_skip_makes_of_it(output, f"{output}.onegraph-new/COMPLETED" in names)
            existing.check_output(deadly_publishing.Settings(output, "rebuild"), "training_set")
            deadly_publishing.make(output, "later")
            check_whole(output, ("later",))
    assert {name.split("/")[3] for name in object_store.names()} == set.union(*places.values())


def check_what_skip_makes_of_it(output: str, waits: bool) -> None:
    """A set that waits beside takes its place, and what has taken it leaves nothing; else the old one is as it was."""

    def skip() -> Artifact | None:
        return existing.taken(deadly_publishing.Settings(output, "skip"), "training_set", lambda: {"code": "after"})

    if waits or opened(output, "training_set").manifest["run"]["code"] == "after":
        assert skip() is not None
        check_whole(output, ("after",))
        assert object_store.content(f"{output}.onegraph-new") == {}
    else:
        with pytest.raises(ArtifactError, match="a completed training_set that was made of other code"):
            skip()
        check_whole(output, ("before",))


def check_whole(output: str, rows: tuple[str, ...]) -> None:
    found = object_store.content(output)
    manifest = opened(output, "training_set").manifest
    assert manifest["run"]["code"] in rows
    assert set(found) == {*manifest["files"], "manifest.json", "COMPLETED"}
    for name, entry in manifest["files"].items():
        assert hashlib.sha256(found[name]).hexdigest() == entry["sha256"]


def test_of_two_runs_at_once_the_later_has_the_output():
    def first() -> None:
        with pytest.raises(ArtifactError, match="another run has begun to make it meanwhile"):
            deadly_publishing.make(
                "shelf://sets/a", "first", during=lambda: deadly_publishing.make("shelf://sets/a", "second")
            )

    first()
    check_whole("shelf://sets/a", ("second",))


def test_an_address_that_beam_does_not_know_is_one_line(small, capsys):  # noqa: F811
    words, folder = small
    code, said = run(capsys, "build_training_set", "--data", folder / "rows.csv", *words, "--output", "odd://sets/a")
    assert (code, said.startswith("onegraph build_training_set: odd://sets/a")) == (1, True)
    assert "cannot be reached" in said


def test_a_pattern_is_no_address(small, capsys):  # noqa: F811
    words, folder = small
    code, said = run(capsys, "build_training_set", "--data", folder / "rows.csv", *words, "--output", "shelf://sets/a*")
    assert (code, "Beam reads * as part of a pattern" in said) == (1, True)
