"""The study: its trials follow from seed, number and history, whatever interrupted it."""

import dataclasses

import pytest

import beam_jobs.tuning.study as study_module
from beam_jobs.tuning.search_plan import SearchPlan
from beam_jobs.tuning.study import Study
from beam_jobs.tuning.trials import best_of
from models.search import Choice, Range, Real, Search, Whole
from models.spec import ModelSpec
from schemas.errors import InputError, OnegraphError
from tests.support.present import present

SPACE: dict[str, Range] = {"max_depth": Whole(2, 9), "eta": Real(0.01, 0.3, log=True), "way": Choice("a", "b")}


def plan_of(sampler="tpe", pruner="none", trials=16):
    search = Search(space=SPACE, metric="auc", trials=trials)
    return SearchPlan(ModelSpec(rounds=100), search, "f" * 64, sampler, pruner, seed=5)


def answer(study, number, parameters):
    value = parameters["eta"] - abs(parameters["max_depth"] - 5) / 10
    study.tell(number, 1.0, 10, value, {"auc": value}, None)


def finished(study, plan, most=100):
    """Make trials until the plan has its own, or so many; return number and parameters of each."""
    made: list[tuple[int, dict]] = []
    while len(made) < most and (asked := study.next(plan.trials)) is not None:
        answer(study, *asked)
        made.append(asked)
    return made


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid"])
def test_a_study_that_was_interrupted_makes_what_it_would_have_made(tmp_path, sampler):
    plan = plan_of(sampler)
    whole = finished(Study(tmp_path / "whole.db", plan), plan)
    assert len({tuple(parameters.values()) for _, parameters in whole}) > 12
    parts = []
    for most in (1, 11, 2, 100):  # within what TPE draws at random, and behind it
        study = Study(tmp_path / "parts.db", plan)
        parts += finished(study, plan, most)
        study.next(plan.trials)  # is running when the process is killed
    assert parts == whole


def test_a_trial_that_was_not_whole_when_it_was_killed_gets_what_it_lacks(tmp_path, monkeypatch):
    plan = plan_of("random")
    whole = finished(Study(tmp_path / "whole.db", plan), plan, 3)
    study = Study(tmp_path / "parts.db", plan)
    parts = finished(study, plan, 2)
    real = study_module._suggest

    def killed(trial, name, values):
        real(trial, name, values)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(study_module, "_suggest", killed)
        with pytest.raises(KeyboardInterrupt):
            study.next(plan.trials)
    parts += finished(Study(tmp_path / "parts.db", plan), plan, 1)
    assert parts == whole


def test_a_pruner_hears_a_trial_that_is_run_again_once(tmp_path):
    plan = plan_of(pruner="median")
    study = Study(tmp_path / "study.db", plan)
    number, _ = present(study.next(plan.trials))
    assert not study.hopeless(number, 5, 0.5)
    again = Study(tmp_path / "study.db", plan)
    assert present(again.next(plan.trials))[0] == number
    assert not again.hopeless(number, 5, 0.5)
    assert not again.hopeless(number, 10, 0.6)


def test_the_best_is_the_first_of_equals_and_none_is_one_line(tmp_path):
    plan = plan_of(trials=3)
    study = Study(tmp_path / "study.db", plan)
    for value in (0.5, 0.7, 0.7):
        number, _ = present(study.next(plan.trials))
        study.tell(number, 1.0, 10, value, {"auc": value}, None)
    assert best_of(study.records(), False, tmp_path).number == 1
    assert best_of(study.records(), True, tmp_path).number == 0
    failed = [dataclasses.replace(one, state="failed", value=None, reason="no memory") for one in study.records()]
    with pytest.raises(OnegraphError, match="none of 3 trials came to its end, 3 failed; the first: no memory"):
        best_of(failed, False, tmp_path)


def test_another_plan_is_refused_by_its_first_difference(tmp_path):
    Study(tmp_path / "study.db", plan_of())
    Study(tmp_path / "study.db", plan_of(trials=99))
    with pytest.raises(InputError, match='has a study whose sampler is "tpe", wanted "random"; go on with what'):
        Study(tmp_path / "study.db", plan_of("random"))


def test_importance_is_of_what_mattered(tmp_path):
    plan = plan_of("random", trials=30)
    study = Study(tmp_path / "study.db", plan)
    assert study.importance() == {}
    finished(study, plan)
    found = study.importance()
    assert next(iter(found)) == "max_depth"
    assert sum(found.values()) == pytest.approx(1)
