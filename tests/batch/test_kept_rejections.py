"""Rejected rows outlive the job that they ended: beside its output, counted, until the next job to that output."""

import collections
import json
import os
import pathlib
import tempfile

import pytest

from beam_jobs.batch.file_job import new_directory
from beam_jobs.batch.kept_rejections import keep_rejected
from beam_jobs.batch.written_files import REJECTED, UnnamedFile, Written
from schemas.errors import InputError

WHY = "2 of 3 rows rejected: 2 TYPE at /age"


def job(output: pathlib.Path, line: str = "{}\n", lost: bool = False) -> str:
    """Run a job that rejects two of three rows and then fails for it; return what it says.

    With `lost` one of the files that it wrote is not there any more.
    """

    def fail() -> None:
        with new_directory(str(output), "training_set") as made:
            (pathlib.Path(made.work) / "one").write_text("")
            (pathlib.Path(made.work) / "two").write_text(line * 2)
            if lost:
                (pathlib.Path(made.work) / "two").unlink()
            files = [UnnamedFile(f"{made.work}/{name}", (0, 0), rows) for name, rows in (("one", 0), ("two", 2))]
            counts = collections.Counter({("TYPE", "/age"): 2})
            raise InputError(keep_rejected(made.path, Written({REJECTED: files}, rows_read=3, rejected_counts=counts)))

    with pytest.raises(InputError) as refused:
        fail()
    assert output.is_symlink() or not output.exists()
    return str(refused.value)


def test_rows_and_counts_are_kept_until_the_next_job(tmp_path: pathlib.Path) -> None:
    output, kept = tmp_path / "out", tmp_path / "out.rejected"
    for line in ("first\n", "second\n"):
        assert job(output, line) == f"{WHY}; the rejected rows are kept in {kept}"
        assert sorted(file.name for file in kept.iterdir()) == ["rejected-00000-of-00001.jsonl", "rejections.json"]
        assert (kept / "rejected-00000-of-00001.jsonl").read_text() == line * 2
    assert json.loads((kept / "rejections.json").read_text()) == {
        "rows": {"read": 3, "rejected": 2},
        "rejections": [{"reason": "TYPE", "field": "/age", "count": 2}],
    }
    with new_directory(str(output), "training_set"):
        pass
    assert not kept.exists()


@pytest.mark.parametrize("files", [["notes.txt"], ["rejections.json", "notes.txt"], []])
def test_what_is_not_ours_stays(tmp_path: pathlib.Path, files: list[str]) -> None:
    kept = tmp_path / "out.rejected"
    kept.mkdir()
    for file in files:
        (kept / file).write_text("mine")
    assert job(tmp_path / "out") == f"{WHY}; they could not be kept, {kept} is there and is not an earlier job's"
    with new_directory(str(tmp_path / "out"), "training_set"):
        pass
    assert sorted(file.name for file in kept.iterdir()) == sorted(files)


def test_a_name_that_is_too_long_is_said(tmp_path: pathlib.Path) -> None:
    output = tmp_path / ("x" * 250)
    assert job(output) == f"{WHY}; they could not be kept in {output}.rejected: File name too long"
    with new_directory(str(output), "training_set"):
        pass


def test_an_output_on_another_filesystem_leaves_them_here(tmp_path: pathlib.Path) -> None:
    output, kept = tmp_path / "out", tmp_path / "out.rejected"
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        output.symlink_to(elsewhere)
        for line in ("first\n", "second\n"):
            assert job(output, line) == f"{WHY}; the rejected rows are kept in {kept}"
            assert (kept / "rejected-00000-of-00001.jsonl").read_text() == line * 2
            assert not list(output.iterdir())
        with new_directory(str(output), "training_set"):
            pass
        assert not kept.exists()


def test_nothing_is_left_where_they_cannot_be_kept(tmp_path: pathlib.Path) -> None:
    output = tmp_path / "out"
    said = f"{WHY}; they could not be kept in {output}.rejected: No such file or directory"
    assert job(output, lost=True) == said
    assert not list(tmp_path.iterdir())


def test_a_good_job_ends_well_though_what_was_kept_stays(caplog: pytest.LogCaptureFixture) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.chmod(0o777)
        kept = folder / "out.rejected"
        kept.mkdir()
        (kept / "rejections.json").write_text("{}")
        kept.chmod(0o555)
        user = os.geteuid()
        if not user:
            os.seteuid(65534)  # root may remove all
        try:
            with new_directory(str(folder / "out"), "training_set"):
                pass
        finally:
            os.seteuid(user)
            kept.chmod(0o755)
        said = [record.getMessage() for record in caplog.records]
    assert said == [f"{kept}: what an earlier job has kept cannot be removed: Permission denied; remove it"]
