"""Training and evaluation: repeatable bytes, imbalance, gates, and refusals before anything is written."""

import dataclasses
import json
import shutil
import tracemalloc

import numpy as np
import pyarrow as pa
import pytest

from models.evaluation import metrics
from models.evaluation.evaluation import evaluate, evaluate_candidate, evaluation_path
from models.families import xgb
from models.families.xgb import XGBoostModel
from models.spec import Gate, ModelSpec
from models.training.training import overridden, spec_as_json, spec_from_json, train_candidate
from models.training.training_set import Split, TrainingSet
from schemas.artifacts import artifact
from schemas.errors import ArtifactError, InputError
from tests.support.small_artifacts import FAST
from transforms.examples.examples import ExampleDecoder, ExampleEncoder

NAMES = ("a", "b", "c")
SPEC = ModelSpec(parameters=FAST, rounds=60, early_stopping_rounds=5, seed=3)


def split(rows: int, seed: int, share: float = 0.1) -> Split:
    """A label that follows the first feature, with few positives."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(rows, 3)).astype(np.float32)
    order = features[:, 0] + 0.5 * random.normal(size=rows)
    label = (order > np.quantile(order, 1 - share)).astype(np.float32)
    sides = pa.array(["left" if right > 0 else None for right in features[:, 1]]).dictionary_encode()
    return Split(features, label, {"side": sides})


@pytest.fixture(scope="module")
def trained() -> xgb.Trained:
    return xgb.train(SPEC, NAMES, split(2000, 1), split(1000, 2))


@pytest.fixture
def model(trained, tmp_path) -> XGBoostModel:
    xgb.save(trained.booster, tmp_path)
    return XGBoostModel.load(tmp_path)


def test_two_trainings_are_equal_bytes(trained):
    again = xgb.train(SPEC, NAMES, split(2000, 1), split(1000, 2))
    assert again.booster.save_raw() == trained.booster.save_raw()
    other = xgb.train(
        dataclasses.replace(SPEC, parameters={**FAST, "subsample": 0.5}), NAMES, split(2000, 1), split(1000, 2)
    )
    assert other.booster.save_raw() != trained.booster.save_raw()


def test_stops_early_and_keeps_the_best_rounds(trained):
    losses = trained.history["logloss"]
    assert trained.rounds == 1 + int(np.argmin(losses)) == trained.booster.num_boosted_rounds()
    assert trained.rounds < len(losses) < SPEC.rounds


def test_imbalance_is_handled_and_scores_stay_probabilities(model):
    test = split(4000, 5)
    scores = model.predict(test.features)
    assert scores.dtype == np.float32
    assert abs(float(scores.mean()) - 0.1) < 0.03
    assert metrics.of_scores(test.label, scores, 0.5)["auc"] > 0.9


def test_saved_model_scores_alike_at_any_batch_size(model):
    features = split(500, 6).features
    whole = model.predict(features)
    for size in (1, 3, 17, 100):
        parts = [model.predict(features[start : start + size]) for start in range(0, 500, size)]
        assert np.concatenate(parts).tobytes() == whole.tobytes()


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_label_with_one_class(share):
    one_class = dataclasses.replace(split(50, 1), label=np.full(50, share, np.float32))
    with pytest.raises(InputError, match=f"train split: only label {int(share)} in 50 rows, wanted both"):
        xgb.train(SPEC, NAMES, one_class, split(50, 2))
    with pytest.raises(InputError, match="eval split: only label"):
        xgb.train(SPEC, NAMES, split(50, 2), one_class)


def test_parameters_are_checked_before_anything_is_trained():
    with pytest.raises(InputError, match="did you mean max_depth"):
        xgb.train(dataclasses.replace(SPEC, parameters={"max_deepth": 3}), NAMES, split(50, 1), split(50, 2))


def test_labels_of_a_build_that_did_not_look_at_them():
    twos = dataclasses.replace(split(50, 1), label=np.full(50, 2, np.float32))
    for splits in ((twos, split(50, 1)), (split(50, 1), twos)):
        with pytest.raises(InputError, match="split: its label has 50 values that are neither 0 nor 1"):
            xgb.train(SPEC, NAMES, *splits)


ODD_NAMES = ("age<18", "zip[0]", 'a "b"\n\t=:,é')


def test_a_feature_may_have_any_name(tmp_path):
    booster = xgb.train(SPEC, ODD_NAMES, split(500, 1), split(500, 2)).booster
    xgb.save(booster, tmp_path)
    model = XGBoostModel.load(tmp_path)
    assert model.feature_names == xgb.names_in_model(ODD_NAMES) == ("age%3C18", "zip%5B0%5D", ODD_NAMES[2])
    features = split(20, 3).features
    plain = xgb.train(SPEC, NAMES, split(500, 1), split(500, 2)).booster
    assert model.predict(features).tobytes() == plain.inplace_predict(features, validate_features=False).tobytes()
    assert model.contributions(features).shape == (20, 4)
    assert set(xgb.describe(tmp_path)["share_of_gain"]) <= set(ODD_NAMES)
    assert xgb.describe(tmp_path)["share_of_gain"]["age<18"] > 0.5


def test_two_features_that_xgboost_cannot_tell_apart_are_one_line():
    with pytest.raises(InputError, match="xgboost: feature_names must be unique"):
        xgb.train(SPEC, ("a[", "a%5B", "b"), split(50, 1), split(50, 2))


def test_evaluation(model):
    spec = dataclasses.replace(SPEC, gates=(Gate("auc", at_least=0.8), Gate("log_loss", at_most=0.0001)))
    found = evaluate(model, spec, split(1000, 2), split(1000, 3))
    assert found.metrics["rows"] == 1000
    assert sum(found.metrics["confusion"].values()) == 1000
    assert [gate["passed"] for gate in found.verdict["gates"]] == [True, False]
    assert found.verdict["passed"] is False
    sides = found.slices["side"]
    assert {value["value"] for value in sides} == {"left", None}
    assert sum(value["rows"] for value in sides) == 1000
    json.dumps(dataclasses.asdict(found), allow_nan=False)


def test_a_few_long_texts_in_a_slice_cost_their_own_length(model):
    """Not the length of the longest one for every row, as text of fixed width does."""
    rows, length = 4000, 20_000
    texts = [["cash", "card", None][row % 3] for row in range(rows)]
    texts[::300] = [f"{row:0{length}}" for row in range(0, rows, 300)]
    long = pa.array(texts, pa.string())
    test = split(rows, 3)
    examples = ExampleEncoder(NAMES, ("float",) * 3, ("side",)).encode(test.features, test.label, {"side": long})
    pool = pa.default_memory_pool()
    before = pool.bytes_allocated()
    tracemalloc.start()
    features, label, slices = ExampleDecoder(NAMES, ("float",) * 3, ("side",)).decode(examples)
    sides = evaluate(model, SPEC, split(1000, 2), Split(features, label, slices)).slices["side"]
    peak = tracemalloc.get_traced_memory()[1] + pool.bytes_allocated() - before
    tracemalloc.stop()
    assert [side["value"] for side in sides[:4]] == [None, "card", "cash", texts[0]]
    assert sum(side["rows"] for side in sides) == rows
    assert peak < 10 * sum(len(text or "") for text in texts)


def test_threshold_of_the_spec_is_taken(model):
    found = evaluate(model, dataclasses.replace(SPEC, threshold=0.7), split(1000, 2), split(1000, 3))
    assert found.metrics["threshold"] == float(np.float32(0.7))


def test_evaluation_of_one_class(model):
    none = dataclasses.replace(split(100, 3), label=np.zeros(100, np.float32))
    with pytest.raises(InputError, match="test split: 100 rows without both labels"):
        evaluate(model, SPEC, split(100, 2), none)


def test_candidate_has_what_scoring_needs(candidate, small_training_set, taxi):
    opened = artifact.open_artifact(candidate, "candidate")
    opened.verify()
    names = set(opened.manifest["files"])
    assert {"model/model.ubj", "schema.pbtxt", "statistics/train.pb", "training.json", "graph/features.json"} <= names
    training_set = TrainingSet.open(small_training_set)
    assert opened.manifest["training_set_fingerprint"] == training_set.fingerprint
    assert spec_from_json(opened.manifest["model"]).gates == taxi.model.gates


def test_two_candidates_are_equal_bytes(candidate, small_training_set, taxi, tmp_path):
    train_candidate(taxi, TrainingSet.open(small_training_set), tmp_path / "c", 1, {**FAST, "subsample": 0.5})
    assert (tmp_path / "c" / "manifest.json").read_bytes() == (candidate / "manifest.json").read_bytes()


def test_evaluation_stands_beside_and_is_written_once(candidate, small_training_set):
    path = evaluation_path(candidate)
    assert path.parent == candidate.parent
    curves = json.loads((path / "curves.json").read_text())
    assert set(curves) == {"roc", "precision_recall", "calibration", "score_histogram"}
    assert sum(curves["calibration"]["rows"]) == 600
    with pytest.raises(ArtifactError, match="already a completed evaluation"):
        evaluate_candidate(candidate, TrainingSet.open(small_training_set))


def test_training_set_of_another_use_case(taxi, small_training_set, tmp_path):
    other = dataclasses.replace(taxi, name="fraud")
    with pytest.raises(InputError, match="a training set of use case 'taxi', wanted 'fraud'"):
        train_candidate(other, TrainingSet.open(small_training_set), tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_evaluation_on_another_training_set(candidate, small_training_set, tmp_path):
    training_set = TrainingSet.open(small_training_set)
    training_set.manifest = {**training_set.manifest, "fingerprint": "0" * 64}
    with pytest.raises(ArtifactError, match="give the one it was trained on"):
        evaluate_candidate(shutil.copytree(candidate, tmp_path / "c"), training_set)


def test_training_set_reads_every_row(small_training_set, taxi, trips):
    training_set = TrainingSet.open(small_training_set)
    train = training_set.load("train")
    assert train.features.shape == (1800, 16)
    assert train.label.tolist() == taxi.label(trips.slice(0, 1800)).tolist()
    assert train.slices["payment_type"].tolist() == trips.column("payment_type").slice(0, 1800).to_pylist()
    with pytest.raises(InputError, match="has no split 'holdout'"):
        training_set.load("holdout")


def test_training_set_with_a_missing_shard(small_training_set, tmp_path):
    path = shutil.copytree(small_training_set, tmp_path / "training_set")
    (path / "eval-00000-of-00001.tfrecord.gz").unlink()
    with pytest.raises(ArtifactError, match="missing, the manifest names it"):
        TrainingSet.open(path).load("eval")


def test_what_replaces_the_specs_own(taxi):
    spec = overridden(taxi.model, rounds=7, early_stopping_rounds=3)
    assert (spec.rounds, spec.early_stopping_rounds) == (7, 3)
    assert dataclasses.replace(spec, rounds=400, early_stopping_rounds=25) == taxi.model
    assert overridden(taxi.model) == taxi.model


def test_spec_survives_json(taxi):
    spec = overridden(taxi.model, 9, {"max_depth": 2})
    assert (spec.seed, spec.parameters["max_depth"], spec.parameters["eta"]) == (9, 2, taxi.model.parameters["eta"])
    assert spec_from_json(json.loads(json.dumps(spec_as_json(spec), sort_keys=True))) == spec


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"family": "forest"}, "family is 'forest', wanted one of xgboost"),
        ({"task": "ranking"}, "task is 'ranking'"),
        ({"split": {"train": 0.9, "test": 0.1}}, "wanted fractions of train, eval, test"),
        ({"split": {"train": 0.9, "eval": 0.2, "test": 0.1}}, "that sum to 1"),
        ({"threshold": 1.5}, "threshold is 1.5"),
        ({"threshold": "best"}, "threshold is 'best'"),
        ({"rounds": 0}, "must be 1 or more"),
    ],
)
def test_spec_that_makes_no_sense(wrong, message):
    with pytest.raises(InputError, match=message):
        ModelSpec(**wrong)


def test_gate_needs_one_limit():
    with pytest.raises(InputError, match="give at_least or at_most"):
        Gate("auc")
    assert Gate("log_loss", at_most=0.0).passes(0.0)
    assert not Gate("log_loss", at_most=0.3).passes(0.4)


def test_metrics_of_one_class_have_no_auc():
    found = metrics.of_scores(np.zeros(3), np.array([0.0, 0.2, 1.0], np.float32), 0.5)
    assert (found["auc"], found["average_precision"], found["recall"]) == (None, None, None)
    assert np.isfinite(found["log_loss"])
    assert metrics.of_scores(np.empty(0), np.empty(0), 0.5)["log_loss"] is None


def test_a_training_set_whose_graph_reads_more_than_serving_has(small_training_set, tmp_path):
    copied = shutil.copytree(small_training_set, tmp_path / "set")
    shutil.copy(copied / "schema.pbtxt", copied / "graph" / "schema.pbtxt")  # with `tips`, which only training has
    manifest = json.loads((copied / artifact.MANIFEST).read_text())
    facts = {name: value for name, value in manifest.items() if name not in ("files", "kind")}
    artifact.complete(copied, "training_set", facts)
    with pytest.raises(ArtifactError, match=r"graph: reads other columns than serving has .* build the training set"):
        TrainingSet.open(copied)


def test_a_feature_that_no_row_has_is_told(taxi, small_training_set, tmp_path, monkeypatch, caplog):
    loaded = TrainingSet.load

    def without_fare(self, split):
        found = loaded(self, split)
        found.features[:, self.feature_names.index("fare")] = np.nan
        return found

    monkeypatch.setattr(TrainingSet, "load", without_fare)
    train_candidate(taxi, TrainingSet.open(small_training_set), tmp_path / "candidate", parameters=FAST, rounds=2)
    (told,) = [one.getMessage() for one in caplog.records if one.name == "models.training.training"]
    assert "feature 'fare' is missing in every row of split train" in told
