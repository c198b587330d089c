"""What was chosen is read as it was written, for every model; a search makes the same trials each time."""

import typing

import numpy as np
import pytest

from benchmarks.published import choices, searches
from benchmarks.published.product import Choice, Rows
from benchmarks.published.search import ALL, search
from benchmarks.published.spaces import Space


def test_every_model_has_a_choice_for_all_metrics_and_for_each():
    committed = choices.read()
    assert sorted(committed) == sorted(searches.SEARCHES)
    for model, (_, space) in searches.SEARCHES.items():
        wanted = {ALL, *space.published} if len(space.published) > 1 else {ALL}
        assert set(committed[model]) == wanted
        assert all(
            one.family == ("keras" if model.endswith("keras") else "xgboost") for one in committed[model].values()
        )


def test_choices_are_read_as_they_were_written(tmp_path):
    written = {"fraud keras": {ALL: Choice({"layers": (500, 500), "dropout": 0.2}, 7, "keras")}}
    choices.write(tmp_path / "choices.json", written)
    assert choices.read(tmp_path / "choices.json") == written


def test_a_search_finds_the_same_twice_and_what_is_best_by_each_metric(monkeypatch: pytest.MonkeyPatch):
    def measured(rows, choice):
        eta = choice.parameters["eta"]
        return {"auc": 1 - abs(eta - 0.2), "average_precision": 1 - abs(eta - 0.8)}

    monkeypatch.setattr("benchmarks.published.search.measured", measured)
    space = Space(
        lambda trial: Choice({"eta": trial.suggest_float("eta", 0, 1)}, 3), 30, {"auc": 1, "average_precision": 2}
    )
    rows = typing.cast(Rows, None)  # what measures is another here
    found = search([rows], space)
    assert found == search([rows], space)
    assert np.isclose(found["auc"].parameters["eta"], 0.2, atol=0.1)
    assert np.isclose(found["average_precision"].parameters["eta"], 0.8, atol=0.1)
    assert np.isclose(found[ALL].parameters["eta"], 0.2, atol=0.1)  # its published figure is the lesser
