"""The demo refuses what it cannot do; its replay joins events and predictions. scripts/demo runs the whole."""

import ast

import numpy as np
import pytest

from beam_jobs.cli.command_line import main
from beam_jobs.cli.settings import VERBS
from beam_jobs.demo.replay import BROKEN, HeldOut, held_out
from beam_jobs.runners import prism
from beam_jobs.stream.job.process import StreamProcess
from beam_jobs.verbs.demo import LOADED_FIRST
from models.families.table.choice import THAT_SCORE, THAT_TRAIN
from schemas.errors import ServiceError
from schemas.rejection import Rejection
from tests.docs.test_readme import ROOT
from transforms.decode.json_decoder import JsonDecoder
from transforms.intake.take_in import take_in


def test_a_folder_of_somebody_else_is_left_alone(tmp_path, broker, capsys):
    (tmp_path / "thesis.txt").write_text("years of work")
    assert main(["demo", "--output", str(tmp_path), "--bootstrap-servers", broker]) == 1
    assert "not an earlier demo's" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_missing_prism_is_told_before_anything_is_made(tmp_path, broker, capsys, monkeypatch):
    monkeypatch.setattr(prism.installation, "fetched", lambda: tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    argv = ["demo", "--runner", "prism", "--output", str(tmp_path / "demo"), "--bootstrap-servers", broker]
    assert main(argv) == 1
    said = capsys.readouterr().err
    assert said.startswith(
        f"onegraph demo: runner prism: no binary at {tmp_path}/bin/prism and none in PATH; `scripts/"
    )
    assert said.count("\n") == 1
    assert not (tmp_path / "demo").exists()


def test_rate_must_be_positive(tmp_path, broker, capsys):
    assert main(["demo", "--rate", "0", "--output", str(tmp_path / "demo"), "--bootstrap-servers", broker]) == 2
    assert "--rate is 0.0" in capsys.readouterr().err
    assert not (tmp_path / "demo").exists()


def imported_late(tree: ast.Module) -> set[str]:
    """Return the modules that a verb gives to `import_quietly`, by their names or by a constant."""
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    given = [
        node.args[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_quietly"
    ]
    tables = {"THAT_TRAIN": THAT_TRAIN, "THAT_SCORE": THAT_SCORE}  # by the family, which is XGBoost in the demo
    return {
        tables[ast.unparse(one.value)]["xgboost"]
        if isinstance(one, ast.Subscript)
        else str(constants[one.id] if isinstance(one, ast.Name) else ast.literal_eval(one))
        for one in given
    }


def test_what_the_verbs_of_the_steps_import_late_is_imported_before_the_first() -> None:
    verb_of = {settings.__name__: verb for verb, settings in VERBS.items()}
    run: set[str] = set()
    late: set[str] = set()
    waiting = ["demo"]
    while waiting:  # a verb's settings are made in the module that runs it
        verb = waiting.pop()
        tree = ast.parse((ROOT / "beam_jobs" / "verbs" / f"{verb}.py").read_text())
        if verb != "demo":
            late |= imported_late(tree)
        called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        names = {one.attr if isinstance(one, ast.Attribute) else getattr(one, "id", "") for one in called}
        found = {verb_of[name] for name in names & set(verb_of)} - run
        run |= found
        waiting += found
    assert {"build_training_set", "train", "check_skew", "score_stream"} <= run
    assert late | {"beam_jobs.verbs.check_skew"} == set(LOADED_FIRST)


def test_held_out_rows_are_those_that_training_counts_as_test(taxi, trips):
    from transforms.intake.split import assign_splits

    rows = held_out(str(ROOT / "schemas" / "data" / "taxi.csv.gz"), taxi)
    assert len(rows.events) == len(rows.labels) == int((assign_splits(trips, taxi.schema, taxi.model.split) == 2).sum())
    assert 0.14 < len(rows.events) / 15_002 < 0.16


def test_every_broken_event_is_broken_and_no_key_is_lost(taxi):
    rows = HeldOut([b"{}"] * 100, np.zeros(100))
    pairs = rows.keyed()
    assert [key for key, _ in pairs if not key.startswith(b"broken")] == [b"%d" % row for row in range(100)]
    assert sum(key.startswith(b"broken") for key, _ in pairs) == len(BROKEN)
    schema = taxi.schema.environment("SERVING")
    intake = take_in(BROKEN, JsonDecoder(schema), schema)
    assert [rejection.row for rejection in intake.rejections] == list(range(len(BROKEN)))
    assert all(isinstance(rejection, Rejection) for rejection in intake.rejections)


def test_a_job_that_ends_by_itself_is_named_with_its_last_words(tmp_path):
    with StreamProcess(["--no-such-option"], tmp_path / "log") as job:
        job._process.wait()
        with pytest.raises(ServiceError, match="exit code 2: onegraph score_stream"):
            job.check_running()
