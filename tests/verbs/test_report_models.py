"""`report` of a model as people call it: a page beside a candidate, one of a bundle here, and what it refuses."""

import json
import pathlib

import pytest

from beam_jobs.cli.command_line import main
from models.evaluation.evaluation import evaluation_path
from models.registry.registry import Registry
from tests.support.evaluated_models import everything, write_model
from tests.support.report_sets import rows_of, write_set


def test_a_candidate_has_its_page_beside_it(
    candidate: pathlib.Path, second_candidate: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    assert main(["report", str(candidate), "--against", str(second_candidate), "--output", str(page)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{page}: taxi, passed its gates\n  AUC 0.9")
    assert ", the other 0.9" in said
    assert "looks most at payment_type, " in said
    text = page.read_text()
    assert "<title>taxi: candidate</title>" in text
    assert "Against the other model" in text  # both folders have the same name
    assert "Credit Card" in text
    assert main(["report", str(evaluation_path(candidate)), "--output", str(page)]) == 0
    assert "Training: logloss" in page.read_text()


def test_the_page_of_a_bundle_is_written_here_not_into_the_registry(
    registry: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bundle = Registry(registry).champion()
    before = sorted(bundle.parent.iterdir())
    assert main(["report", str(bundle), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["page"] == f"{bundle.name}.html"
    for name in ("metrics", "slices", "curves", "verdict", "explanation"):
        assert told[name] == json.loads((bundle / "evaluation" / f"{name}.json").read_text())
    assert (tmp_path / f"{bundle.name}.html").stat().st_size < 200_000
    assert sorted(bundle.parent.iterdir()) == before


def test_a_model_that_failed_is_told(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = write_model(tmp_path / "candidate", more=everything())
    for _ in range(2):  # a page of ours is replaced
        assert main(["report", str(model)]) == 0
        assert f"{model}.html: trips, DID NOT PASS its gates" in capsys.readouterr().out
    assert main(["report", str(model), "--dry-run"]) == 0
    assert f"replace {model}.html" in capsys.readouterr().out


def test_what_cannot_be_is_one_line(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = write_model(tmp_path / "candidate")
    numbers = write_model(tmp_path / "numbers", "regression")
    broken = write_model(tmp_path / "broken", more={"curves": {"roc": {}}})
    bare = write_model(tmp_path / "bare")
    evaluation_path(bare).rename(tmp_path / "moved")
    rows = write_set(tmp_path / "set", {"train": rows_of(50, 1)})
    (tmp_path / "mine.html").write_text("<p>mine</p>")
    for argv, wanted in [
        ([str(model), "--against", str(numbers)], "of task regression"),
        ([str(model), "--against", str(rows)], "a training_set, wanted a candidate, an evaluation or a bundle"),
        ([str(model), "--against", str(tmp_path / "none")], "none: no such directory"),
        ([str(bare)], "not evaluated"),
        ([str(broken)], "its evaluation is not as onegraph writes it"),
        ([str(model), "--output", str(tmp_path / "mine.html")], "is there and no page of onegraph report"),
    ]:
        assert main(["report", *argv]) == 1, argv
        said = capsys.readouterr().err
        assert wanted in said
        assert said.count("\n") == 1
    assert (tmp_path / "mine.html").read_text() == "<p>mine</p>"
    assert not list(tmp_path.glob("broken.html"))
