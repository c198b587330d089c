"""What a use case says of its model: values that make no sense are one line when the spec is made."""

import json
from typing import Any

import numpy as np
import pytest

from models.losses import Poisson, Squared
from models.measures.class_metrics import of_classes
from models.measures.metrics import of_scores
from models.measures.number_metrics import of_numbers
from models.measures.rank_metrics import RankedQueries
from models.search import Real, Search
from models.spec import Costs, Gate, Metric, ModelSpec
from models.spec_json import spec_as_json, spec_from_json
from models.tasks import BINARY, MEANS, METRICS, METRICS_OF, MULTICLASS, RANKING, REGRESSION, SHARES, TASKS
from schemas.errors import InputError


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"family": "forest"}, "family is 'forest', wanted one of xgboost"),
        ({"task": "rankings"}, "task is 'rankings', wanted one of binary, .*, did you mean ranking?"),
        ({"task": "ranking", "threshold": 0.5}, "threshold of task ranking, which has none"),
        ({"task": "ranking", "down_sample": {0: 0.1}}, "down_sample is for classes, the task is ranking"),
        (
            {"loss": "poisson"},
            r"loss is 'poisson', wanted a value of models.losses, as LogLoss\(\), did you mean Poisson",
        ),
        ({"loss": Poisson}, "loss is 'Poisson', wanted a value of models.losses"),
        ({"loss": Poisson()}, "loss Poisson is for regression, the task is binary; wanted one of LogLoss, Focal"),
        (
            {"task": "ranking", "loss": Squared()},
            "loss Squared is for regression, the task is ranking; .* NDCG, Pairwise",
        ),
        ({"balance": "weigth"}, "balance is 'weigth', wanted one of weight, none, did you mean weight?"),
        ({"stop_by": 3}, "stop_by is 3, wanted the name of a metric"),
        ({"monotone": {"age": 2}}, "monotone has 'age': 2, wanted a dict from a feature's name to 1"),
        ({"monotone": (1, 0)}, "monotone is a tuple, wanted a dict"),
        ({"interactions": ("age", "fare")}, "a group of interactions is 'age', wanted groups of names"),
        ({"interactions": (("age", "age"),)}, "a group of interactions names a feature twice"),
        ({"categories": "company"}, r"categories is 'company', wanted names of features, as in \(\"company\",\)"),
        ({"family": "forest"}, "family is 'forest', wanted one of xgboost, keras"),
        ({"task": "multiclass"}, "task multiclass with 0 classes, wanted 2 to 1,000"),
        ({"task": "multiclass", "classes": ("a",)}, "task multiclass with 1 classes"),
        ({"task": "multiclass", "classes": ("a", "a")}, "a class is named twice"),
        ({"task": "multiclass", "classes": "ab"}, "classes is 'ab', wanted a tuple"),
        ({"task": "multiclass", "classes": (1, 2)}, "a class is called 1, wanted a tuple"),
        ({"task": "multiclass", "classes": ("a", "")}, "a class is called '', wanted a tuple"),
        ({"classes": ("a", "b")}, "classes of task binary, which has none"),
        ({"task": "regression", "threshold": 0.5}, "threshold of task regression, which has none"),
        ({"gates": (Gate("rmse", at_most=1),)}, "task binary: a gate's metric is 'rmse', wanted one of auc, "),
        ({"gates": (Gate("label_mean", at_most=2),)}, "its limit is 2, wanted a number from 0 to 1"),
        ({"task": "regression", "gates": (Gate("auc", at_least=0.5),)}, "gate's metric is 'auc', wanted one of rmse"),
        ({"family": "xgbost"}, "wanted one of xgboost, keras, did you mean xgboost?"),
        ({"split": {"train": 0.9, "test": 0.1}}, "wanted a dict with fractions of train, eval, test"),
        ({"split": {"train": 0.9, "eval": 0.2, "test": 0.1}}, "that sum to 1"),
        ({"split": 0.7}, "split is 0.7, wanted a dict"),
        ({"split": {"train": "0.7", "eval": 0.2, "test": 0.1}}, "wanted a dict with fractions"),
        ({"threshold": 1.5}, "threshold is 1.5"),
        ({"threshold": None}, "threshold is None, wanted a number between 0 and 1 or 'best_f1'"),
        ({"threshold": "best"}, "threshold is 'best'"),
        ({"parameters": {"layers": (64, "32")}}, "wanted a finite number or a text, or a tuple of numbers"),
        ({"parameters": {"layers": ()}}, "wanted a finite number or a text, or a tuple of numbers"),
        ({"rounds": 0}, "rounds is 0, wanted a whole number of 1 or more"),
        ({"rounds": "500"}, "rounds is '500', wanted a whole number"),
        ({"early_stopping_rounds": 1.5}, "early_stopping_rounds is 1.5, wanted a whole number"),
        ({"seed": True}, "seed is True, wanted a whole number of 0 or more"),
        ({"parameters": [("eta", 0.1)]}, r"parameters is \[\('eta', 0.1\)\], wanted a dict"),
        ({"parameters": {1: 2}}, "a parameter is called 1, wanted a text"),
        ({"slices": "purpose"}, r"slices is 'purpose', wanted a tuple as \(\"purpose\",\)"),
        ({"slices": ("a", "a")}, "a slice is named twice"),
        ({"gates": Gate("auc", at_least=0.5)}, r"gates is Gate\(.*, wanted a tuple as \(Gate\("),
        ({"gates": ("auc",)}, r"gates is \('auc',\), wanted a tuple"),
        ({"gates": (Gate("acu", at_least=0.5),)}, "a gate's metric is 'acu', wanted one of auc, .*, did you mean auc?"),
        ({"gates": (Gate("cost", at_most=1),)}, "a gate's metric is 'cost', wanted one of"),
        (
            {"task": "regression", "gates": (Gate("selection_rate_ratio", at_least=0.8, slice="sex"),)},
            "task regression: a gate's metric is 'selection_rate_ratio', wanted one of rmse",
        ),
        ({"gates": (Gate("rows", no_worse_by=1),)}, "'rows', of which neither more nor less is better"),
        (
            {"gates": (Gate("auc", at_least=0.5, slice="sex"),)},
            "of slice 'sex', wanted a column, but the model names no",
        ),
        (
            {"slices": ("age", "sex"), "gates": (Gate("auc", at_least=0.5, slice="sax"),)},
            "of slice 'sax', wanted one of slices, age, sex, did you mean sex?",
        ),
        ({"metrics": ("found",)}, r"metrics is \('found',\), wanted a tuple as \(Metric"),
        ({"metrics": (Metric("a", None), Metric("a", None))}, "a metric is named twice"),
        ({"costs": 5}, r"costs is 5, wanted Costs\("),
        (
            {"task": "regression", "costs": Costs(false_positive=1, false_negative=9)},
            "costs of task regression",
        ),
        ({"search": {"eta": 1}}, r"search is \{'eta': 1\}, wanted Search\(space"),
        (
            {"search": Search(space={"eta": Real(0, 1)}, metric="rmse")},
            "the search's metric is 'rmse', wanted one",
        ),
        (
            {"search": Search(space={"eta": Real(0, 1)}, metric="rows")},
            "the search's metric is 'rows', wanted one",
        ),
        ({"round": 500}, r"ModelSpec has no 'round' \(it has task, .*\), did you mean rounds?"),
    ],
)
def test_spec_that_makes_no_sense(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ModelSpec(**wrong)


def test_lists_do_as_well_as_tuples() -> None:
    spec = ModelSpec(slices=["a"], gates=[Gate("auc", at_least=1)])  # type: ignore[arg-type]  # people write lists
    assert (spec.slices, spec.gates) == (("a",), (Gate("auc", at_least=1),))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"metric": 5, "at_least": 0.5}, "gate: metric is 5, wanted one of auc, "),
        ({"metric": "auc", "at_least": 80}, "gate on 'auc': its limit is 80, wanted a number from 0 to 1"),
        ({"metric": "auc", "at_least": "0.8"}, "its limit is '0.8', wanted a number"),
        ({"metric": "log_loss", "at_most": -0.1}, "its limit is -0.1, wanted a number of 0 or more"),
        ({"metric": "log_loss", "at_most": float("nan")}, "its limit is nan"),
        ({"metric": "log_loss", "no_worse_by": -0.1}, "its limit is -0.1, wanted a number of 0 or more"),
        ({"metric": "r2", "no_worse_by": -0.1}, "its limit is -0.1, wanted a number"),
        ({"metric": "auc", "no_worse_by": 0.1, "at_least": 0.5}, "give at_least or at_most or no_worse_by, one of"),
        ({"metric": "auc", "at_least": 0.5, "slice": 5}, "slice is 5, wanted a text"),
        ({"metric": "auc", "at_least": 0.5, "min_rows": 5}, "min_rows without slice"),
        ({"metric": "auc", "at_least": 0.5, "slice_value": "x"}, "slice_value without slice"),
        ({"metric": "auc", "at_least": 0.5, "slice": "a", "min_rows": 0}, "min_rows is 0, wanted 1 or more"),
        ({"metric": "selection_rate_ratio", "at_least": 0.8}, "is of the values of a slice; give slice, a column"),
        ({"metric": "selection_rate_ratio", "at_most": 0.8, "slice": "a"}, "wanted at_least, which alone makes"),
        ({"metric": "selection_rate_difference", "no_worse_by": 0, "slice": "a"}, "wanted at_most, which alone makes"),
        (
            {"metric": "selection_rate_ratio", "at_least": 80, "slice": "a"},
            "its limit is 80, wanted a number from 0 to",
        ),
        (
            {"metric": "true_positive_rate_ratio", "at_least": 0.8, "slice": "a", "min_rows": 9},
            "it is of all values of the slice; leave min_rows out",
        ),
        (
            {"metric": "auc", "at_least": 0.5, "slice": "a", "slice_value": "x", "min_rows": 9},
            "min_rows with slice_value, which is one value",
        ),
        (
            {"metric": "auc", "atleast": 0.5},
            r"Gate has no 'atleast' \(it has metric, at_least, at_most, .*\), did you mean at_least\?",
        ),
    ],
)
def test_gate_that_makes_no_sense(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Gate(**wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "auc"}, "metric 'auc': evaluations have one of that name"),
        ({"name": "cost"}, "metric 'cost': evaluations have one of that name"),
        ({"name": "selection_rate_ratio"}, "metric 'selection_rate_ratio': evaluations have one of that name"),
        ({"name": "share found"}, "its name is 'share found', wanted one as"),
        ({"function": "f"}, "metric 'm': function is 'f', wanted a function"),
        ({"columns": "CARD"}, r"metric 'm': columns is 'CARD', wanted a tuple as \("),
        ({"higher_is_better": None}, "metric 'm': higher_is_better is None, wanted a bool"),
        ({"colums": ()}, "Metric has no 'colums'.*did you mean columns?"),
    ],
)
def test_metric_that_makes_no_sense(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Metric(**{"name": "m", "function": None} | wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"false_positive": float("inf")}, "costs: false_positive is of type float, wanted a finite number"),
        ({"false_negative": "9"}, "costs: false_negative is of type str"),
        ({"true_positive": 10}, "costs: false_negative costs no more than true_positive"),
        ({"true_negative": 1}, "costs: false_positive costs no more than true_negative"),
    ],
)
def test_costs_that_make_no_sense(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Costs(**{"false_positive": 1, "false_negative": 10} | wrong)


def test_own_metrics_costs_and_gates_are_kept_as_values_without_the_function() -> None:
    spec = ModelSpec(
        slices=("side",),
        metrics=(Metric("found", max, columns=("CARD",)),),
        costs=Costs(false_positive=1, false_negative=20),
        gates=(Gate("found", at_least=-5.0), Gate("cost", no_worse_by=0.1, slice="side", min_rows=7)),
    )
    kept = spec_as_json(spec)
    assert kept["metrics"] == [{"name": "found", "columns": ["CARD"], "higher_is_better": True}]
    assert kept["gates"][0] == {"metric": "found", "at_least": -5.0, "at_most": None}
    read = spec_from_json(json.loads(json.dumps(kept)), "c")
    assert read == spec
    assert read.metrics[0].function is None
    assert set(spec_as_json(ModelSpec())).isdisjoint({"metrics", "costs"})


def test_gates_are_on_what_an_evaluation_measures() -> None:
    label, scores = np.array([0, 1], np.float32), np.array([0.25, 0.75], np.float32)
    measured = {
        BINARY: of_scores(label, scores, 0.5),
        MULTICLASS: of_classes(label, np.stack([1 - scores, scores], axis=1), ["a", "b"]),
        REGRESSION: of_numbers(label, scores),
        RANKING: RankedQueries(label, scores, np.zeros(2, np.int64)).metrics(),
    }
    assert set(METRICS_OF) == set(TASKS) == set(measured)
    for task, found in measured.items():
        assert set(METRICS_OF[task]) == found.keys() - {"confusion", "classes"}
        assert all(0 <= found[name] <= 1 for name in SHARES if name in found)
    assert all(0 <= measured[BINARY][name] <= 1 for name in MEANS)
    assert set(METRICS) == {name for names in METRICS_OF.values() for name in names}


def test_a_gate_of_numbers_may_be_below_zero() -> None:
    gates = (Gate("r2", at_least=-1), Gate("label_mean", at_most=2e5), Gate("rmse", at_most=30_000))
    assert ModelSpec(task="regression", gates=gates).gates == gates
    with pytest.raises(InputError, match="its limit is -1, wanted a number of 0 or more"):
        Gate("rmse", at_least=-1)


def test_gate_needs_one_limit() -> None:
    with pytest.raises(InputError, match="give at_least or at_most"):
        Gate("auc")
    assert Gate("log_loss", at_most=0.0).passes(0.0)
    assert not Gate("log_loss", at_most=0.3).passes(0.4)
