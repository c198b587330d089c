"""`onegraph tune`: the real main, in this process, its trials in processes of their own."""

import contextlib
import json
import shutil
import signal
import sqlite3
import sys

import psutil
import pytest

from beam_jobs.cli.command_line import main
from schemas.artifacts import artifact
from tests.support.file_limit import no_file_grows_over
from tests.support.printed import for_people
from tests.support.searches import started, taxi_with, trials_in
from tests.support.small_artifacts import with_fact
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    return taxi_with(tmp_path_factory.mktemp("quick"))


@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    """One whose trials take about a second."""
    return taxi_with(tmp_path_factory.mktemp("slow"), rounds=600, space='{"max_depth": Whole(2, 6)}')


@pytest.fixture(scope="module")
def searched(quick, small_training_set, tmp_path_factory):
    output = tmp_path_factory.mktemp("searched") / "search"
    assert main(argv(quick, small_training_set, output)) == 0
    return output


def argv(case, training_set, output, *more):
    named = ["--use-case-path", str(case), "--training-set", str(training_set), "--output", str(output)]
    return ["tune", *named, *map(str, more)]


def ended(output, state="COMPLETE"):
    """How many trials of a search that goes on have ended."""
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(output / "study.db")) as db:
        return db.execute("select count(*) from trials where state = ?", [state]).fetchone()[0]
    return 0


def test_writes_trials_page_and_a_candidate(searched):
    found = json.loads((searched / "trials.json").read_text())
    assert (found["metric"], found["direction"], found["sampler"], found["seed"]) == (
        "average_precision",
        "maximize",
        "tpe",
        3,
    )
    first, *others = found["trials"]
    assert first["parameters"] == {"max_depth": 3, "eta": 0.3, "grow_policy": "depthwise"}  # the model's own
    assert len(others) == 3
    for trial in found["trials"]:
        assert trial["state"] == "complete"
        assert trial["value"] == trial["metrics"]["average_precision"]
        assert 0 < trial["metrics"]["auc"] < 1
        assert 1 <= trial["rounds"] <= 20
        assert trial["seconds"] > 0
    assert not (searched / ".work").exists()
    assert (searched / "tuning.html").stat().st_size


def test_the_candidate_is_one_as_train_writes_it_and_says_how_it_was_tuned(searched, small_training_set, tmp_path):
    opened = artifact.open_artifact(searched / "candidate", "candidate")
    opened.verify()
    trials = {trial["number"]: trial for trial in trials_in(searched)}
    tuning = opened.manifest["tuning"]
    best = trials[tuning["best"]]
    assert best["value"] == max(trial["value"] for trial in trials.values())
    assert tuning["trials"] == {"complete": 4}
    assert tuning["trained_on"] == ["train", "eval"]
    assert tuning["repeatable"] is True
    model = opened.manifest["model"]
    assert {name: model["parameters"][name] for name in best["parameters"]} == best["parameters"]
    assert (model["rounds"], opened.manifest["rounds"]) == (best["rounds"], best["rounds"])
    assert "search" not in model
    candidate = ["--candidate", str(searched / "candidate")]
    assert main(["evaluate", *candidate, "--training-set", str(small_training_set)]) == 0
    assert main(["release", *candidate, "--registry", str(tmp_path / "registry")]) == 0


def test_the_threshold_is_chosen_by_scores_of_rows_that_the_model_did_not_see(searched):
    manifest = artifact.open_artifact(searched / "candidate", "candidate").manifest
    (best,) = (one for one in trials_in(searched) if one["number"] == manifest["tuning"]["best"])
    assert manifest["model"]["threshold"] == best["metrics"]["threshold"]
    assert manifest["tuning"]["threshold_by"] == "the trial's scores of eval"


@pytest.mark.needs_time
def test_with_one_trial_at_a_time_a_search_is_repeatable(searched, quick, small_training_set, tmp_path, capsys):
    again = tmp_path / "again"
    assert main([*argv(quick, small_training_set, again), "--json"]) == 0
    assert trials_in(again) == trials_in(searched)
    names = ("manifest.json", "model/model.ubj")
    assert all((again / "candidate" / n).read_bytes() == (searched / "candidate" / n).read_bytes() for n in names)
    printed = capsys.readouterr().out
    assert json.loads(printed)["repeatable"] is True
    assert "not repeatable" not in for_people("tune", printed)


@pytest.mark.needs_time
def test_several_at_a_time_are_said_to_be_not_repeatable(quick, small_training_set, tmp_path, capsys):
    output = tmp_path / "search"
    assert main([*argv(quick, small_training_set, output, "--parallel", 2, "--trials", 3), "--json"]) == 0
    printed = capsys.readouterr().out
    assert "not repeatable: with several trials at a time" in for_people("tune", printed)
    assert artifact.open_artifact(output / "candidate", "candidate").manifest["tuning"]["repeatable"] is False
    assert len(trials_in(output)) == 3


@pytest.mark.needs_time
def test_a_search_that_is_done_says_the_same_again_and_more_trials_want_the_candidate_gone(
    quick, small_training_set, tmp_path, capsys
):
    output = tmp_path / "search"
    command = argv(quick, small_training_set, output, "--trials", 2, "--json")
    assert main(command) == 0
    first = capsys.readouterr().out
    assert main(command) == 0
    assert capsys.readouterr().out == first
    assert main([*command[:-3], "--trials", "3"]) == 1
    error = capsys.readouterr().err
    assert "candidate: made of fewer trials than 3; remove it to go on" in error
    assert error.count("\n") == 1


@pytest.mark.needs_time
def test_a_search_that_was_killed_goes_on_and_makes_what_it_would_have_made(slow, small_training_set, tmp_path, capsys):
    command = argv(slow, small_training_set, tmp_path / "killed", "--trials", 4, "--quiet")
    process = started(command)
    wait_until(lambda: ended(tmp_path / "killed") >= 1, "a trial has ended")
    process.kill()
    process.communicate()
    assert 1 <= ended(tmp_path / "killed") < 4
    assert not (tmp_path / "killed" / "candidate").exists()
    assert main(command) == 0
    assert main(argv(slow, small_training_set, tmp_path / "whole", "--trials", 4, "--quiet")) == 0
    assert trials_in(tmp_path / "killed") == trials_in(tmp_path / "whole")
    manifests = [(tmp_path / name / "candidate" / "manifest.json").read_bytes() for name in ("killed", "whole")]
    assert manifests[0] == manifests[1]


@pytest.mark.needs_time
def test_sigterm_ends_it_with_its_processes_and_the_same_command_goes_on(slow, small_training_set, tmp_path):
    output = tmp_path / "search"
    command = argv(slow, small_training_set, output, "--trials", 3, "--parallel", 2, "--quiet")
    process = started(command)
    wait_until(lambda: ended(output) >= 1, "a trial has ended")
    children = psutil.Process(process.pid).children()
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 143
    assert said == f"onegraph tune: {output}: stopped by SIGTERM; the same command goes on\n"
    assert children
    assert not any(child.is_running() for child in children)
    assert not (output / ".work").exists()
    assert main(command) == 0
    assert [one["number"] for one in trials_in(output)] == [0, 1, 2]


@pytest.mark.needs_time
def test_a_process_that_dies_fails_its_trial_and_the_search_goes_on(slow, small_training_set, tmp_path):
    output = tmp_path / "search"
    process = started(argv(slow, small_training_set, output, "--trials", 3))
    wait_until(lambda: ended(output) >= 1, "a trial has ended")
    wait_until(lambda: ended(output, "RUNNING") == 1, "a trial is running")
    (child,) = psutil.Process(process.pid).children()
    child.kill()
    assert process.wait(120) == 0
    process.communicate()
    (failed,) = (one for one in trials_in(output) if one["state"] == "failed")
    assert failed["reason"].startswith("its process was ended by signal SIGKILL, as one is that the machine has no mem")
    assert failed["value"] is None
    assert len(trials_in(output)) == 3


@pytest.mark.needs_time
def test_a_trial_that_the_library_refuses_is_kept_as_failed(small_training_set, tmp_path):
    """Each end alone is taken, so that only a trial can tell that the two do not go together."""
    space = '{"tree_method": Choice("hist", "exact"), "max_depth": Choice(2, 0)}'
    case = taxi_with(tmp_path / "case", space=space, metric="log_loss", parameters='{"nthread": 1}', rounds=3, trials=9)
    assert main(argv(case, small_training_set, tmp_path / "search", "--sampler", "grid")) == 0
    trials = trials_in(tmp_path / "search")
    assert len({json.dumps(one["parameters"]) for one in trials}) == 4  # a grid's trials are no more than its cells
    (failed,) = (one for one in trials if one["state"] == "failed")
    assert failed["parameters"] == {"tree_method": "exact", "max_depth": 0}
    assert "exact tree method doesn't support unlimited depth" in failed["reason"]
    assert "\n" not in failed["reason"]


@pytest.mark.needs_time
def test_trials_that_are_worse_than_others_end_early(small_training_set, tmp_path):
    space = '{"eta": Real(0.0001, 0.5)}'
    case = taxi_with(tmp_path / "case", space=space, metric="log_loss", parameters='{"nthread": 1}', trials=9)
    assert main(argv(case, small_training_set, tmp_path / "search", "--sampler", "random")) == 0
    pruned = [one for one in trials_in(tmp_path / "search") if one["state"] == "pruned"]
    assert pruned
    assert all(one["rounds"] < 20 and one["value"] is None and not one["metrics"] for one in pruned)
    assert main(argv(case, small_training_set, tmp_path / "all", "--sampler", "random", "--pruner", "none")) == 0
    assert {one["state"] for one in trials_in(tmp_path / "all")} == {"complete"}
    assert main(argv(case, small_training_set, tmp_path / "hyper", "--pruner", "hyperband")) == 0
    assert len(trials_in(tmp_path / "hyper")) == 9


@pytest.mark.parametrize("dry_run", [[], ["--dry-run"]])
@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (["--trials", "0"], 2, "--trials is 0, wanted 1 to 100000"),
        (["--sampler", "tpo"], 2, "--sampler is 'tpo', wanted one of tpe, random, grid, did you mean tpe?"),
        (["--metric", "rmse"], 2, "--metric is 'rmse', wanted one of auc, average_precision, "),
        (["--metric", "rows"], 2, "--metric is 'rows', wanted one of auc, "),
        (["--storage", "nowhere/study.db"], 2, "--storage nowhere/study.db: wanted a file, in a folder that is there"),
        (["--training-set", "nowhere"], 1, "nowhere: no such training_set directory"),
        (["--output", "gs://b/o"], 2, "gs://b/o: an address, wanted a directory of this machine"),
        (["--use-case", "fraud"], 2, "is of use case 'taxi', --use-case is 'fraud'; leave the option out"),
    ],
)
def test_refusals_write_nothing(quick, small_training_set, tmp_path, capsys, change, code, message, dry_run):
    output = tmp_path / "search"
    assert main([*argv(quick, small_training_set, output), *change, *dry_run]) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not output.exists()


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (
            '{"max_deepth": Whole(2, 6)}',
            "search, at max_deepth=2: model: parameter 'max_deepth' is not one that XGBoost",
        ),
        ('{"max_depth": Whole(-2, 6)}', "search, at max_depth=-2: model: xgboost: value -2 for Parameter max_depth"),
        (
            '{"tree_method": Choice("hist", "hits")}',
            "search, at tree_method=hits: model: xgboost: Invalid Input",
        ),
        ('{"rounds": Whole(10, 60)}', "search, at rounds=10: model: 'rounds' is no parameter of XGBoost; set the "),
        (
            '{"max_depth": Whole(6, 2)}',
            "models/taxi.py line 11: search: Whole(low=6, high=2, log=False, step=1): ",
        ),
    ],
)
def test_a_space_that_the_family_does_not_take_is_one_line_before_any_trial(
    small_training_set, tmp_path, capsys, space, message
):
    case = taxi_with(tmp_path / "case", space=space)
    assert main(argv(case, small_training_set, tmp_path / "search")) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "search").exists()


def test_a_model_without_a_search_is_told_what_to_write(small_training_set, tmp_path, capsys):
    case = taxi_with(tmp_path / "case", search="None")
    assert main(argv(case, small_training_set, tmp_path / "search")) == 1
    assert "models/taxi.py: its MODEL has no search, wanted search=Search(space={...}, " in capsys.readouterr().err


def test_a_storage_of_another_search_is_refused(searched, quick, small_training_set, tmp_path, capsys):
    storage = ["--storage", str(searched / "study.db")]
    other = tmp_path / "set"
    shutil.copytree(small_training_set, other)
    with_fact(other, "training_set", "fingerprint", "0" * 64)
    changed = taxi_with(tmp_path / "case", rounds=21)
    for command, said in (
        (argv(quick, other, tmp_path / "out", *storage), "has a study whose training set is another, wanted another"),
        (argv(changed, small_training_set, tmp_path / "out", *storage), "has a study whose model is another, wanted"),
        (
            argv(quick, small_training_set, tmp_path / "out", *storage, "--seed", 4),
            "has a study whose seed is 3, wanted 4; go on with what it was begun with, or choose another output",
        ),
    ):
        assert main(command) == 1
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
    (tmp_path / "no.db").write_text("this is no database")
    assert main(argv(quick, small_training_set, tmp_path / "out", "--storage", tmp_path / "no.db")) == 1
    assert "no.db: no storage of a study" in capsys.readouterr().err


def test_a_directory_of_something_else_is_refused(quick, small_training_set, tmp_path, capsys):
    (tmp_path / "file").touch()
    for output, said in (
        (tmp_path, "not empty and no directory of a search"),
        (small_training_set, "which is complete"),
    ):
        assert main(argv(quick, small_training_set, output)) == 1
        assert said in capsys.readouterr().err


@pytest.mark.needs_time
@pytest.mark.parametrize("room", [0, 60_000, 118_000])  # for the study, and what comes then
def test_a_full_disk_is_one_line_and_the_search_goes_on_later(quick, small_training_set, tmp_path, capsys, room):
    output = tmp_path / "search"
    command = argv(quick, small_training_set, output, "--trials", 2, "--quiet")
    with no_file_grows_over(room):
        assert main(command) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"onegraph tune: {output}")
    assert said.count("\n") == 1
    assert not (output / "candidate").exists()
    assert main(command) == 0


@pytest.mark.needs_time
def test_two_processes_do_not_work_on_one_search(slow, small_training_set, tmp_path, capsys):
    output = tmp_path / "search"
    command = argv(slow, small_training_set, output, "--quiet")
    process = started(command)
    wait_until(lambda: (output / "study.db").exists(), "a study")
    assert main(command) == 1
    assert f"{output}: another process works on this search; wait for it" in capsys.readouterr().err
    process.kill()
    process.communicate()


def test_without_optuna_it_says_what_to_install(quick, small_training_set, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert main(argv(quick, small_training_set, tmp_path / "search")) == 1
    assert capsys.readouterr().err == "onegraph tune: tune needs Optuna: pip install 'onegraph[tune]'\n"


def test_dry_run_says_what_would_be_tried(quick, small_training_set, tmp_path, capsys):
    assert main([*argv(quick, small_training_set, tmp_path / "search"), "--parallel", "2", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "4 trials of xgboost, 2 at a time, by average_precision, over max_depth, eta, grow_policy; " in said
    assert "not repeatable" in said
    assert not (tmp_path / "search").exists()
