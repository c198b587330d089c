"""`report` as people call it: a page beside the set or elsewhere, and what it refuses in one line."""

import json

import pytest

from beam_jobs.cli.command_line import main
from tests.support.report_sets import rows_of, write_set


@pytest.fixture
def trips(tmp_path):
    splits = {"train": rows_of(2000, 1), "eval": rows_of(500, 2, shift=0.6), "test": rows_of(500, 3)}
    return write_set(tmp_path / "trips", splits)


def test_a_page_is_written_beside_the_set_and_again(trips, tmp_path, capsys):
    for _ in range(2):
        assert main(["report", str(trips)]) == 0
        out = capsys.readouterr().out
        assert out.startswith(f"{tmp_path}/trips.html: 10 columns\n  fare: ")
        assert out.endswith("apart, train and eval\n") or "eval and test" in out
    assert "<title>trips: trips</title>" in (tmp_path / "trips.html").read_text()


def test_against_another_set_as_json(trips, tmp_path, capsys):
    other = write_set(tmp_path / "before", {"train": rows_of(2000, 4)})
    page = tmp_path / "page.html"
    assert main(["report", str(trips), "--against", str(other), "--output", str(page), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"page": str(page), "columns": 10, "compared": 2, "differing": []}
    assert "Nothing, by more than chance" in page.read_text()


def test_a_plan_writes_nothing(trips, tmp_path, capsys):
    assert main(["report", str(trips), "--dry-run"]) == 0
    assert f"write {tmp_path}/trips.html" in capsys.readouterr().out
    assert not (tmp_path / "trips.html").exists()


def test_what_cannot_be_is_one_line(trips, tmp_path, capsys):
    (tmp_path / "mine.html").write_text("<p>mine</p>")
    (tmp_path / "folder").mkdir()
    for argv, wanted in [
        ([str(trips), "--output", str(tmp_path / "mine.html")], "is there and no page of onegraph report"),
        ([str(trips), "--output", str(tmp_path / "folder")], "a directory, wanted the name of a page"),
        ([str(trips), "--output", str(tmp_path / "no" / "page.html")], "its folder is not there"),
        ([str(tmp_path / "none")], "none: no such directory"),
        ([str(tmp_path / "folder")], "folder:"),
        ([str(trips), "--against", str(tmp_path / "folder")], "folder:"),
    ]:
        assert main(["report", *argv]) == 1, argv
        said = capsys.readouterr().err
        assert wanted in said
        assert said.count("\n") == 1
    assert (tmp_path / "mine.html").read_text() == "<p>mine</p>"
