"""Evaluation: gates, thresholds, slices, and refusals before anything is written."""

import dataclasses
import json
import pathlib
import shutil
import tracemalloc

import numpy as np
import pyarrow as pa
import pytest

from models.evaluation.evaluation import evaluate, evaluate_candidate, evaluation_path
from models.families.boosting.xgb import XGBoostModel, train
from models.families.family import Split
from models.spec import Costs, Gate
from models.tasks import FAIRNESS_RATES
from models.training.training_set import TrainingSet
from schemas.errors import ArtifactError, InputError
from tests.support.splits import COLUMNS, SPEC, random_split
from transforms.examples.examples import ExampleDecoder, ExampleEncoder


@pytest.fixture(scope="module")
def model() -> XGBoostModel:
    return XGBoostModel(train(SPEC, COLUMNS, random_split(2000, 1), random_split(1000, 2)).booster)


def test_evaluation(model: XGBoostModel) -> None:
    spec = dataclasses.replace(SPEC, gates=(Gate("auc", at_least=0.8), Gate("log_loss", at_most=0.0001)))
    found = evaluate(model, spec, random_split(1000, 2), random_split(1000, 3))
    assert found.metrics["rows"] == 1000
    assert sum(found.metrics["confusion"].values()) == 1000
    assert [gate["passed"] for gate in found.verdict["gates"]] == [True, False]
    assert found.verdict["passed"] is False
    sides = found.slices["side"]
    assert {value["value"] for value in sides} == {"left", None}
    assert sum(value["rows"] for value in sides) == 1000
    json.dumps(dataclasses.asdict(found), allow_nan=False)


def test_gates_on_fairness_are_held_against_what_the_evaluation_lists(model: XGBoostModel) -> None:
    gates = tuple(Gate(f"{rate}_difference", at_most=0.5, slice="side") for rate in FAIRNESS_RATES)
    spec = dataclasses.replace(SPEC, slices=("side",), gates=gates)
    found = evaluate(model, spec, random_split(1000, 2), random_split(1000, 3))
    listed = [found.others["fairness"]["side"][rate]["difference"] for rate in FAIRNESS_RATES]
    assert [gate["value"] for gate in found.verdict["gates"]] == listed
    assert [gate["passed"] for gate in found.verdict["gates"]] == [value <= 0.5 for value in listed]


def test_a_few_long_texts_in_a_slice_cost_their_own_length(model: XGBoostModel) -> None:
    """Not the length of the longest one for every row, as text of fixed width does."""
    rows, length = 4000, 20_000
    texts = [["cash", "card", None][row % 3] for row in range(rows)]
    texts[::300] = [f"{row:0{length}}" for row in range(0, rows, 300)]
    long = pa.array(texts, pa.string())
    test = random_split(rows, 3)
    examples = ExampleEncoder(COLUMNS.names, COLUMNS.kinds, ("side",)).encode(test.features, test.label, {"side": long})
    pool = pa.default_memory_pool()
    before = pool.bytes_allocated()
    tracemalloc.start()
    features, label, slices, *_ = ExampleDecoder(COLUMNS.names, COLUMNS.kinds, ("side",)).decode(examples)
    sides = evaluate(model, SPEC, random_split(1000, 2), Split(features, label, slices)).slices["side"]
    peak = tracemalloc.get_traced_memory()[1] + pool.bytes_allocated() - before
    tracemalloc.stop()
    assert [side["value"] for side in sides[:4]] == [None, "card", "cash", texts[0]]
    assert sum(side["rows"] for side in sides) == rows
    assert peak < 10 * sum(len(text or "") for text in texts)


def test_threshold_of_the_spec_is_taken(model: XGBoostModel) -> None:
    found = evaluate(model, dataclasses.replace(SPEC, threshold=0.7), random_split(1000, 2), random_split(1000, 3))
    assert found.metrics["threshold"] == float(np.float32(0.7))


def test_evaluation_of_one_class(model: XGBoostModel) -> None:
    none = dataclasses.replace(random_split(100, 3), label=np.zeros(100, np.float32))
    with pytest.raises(InputError, match=r"^test split: 100 rows without both labels; use more data$"):
        evaluate(model, SPEC, random_split(100, 2), none)


def test_evaluation_stands_beside_and_is_written_once(
    candidate: pathlib.Path, small_training_set: pathlib.Path
) -> None:
    path = evaluation_path(candidate)
    assert path.parent == candidate.parent
    curves = json.loads((path / "curves.json").read_text())
    assert set(curves) == {"roc", "precision_recall", "calibration", "score_histogram", "gain"}
    assert sum(curves["calibration"]["rows"]) == 600
    with pytest.raises(ArtifactError, match="already a completed evaluation"):
        evaluate_candidate(candidate, TrainingSet.open(small_training_set))


def test_every_file_of_an_evaluation(candidate: pathlib.Path) -> None:
    path = evaluation_path(candidate)
    assert {file.stem for file in path.glob("*.json")} - {"manifest"} == {
        *("metrics", "slices", "curves", "verdict", "thresholds", "fairness", "intervals", "explanation"),
    }
    metrics, found = (json.loads((path / f"{name}.json").read_text()) for name in ("metrics", "intervals"))
    assert (found["draws"], found["level"]) == (200, 0.95)
    low, high = found["metrics"]["auc"]
    assert low < metrics["auc"] < high
    thresholds = json.loads((path / "thresholds.json").read_text())
    at = thresholds["threshold"].index(thresholds["chosen"])
    assert thresholds["precision"][at] == metrics["precision"]
    fairness = json.loads((path / "fairness.json").read_text())
    slices = json.loads((path / "slices.json").read_text())
    assert set(fairness) == set(slices) == set(found["slices"])
    for name, values in slices.items():
        assert [one["value"] for one in values] == [one["value"] for one in fairness[name]["values"]]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_are_no_numbers_are_one_line(model: XGBoostModel, bad: float) -> None:
    class Broken:
        feature_names, classes = model.feature_names, 0

        def predict(self, features: np.ndarray) -> np.ndarray:
            scores = model.predict(features)
            scores[3] = bad
            return scores

        def contributions(self, features: np.ndarray) -> np.ndarray:
            return model.contributions(features)

    with pytest.raises(InputError, match=r"^eval split: the scores of 1 of 100 rows are not finite; train again$"):
        evaluate(Broken(), SPEC, random_split(100, 2), random_split(100, 3))


def test_a_slice_of_one_row_and_scores_that_are_all_the_same(model: XGBoostModel) -> None:
    class Constant:
        feature_names, classes = model.feature_names, 0

        def predict(self, features: np.ndarray) -> np.ndarray:
            return np.full(len(features), 0.25, np.float32)

        def contributions(self, features: np.ndarray) -> np.ndarray:
            return model.contributions(features)

    test = random_split(500, 3)
    lonely = pa.array(["only", *["many"] * 499]).dictionary_encode()
    test = dataclasses.replace(test, slices={"side": lonely})
    spec = dataclasses.replace(SPEC, costs=Costs(false_positive=1, false_negative=5))
    found = evaluate(Constant(), spec, random_split(500, 2), test, draws=50)
    json.dumps(found.files(), allow_nan=False)
    assert (found.metrics["auc"], found.metrics["lift_at_10"]) == (0.5, pytest.approx(1.0))
    assert found.metrics["calibration_error"] == pytest.approx(0.25 - test.label.mean())
    assert found.slices["side"][1]["rows"] == 1
    assert found.slices["side"][1]["auc"] is None
    assert found.others["intervals"]["slices"]["side"][1]["brier"] is None
    assert found.others["fairness"]["side"]["too_few"] == ["only"]
    assert len(found.curves["cost"]["cost"]) == len(found.curves["cost"]["threshold"])
    at = found.curves["cost"]["threshold"].index(found.metrics["threshold"])
    assert found.curves["cost"]["cost"][at] == found.metrics["cost"]


def test_evaluation_on_another_training_set(
    candidate: pathlib.Path, small_training_set: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    training_set = TrainingSet.open(small_training_set)
    training_set.manifest = {**training_set.manifest, "fingerprint": "0" * 64}
    with pytest.raises(ArtifactError, match="give the one it was trained on"):
        evaluate_candidate(shutil.copytree(candidate, tmp_path / "c"), training_set)
