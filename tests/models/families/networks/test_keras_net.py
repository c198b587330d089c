"""The family `keras`: what it learns, repeatable bytes, equal bits in every batch and on every kind of processor."""

import dataclasses
import hashlib
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from models.families.family import Family, FeatureColumns, Model, Split, TrainingRun
from models.families.networks import keras_net
from models.families.table.choice import describe_model, family_of
from models.spec import ModelSpec, Parameter
from schemas.errors import ArtifactError, InputError
from transforms.graph.wide_outputs import IDS, VECTOR, WideOutput

ROOT = pathlib.Path(__file__).parents[4]
# Numbers a and b, which may be missing; ids c; a vector d of two; a list of ids e, counted.
COLUMNS = FeatureColumns(
    ("a", "b", "c", "d/0", "d/1", "e/0", "e/1", "e/2"),
    ("float", "float", "int", "float", "float", "int", "int", "int"),
    (WideOutput("d", VECTOR, 3, 2), WideOutput("e", IDS, 5, 3)),
)
SMALL: Mapping[str, Parameter] = {"layers": (16,), "batch_size": 64, "embedding_size": 4, "learning_rate": 0.01}
SPECS = {
    "binary": ModelSpec(family="keras", parameters=SMALL, rounds=12, early_stopping_rounds=4, seed=3),
    "multiclass": ModelSpec(
        task="multiclass",
        classes=("low", "middle", "high"),
        family="keras",
        parameters={**SMALL, "network": "wide_and_deep", "dropout": 0.1},
        rounds=12,
        seed=3,
    ),
    "regression": ModelSpec(
        task="regression", family="keras", parameters={**SMALL, "network": "dcn", "activation": "tanh"}, rounds=12
    ),
}


def split(spec: ModelSpec, rows: int, seed: int) -> Split:
    """Return a split whose label follows all five outputs of a graph."""
    random = np.random.default_rng(seed)
    numbers = random.normal(100, 20, (rows, 2))
    ids, vector, counts = random.integers(0, 6, rows), random.random((rows, 2)), random.poisson(0.7, (rows, 3))
    order = (numbers[:, 0] - 100) / 20 + np.array([-2, 2, 0, 1, -1, 0])[ids] + vector[:, 0] - counts[:, 1]
    order += 0.3 * random.normal(size=rows)
    numbers[random.random(rows) < 0.1, 1] = np.nan
    label = {
        "binary": order > 1.5,
        "multiclass": np.digitize(order, [-1.0, 1.0]),
        "regression": 150_000 + 40_000 * order,
    }[spec.task]
    features = np.column_stack([numbers, ids, vector, counts]).astype(np.float32)
    return Split(features, label.astype(np.float32), {})


def saved(spec: ModelSpec, folder: pathlib.Path, run: TrainingRun | None = None) -> Any:
    trained = keras_net.train(spec, COLUMNS, split(spec, 1500, 1), split(spec, 500, 2), run or TrainingRun())
    trained.save(folder)
    return trained


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, pathlib.Path]:
    """A model folder of every task, each of another network."""
    made = {task: tmp_path_factory.mktemp(task) for task in SPECS}
    for task, folder in made.items():
        saved(SPECS[task], folder)
    return made


@pytest.fixture(scope="module")
def models(folders: Mapping[str, pathlib.Path]) -> Mapping[str, Model]:
    return {task: keras_net.load(folder) for task, folder in folders.items()}


def digest(folder: pathlib.Path) -> dict[str, str]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_it_is_a_family() -> None:
    family: Family = keras_net  # what mypy compares with the protocol
    assert family_of("keras") is family


def test_every_task_is_learnt(models: Mapping[str, Model]) -> None:
    found = {task: model.predict(split(SPECS[task], 1000, 5).features) for task, model in models.items()}
    labels = {task: split(SPECS[task], 1000, 5).label for task in SPECS}
    assert {task: scores.shape for task, scores in found.items()} == {
        "binary": (1000,),
        "multiclass": (1000, 3),
        "regression": (1000,),
    }
    assert all(scores.dtype == np.float32 for scores in found.values())
    binary = found["binary"]
    assert ((binary > 0.5) == labels["binary"]).mean() > 0.9
    assert abs(binary.mean() - labels["binary"].mean()) < 0.03
    assert found["multiclass"].sum(axis=1) == pytest.approx(np.ones(1000), abs=1e-5)
    assert (found["multiclass"].argmax(axis=1) == labels["multiclass"]).mean() > 0.8
    assert np.abs(found["regression"] - labels["regression"]).mean() < 25_000


def test_bits_do_not_depend_on_the_batch(models: Mapping[str, Model]) -> None:
    for task, model in models.items():
        features = split(SPECS[task], 4096, 6).features
        whole = model.predict(features)
        for size in (*range(1, 20), 31, 32, 33, 47, 48, 64, 100, 128, 255, 512, 1000, 2048, 4095):
            for start in (0, 1, 4096 - size):
                part = model.predict(features[start : start + size])
                assert part.tobytes() == whole[start : start + size].tobytes(), (task, size, start)
        assert model.predict(features[:0]).shape == whole[:0].shape


def test_bits_of_wide_layers_do_not_depend_on_the_batch() -> None:
    """A plain product of float32 this large takes other ways through TensorFlow's kernels in other batches."""
    import tensorflow as tf

    from models.families.networks.keras_exact import ExactProduct

    random = np.random.default_rng(2)
    kernel = random.normal(size=(500, 512)).astype(np.float32)
    features = random.normal(size=(512, 500)).astype(np.float32)
    product = ExactProduct.of(float(np.abs(features).max()), kernel, None)
    exact = tf.function(product.of_rows, input_signature=[tf.TensorSpec([None, 500], tf.float32)])
    whole = exact(tf.constant(features)).numpy()
    for size in (1, 2, 16, 31, 32, 48, 64, 128, 300):
        assert exact(tf.constant(features[:size])).numpy().tobytes() == whole[:size].tobytes(), size
    backwards = exact(tf.constant(features[::-1].copy())).numpy()[::-1]
    assert np.ascontiguousarray(backwards).tobytes() == whole.tobytes()
    wanted = features.astype(np.float64) @ kernel.astype(np.float64)
    assert np.abs(whole - wanted).max() < 1e-5 * np.abs(wanted).max()


_SCORES = """
import hashlib, pathlib, sys
import numpy as np
from models.families.networks import keras_net
for folder in sys.argv[1:]:
    features = np.random.default_rng(3).normal(1, 40, (999, 8)).astype(np.float32)
    features[::7, 1] = np.nan
    features[:, 2] = np.arange(999) % 9
    model = keras_net.load(pathlib.Path(folder))
    print(hashlib.sha256(model.predict(features).tobytes() + model.predict(features[5:18]).tobytes()).hexdigest())
"""


@pytest.mark.needs_time
@pytest.mark.timeout(600)
def test_bits_do_not_depend_on_the_processor(folders: Mapping[str, pathlib.Path]) -> None:
    """Other instruction sets, as oneDNN and glibc emulate them, and oneDNN itself on or off; another number of threads.

    A plain product of float32 gives other bits in each.
    """
    ways = [
        {"TF_ENABLE_ONEDNN_OPTS": "1"},
        {"TF_ENABLE_ONEDNN_OPTS": "0", "ONEDNN_MAX_CPU_ISA": "SSE41"},
        {"TF_ENABLE_ONEDNN_OPTS": "1", "ONEDNN_MAX_CPU_ISA": "SSE41"},
        {
            "TF_ENABLE_ONEDNN_OPTS": "1",
            "ONEDNN_MAX_CPU_ISA": "AVX",
            "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX2,-FMA",
        },
    ]
    command = [sys.executable, "-c", _SCORES, *map(str, folders.values())]
    found = {
        subprocess.run(command, env=os.environ | way, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for way in ways
    }
    assert len(found) == 1
    assert len(found.pop().split()) == len(SPECS)


_TRAINS = """
import pathlib, sys
from tests.models.families.networks import test_keras_net as test
test.saved(test.SPECS["binary"], pathlib.Path(sys.argv[1]))
"""


def test_two_trainings_are_equal_bytes(folders: Mapping[str, pathlib.Path], tmp_path: pathlib.Path) -> None:
    saved(SPECS["binary"], tmp_path / "again")
    assert digest(tmp_path / "again") == digest(folders["binary"])
    other = dataclasses.replace(SPECS["binary"], seed=4)
    saved(other, tmp_path / "other")
    assert digest(tmp_path / "other")["network/saved_model.pb"] != digest(folders["binary"])["network/saved_model.pb"]


@pytest.mark.needs_time
@pytest.mark.timeout(600)
def test_another_process_gives_the_same_bytes(folders: Mapping[str, pathlib.Path], tmp_path: pathlib.Path) -> None:
    subprocess.run([sys.executable, "-c", _TRAINS, str(tmp_path / "theirs")], cwd=ROOT, check=True, capture_output=True)
    assert digest(tmp_path / "theirs") == digest(folders["binary"])


def test_stops_early_and_keeps_the_best_round() -> None:
    spec = dataclasses.replace(SPECS["binary"], rounds=60, parameters={**SMALL, "learning_rate": 0.05})
    told: list[tuple[int, float]] = []

    def hear(rounds: int, metrics: Mapping[str, float]) -> bool:
        told.append((rounds, metrics["logloss"]))
        return False

    trained = keras_net.train(spec, COLUMNS, split(spec, 300, 1), split(spec, 300, 2), TrainingRun(on_round=hear))
    losses = trained.history["logloss"]
    assert trained.rounds == 1 + int(np.argmin(losses)) < len(losses) < 60
    assert told == list(enumerate(losses, 1))


def test_a_run_that_says_so_ends_it() -> None:
    spec = SPECS["regression"]
    ends = TrainingRun(on_round=lambda rounds, metrics: rounds == 2)
    trained = keras_net.train(spec, COLUMNS, split(spec, 300, 1), split(spec, 300, 2), ends)
    assert len(trained.history["rmse"]) == 2


def test_without_an_eval_split_all_rounds_are_trained() -> None:
    spec = dataclasses.replace(SPECS["binary"], rounds=3, early_stopping_rounds=1)
    trained = keras_net.train(spec, COLUMNS, split(spec, 300, 1), None)
    assert (trained.rounds, dict(trained.history)) == (3, {})


def test_balanced_classes_still_score_probabilities(tmp_path: pathlib.Path) -> None:
    spec = dataclasses.replace(SPECS["binary"], parameters={**SMALL, "class_weights": "balanced"})
    saved(spec, tmp_path)
    test = split(spec, 4000, 5)
    assert abs(keras_net.load(tmp_path).predict(test.features).mean() - test.label.mean()) < 0.04


def test_a_row_counts_for_its_weight(tmp_path: pathlib.Path) -> None:
    spec, made = SPECS["binary"], split(SPECS["binary"], 1500, 1)
    weight = np.where(made.label == 1, np.float32(20), np.float32(1))
    keras_net.train(spec, COLUMNS, dataclasses.replace(made, weight=weight), None).save(tmp_path)
    share = float((made.label * weight).sum() / weight.sum())
    scores = keras_net.load(tmp_path).predict(made.features)
    assert np.average(scores, weights=weight) == pytest.approx(share, abs=0.03)
    assert scores.mean() > made.label.mean() + 0.05


@pytest.mark.parametrize("task", list(SPECS))
def test_contributions_add_up_to_the_margin(task: str, models: Mapping[str, Model]) -> None:
    features = split(SPECS[task], 6, 7).features
    features[0, 1], features[1, 2] = np.nan, 77  # missing, and an id that train has not
    model = models[task]
    added = model.contributions(features)
    scores = model.predict(features).astype(np.float64)
    whole = added.sum(axis=-1, dtype=np.float64)
    if task == "multiclass":
        assert added.shape == (6, 3, 9)
        odds = np.exp(whole)
        assert odds / odds.sum(axis=1, keepdims=True) == pytest.approx(scores, abs=1e-4)
    else:
        assert added.shape == (6, 9)
        wanted = np.log(scores / (1 - scores)) if task == "binary" else scores
        assert whole == pytest.approx(wanted, rel=1e-4, abs=1e-4)
    assert added.tobytes() == model.contributions(features).tobytes()
    assert np.abs(added[..., 2]).mean() > np.abs(added[..., 4]).mean()  # the ids matter, the vector's second part not


def test_no_row_of_train_is_in_the_folder(folders: Mapping[str, pathlib.Path]) -> None:
    kept = np.load(folders["binary"] / "background.npy")[:, :8]
    rows = {row.tobytes() for row in split(SPECS["binary"], 1500, 1).features}
    assert not rows & {row.tobytes() for row in np.ascontiguousarray(kept)}
    numbers = set(split(SPECS["binary"], 1500, 1).features[:, 0].tolist())
    assert not numbers & set(kept[:, 0].tolist())
    assert set(kept[:, 2].tolist()) <= set(range(6))


@pytest.mark.parametrize("value", [np.nan, 3.4e38, -3.4e38, 1e-38, 2.0**24])
def test_any_number_has_a_finite_score(value: float, models: Mapping[str, Model]) -> None:
    for model in models.values():
        assert np.isfinite(model.predict(np.full((3, 8), value, np.float32))).all()


def test_a_column_without_a_value_or_a_difference_is_no_fault(tmp_path: pathlib.Path) -> None:
    columns = FeatureColumns(("a", "b", "c", "d"), ("float", "float", "int", "int"))
    random = np.random.default_rng(1)
    a, d = random.normal(size=400), random.integers(0, 2, 400)
    features = np.column_stack([a, np.full(400, np.nan), np.full(400, 7), d]).astype(np.float32)
    made = Split(features, (a + d > 0.5).astype(np.float32), {})
    keras_net.train(SPECS["binary"], columns, made, made).save(tmp_path)
    scores = keras_net.load(tmp_path).predict(features)
    assert ((scores > 0.5) == made.label).mean() > 0.9
    only_ids = Split(np.ascontiguousarray(features[:, 3:]) + np.arange(400)[:, None] % 3, made.label, {})
    keras_net.train(SPECS["binary"], FeatureColumns(("d",), ("int",)), only_ids, None).save(tmp_path / "ids")
    assert keras_net.load(tmp_path / "ids").predict(only_ids.features).shape == (400,)


def test_a_network_that_runs_away_is_one_line() -> None:
    wild: Mapping[str, Parameter] = {"learning_rate": 10, "layers": (64,) * 8, "batch_size": 1}
    spec = dataclasses.replace(SPECS["regression"], parameters=wild, rounds=2)
    with pytest.raises(InputError, match="is not finite; make learning_rate smaller"):
        keras_net.train(spec, COLUMNS, split(spec, 1500, 1), None)


def test_what_a_person_asks_of_a_model(folders: Mapping[str, pathlib.Path]) -> None:
    described = describe_model("keras", folders["multiclass"])
    assert described.pop("weights") > 100
    assert described == {
        "family": "keras",
        "network": "wide_and_deep",
        "layers": [16],
        "activation": "relu",
        "features": 8,
    }


def test_no_file_is_an_h5(folders: Mapping[str, pathlib.Path]) -> None:
    files = [file for file in folders["binary"].rglob("*") if file.is_file()]
    assert {file.suffix for file in files} <= {".json", ".npy", ".pb", ".index", ".data-00000-of-00001"}
    assert not [file for file in files if b"HDF" in file.read_bytes()[:16]]


def test_scores_that_are_no_longer_those_of_before_are_refused(
    folders: Mapping[str, pathlib.Path], tmp_path: pathlib.Path
) -> None:
    saved(SPECS["binary"], tmp_path)
    table = np.load(tmp_path / "background.npy")
    table[3, -1] = np.nextafter(table[3, -1], np.float32(1))
    np.save(tmp_path / "background.npy", table)
    with pytest.raises(ArtifactError, match="its network scores otherwise than when it was saved"):
        keras_net.load(tmp_path)


def test_facts_that_do_not_fit_are_one_line(folders: Mapping[str, pathlib.Path], tmp_path: pathlib.Path) -> None:
    saved(SPECS["binary"], tmp_path)
    good = json.loads((tmp_path / "model.json").read_text())
    for changed, said in (
        ({"format": 2}, "not a model of family keras as this version writes it"),
        ({"feature_names": "abc"}, "not a model of family keras as this version writes it"),
        ({"feature_names": good["feature_names"][:4], "together": []}, "background rows of another number or type"),
        ({"classes": 3}, "background rows of another number or type"),
        ({"together": [[0, 2], [1, 3]]}, "not a model of family keras as this version writes it"),
        ({"together": [[0, 10**9]]}, "not a model of family keras as this version writes it"),
    ):
        (tmp_path / "model.json").write_text(json.dumps({**good, **changed}))
        with pytest.raises(ArtifactError, match=said):
            keras_net.load(tmp_path)
    (tmp_path / "model.json").unlink()
    for read in (keras_net.load, keras_net.describe):
        with pytest.raises(ArtifactError, match=r"model\.json: no such model file"):
            read(tmp_path)


@pytest.mark.parametrize("name", ["background.npy", "network/saved_model.pb", "network/variables/variables.index"])
def test_a_file_that_is_cut_or_gone_is_one_line(name: str, tmp_path: pathlib.Path) -> None:
    saved(dataclasses.replace(SPECS["binary"], rounds=1), tmp_path)
    path = tmp_path / name
    for spoil in (lambda: path.write_bytes(path.read_bytes()[:-20]), path.unlink):
        spoil()
        with pytest.raises(ArtifactError) as raised:
            keras_net.load(tmp_path)
        assert "\n" not in str(raised.value)


@pytest.mark.needs_time
def test_both_keras_live_in_one_process() -> None:
    program = (
        "import tensorflow_transform, keras, tensorflow as tf\n"
        "from transforms.graph.graph import TransformGraph\n"
        "print(keras.__version__.split('.')[0], tf.keras.__name__)"
    )
    environment = os.environ | {"TF_USE_LEGACY_KERAS": "1"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    version, legacy = done.stdout.split()
    assert version == "3"
    assert legacy.startswith("tf_keras")


def test_scoring_loads_no_keras(folders: Mapping[str, pathlib.Path]) -> None:
    program = (
        "import pathlib, sys\nfrom models.families.networks import keras_net\n"
        "assert 'tensorflow' not in sys.modules\n"
        f"keras_net.load(pathlib.Path({str(folders['binary'])!r}))\n"
        "assert 'keras' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
