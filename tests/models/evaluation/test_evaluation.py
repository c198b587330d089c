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
from models.families.family import Split
from models.families.xgb import XGBoostModel, train
from models.spec import Gate
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
    features, label, slices = ExampleDecoder(COLUMNS.names, COLUMNS.kinds, ("side",)).decode(examples)
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
    assert set(curves) == {"roc", "precision_recall", "calibration", "score_histogram"}
    assert sum(curves["calibration"]["rows"]) == 600
    with pytest.raises(ArtifactError, match="already a completed evaluation"):
        evaluate_candidate(candidate, TrainingSet.open(small_training_set))


def test_evaluation_on_another_training_set(
    candidate: pathlib.Path, small_training_set: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    training_set = TrainingSet.open(small_training_set)
    training_set.manifest = {**training_set.manifest, "fingerprint": "0" * 64}
    with pytest.raises(ArtifactError, match="give the one it was trained on"):
        evaluate_candidate(shutil.copytree(candidate, tmp_path / "c"), training_set)
