"""The directory of a job: nothing is left of one that fails, rows that do not add up are said, the marker is last."""

import pathlib

import pytest

from beam_jobs.batch.file_job import NewDirectory, check_rows_add_up, new_directory
from beam_jobs.batch.written_files import REJECTED, UnnamedFile, Written
from beam_jobs.cli.settings import ScoreBatch
from beam_jobs.file_runs.addressed_output import AddressedOutput
from beam_jobs.file_runs.place import place
from schemas.artifacts import artifact
from schemas.errors import ArtifactError, OnegraphError, UsageError

TYPE = {"reason": "TYPE", "field": "/fare", "count": 1}


def counted(rejected: int) -> Written:
    written = Written({REJECTED: []}, rows_read=5)
    written.rejected_counts["TYPE", "/fare"] = rejected
    return written


@pytest.mark.parametrize(
    ("temp", "analysis"),
    [("gs://temp", "gs://temp/run"), ("gs://a/unfinished", "gs://a/unfinished/run/analysis")],
)
def test_an_analysis_has_a_folder_that_can_be_removed_whole(tmp_path: pathlib.Path, temp: str, analysis: str) -> None:
    made = NewDirectory(tmp_path, "training_set", {}, AddressedOutput("gs://a", "run"), temp)
    assert made.analysis == analysis
    assert not made.work.startswith(analysis)


@pytest.mark.parametrize("error", [OnegraphError, KeyboardInterrupt])
def test_a_job_that_fails_leaves_nothing(tmp_path: pathlib.Path, error: type[BaseException]) -> None:
    def fail() -> None:
        with new_directory(str(tmp_path / "out"), "predictions") as output:
            (pathlib.Path(output.work) / "half").write_text("row")
            raise error

    with pytest.raises(error):
        fail()
    assert not (tmp_path / "out").exists()


def test_what_is_there_already_stays(tmp_path: pathlib.Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ArtifactError, match="not empty"), new_directory(str(tmp_path), "predictions"):
        pytest.fail("made in a folder that has files")
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_directory_is_complete_at_the_end_only(tmp_path: pathlib.Path) -> None:
    with new_directory(str(tmp_path / "out"), "predictions") as output:
        rejected = pathlib.Path(output.work) / "a.rejected"
        rejected.write_text("{}\n")
        (pathlib.Path(output.work) / "leftover").write_text("")
        written = counted(1)
        written.files[REJECTED].append(UnnamedFile(str(rejected), (0, 0), 1))
        with pytest.raises(ArtifactError):
            artifact.open_artifact(output.path, "predictions")
        output.complete(written, {"bundle": "b"})
    opened = artifact.open_artifact(tmp_path / "out", "predictions")
    opened.verify()
    assert (opened.manifest["bundle"], opened.manifest["rejections"]) == ("b", [TYPE])
    assert set(opened.manifest["files"]) == {"rejected-00000-of-00001.jsonl"}


@pytest.mark.parametrize(("read", "kept", "rejected"), [(6, 4, 1), (5, 3, 1), (5, 4, 2)])
def test_rows_that_do_not_add_up_are_said(read: int, kept: int, rejected: int) -> None:
    said = rf"^a b: {read} rows read, but {kept} scored and {rejected} rejected; again$"
    with pytest.raises(OnegraphError, match=said):
        check_rows_add_up(counted(rejected), read, kept, f"{kept} scored", ["a", "b"], "again")


def test_rows_that_add_up_pass() -> None:
    check_rows_add_up(counted(1), 5, 4, "", [], "")


def test_an_output_that_workers_cannot_reach_is_refused() -> None:
    settings = ScoreBatch(data=("a.csv",), registry="r", output="out", runner="dataflow")
    with pytest.raises(UsageError, match="--output out is a path of this machine, Dataflow"):
        place(settings, "score_batch")
