"""Labels that are classes or numbers go the whole way, from file to stream: every verb knows their scores."""

import json
import pathlib
import random
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from beam_jobs.cli.command_line import main
from models.evaluation.evaluation import evaluation_path
from models.registry.registry import Registry
from models.scoring.scorer import Scorer
from models.training.training_set import TrainingSet
from tests.support.first_at_once import first_at_once
from tests.support.use_case_folder import UseCaseFolder, lines_of

SCHEMA = """
feature { name: "house" type: INT presence { min_fraction: 1 } annotation { tag: "id" } }
feature { name: "rooms" type: FLOAT presence { min_fraction: 1 } }
feature { name: "town" type: BYTES }
feature { name: "price" type: FLOAT not_in_environment: "SERVING" }
feature { name: "sold" type: INT not_in_environment: "SERVING" }
"""
TRANSFORM = """
import tensorflow as tf

from transforms.missing import fill

def preprocessing_fn(inputs):
    return {"rooms": fill(inputs["rooms"], 0.0), "is_rome": tf.cast(fill(inputs["town"], "") == "Rome", tf.int64)}

def label(batch):
    return batch.column("COLUMN")
"""
MODEL = """
from models.spec import Gate, ModelSpec

MODEL = ModelSpec(
    parameters={"max_depth": 3, "eta": 0.3, "nthread": 1},
    rounds=20,
    slices=("town",),
    SPEC
)
"""
CLASSES = 'task="multiclass", classes=("at a glance", "soon", "50 %, late"), gates=(Gate("macro_auc", at_least=0.7),)'
NUMBERS = 'task="regression", gates=(Gate("r2", at_least=0.5), Gate("label_mean", at_most=1e6)),'


def rows() -> Iterator[tuple[object, ...]]:
    draw = random.Random(3)
    yield "house", "rooms", "town", "price", "sold"
    for number in range(900):
        rooms, town = draw.randrange(1, 9), draw.choice(["Rome", "Bern", ""])
        price = 50_000 * rooms + 80_000 * (town == "Rome") + draw.randrange(20_000)
        yield number, rooms, town, price, min(int(rooms / 3 + draw.random()), 2)


def model(spec: str) -> str:
    return MODEL.replace("SPEC", spec)


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> UseCaseFolder:
    transform = TRANSFORM.replace("COLUMN", "price")
    return UseCaseFolder.released(tmp_path_factory.mktemp("numbers"), SCHEMA, transform, rows(), model(NUMBERS))


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> UseCaseFolder:
    transform = TRANSFORM.replace("COLUMN", "sold")
    return UseCaseFolder.released(tmp_path_factory.mktemp("classes"), SCHEMA, transform, rows(), model(CLASSES))


NAMES = ("at a glance", "soon", "50 %, late")


def scorer_of(case: UseCaseFolder) -> Scorer:
    return Scorer.load(Registry(case.registry).champion())


def test_a_training_set_says_what_its_labels_are(numbers: UseCaseFolder, classes: UseCaseFolder) -> None:
    opened = TrainingSet.open(classes.training_set)
    assert (opened.task, opened.classes) == ("multiclass", NAMES)
    label = opened.load("train").label
    counted = {name: int((label == number).sum()) for number, name in enumerate(NAMES)}
    assert opened.manifest["class_rows"]["train"] == counted
    assert min(counted.values()) > 0
    opened = TrainingSet.open(numbers.training_set)
    assert (opened.task, opened.classes) == ("regression", ())
    assert opened.manifest["label_mean"]["train"] == pytest.approx(opened.load("train").label.mean())


def test_the_evaluation_of_numbers(numbers: UseCaseFolder) -> None:
    split = TrainingSet.open(numbers.training_set).load("test")
    scores = scorer_of(numbers).model.predict(split.features).astype(np.float64)
    found = json.loads((evaluation_path(numbers.candidate) / "metrics.json").read_text())
    assert found["mae"] == pytest.approx(np.abs(scores - split.label).mean())
    assert found["rmse"] == pytest.approx(np.sqrt(((scores - split.label) ** 2).mean()))
    assert found["mae"] < 15_000
    assert "threshold" not in found


def test_the_evaluation_of_classes(classes: UseCaseFolder) -> None:
    split = TrainingSet.open(classes.training_set).load("test")
    scores = scorer_of(classes).model.predict(split.features)
    found = json.loads((evaluation_path(classes.candidate) / "metrics.json").read_text())
    assert found["accuracy"] == pytest.approx((scores.argmax(axis=1) == split.label).mean())
    assert [one["class"] for one in found["classes"]] == list(NAMES)
    assert sum(map(sum, found["confusion"])) == found["rows"] == len(split.label)
    slices = json.loads((evaluation_path(classes.candidate) / "slices.json").read_text())
    assert {one["value"] for one in slices["town"]} == {"Rome", "Bern", None}


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_files_of_predictions(
    numbers: UseCaseFolder, classes: UseCaseFolder, format: str, tmp_path: pathlib.Path
) -> None:
    case = classes
    for case in (numbers, classes):
        assert case.score(tmp_path / case.folder.name, "--format", format, "--with-features", "--contributions", 1) == 0
    price, sold = (tmp_path / case.folder.name for case in (numbers, classes))
    if format == "parquet":
        of_price, of_sold = (pa.parquet.read_table(next(folder.glob("*.parquet"))) for folder in (price, sold))
        assert "label" not in of_price.column_names
        scores = np.stack([of_sold.column(f"scores.{name}").to_numpy() for name in NAMES], axis=1)
        assert of_sold.column("label").to_pylist() == [NAMES[at] for at in scores.argmax(axis=1)]
        return
    one = lines_of(price, "predictions")[0]
    assert list(one) == ["id", "house", "score", "bundle", "variant", "features", "contributions"]
    assert sum(one["contributions"].values()) == pytest.approx(one["score"], rel=1e-4)
    for one in lines_of(sold, "predictions")[:50]:
        assert list(one) == ["id", "house", "scores", "label", "bundle", "variant", "features", "contributions"]
        assert list(one["scores"]) == list(NAMES)
        assert sum(one["scores"].values()) == pytest.approx(1, abs=1e-5)
        assert one["label"] == max(one["scores"], key=one["scores"].__getitem__)


@pytest.mark.parametrize("which", first_at_once(["numbers", "classes"]))
def test_batch_and_stream_are_equal(which: str, broker: str, request: pytest.FixtureRequest, capsys) -> None:
    case = request.getfixturevalue(which)
    capsys.readouterr()
    argv = ["--data", str(case.data), "--registry", str(case.registry), "--bootstrap-servers", broker, "--json"]
    assert main(["check_skew", *argv]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["equal"]
    wanted = {"numbers": ["score"], "classes": [f"scores.{name}" for name in NAMES]}[which]
    assert found["columns"][2:] == wanted
    assert all(path[name]["compared"] == 900 for path in found["skew"].values() for name in wanted)


def test_what_verbs_say_of_them(
    numbers: UseCaseFolder, classes: UseCaseFolder, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*argv: object) -> str:
        capsys.readouterr()
        assert main([*map(str, argv)]) == 0
        return capsys.readouterr().out

    for case, words in ((numbers, ("R2", "RMSE")), (classes, ("macro AUC", "50 %, late"))):
        evaluation_of_bundle = next((case.registry / "bundles").glob("*/evaluation"))
        shown = said("inspect", evaluation_path(case.candidate)) + said("inspect", evaluation_of_bundle)
        assert all(word.lower() in shown.lower().replace("_", " ") for word in words)
        listed = said("registry", "list", "--registry", case.registry)
        assert words[0] in listed + said("registry", "show", "--registry", case.registry), listed
        assert case.score(tmp_path / case.folder.name) == 0
        assert "score: min" in said("inspect", tmp_path / case.folder.name)
    assert "classes of train: " in said("inspect", classes.training_set)
    assert "label mean: train" in said("inspect", numbers.training_set)


def test_evaluate_tells_people(
    numbers: UseCaseFolder, classes: UseCaseFolder, capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path
) -> None:
    for case, words in (
        (numbers, ("mean label", "RMSE", "MAE", "gate met: r2", "by town")),
        (classes, ("of 3 classes", "macro AUC", "at a glance", "gate met: macro_auc")),
    ):
        candidate = tmp_path / case.folder.name
        assert case.verb("train", "--training-set", case.training_set, "--output", candidate, "--rounds", 2) == 0
        capsys.readouterr()
        assert case.verb("evaluate", "--candidate", candidate, "--training-set", case.training_set) in (0, 3)
        shown = capsys.readouterr().out
        assert all(word in shown for word in words if "gate" not in word), shown
        assert "gate " in shown


@pytest.mark.parametrize(
    ("column", "spec", "said"),
    [
        ("price", CLASSES, "values that are no number of the 3 classes (900 whole numbers), first at rows.csv row 0"),
        ("sold", CLASSES.replace('"50 %, late"', '"late", "never"'), "split train has no row of class 'never'; give"),
        ("sold", 'task="multiclass"', "task multiclass with 0 classes, wanted 2 to 1,000"),
        ("sold", 'classes=("a", "b")', "classes of task binary, which has none; take them out, or set multiclass"),
        (
            "sold",
            'task="regression", gates=(Gate("auc", at_least=0.5),)',
            "gate's metric is 'auc', wanted one of rmse",
        ),
        ("sold", 'task="regression", threshold=0.5', "threshold of task regression, which has none; take it out"),
    ],
)
def test_mistakes(
    column: str, spec: str, said: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = UseCaseFolder(tmp_path, SCHEMA, TRANSFORM.replace("COLUMN", column), rows(), model(spec))
    assert case.build() == 1
    assert said in capsys.readouterr().err
    assert not case.training_set.exists()


def test_a_training_set_of_another_task_is_refused(
    numbers: UseCaseFolder, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = UseCaseFolder(tmp_path, SCHEMA, TRANSFORM.replace("COLUMN", "price"), rows(), model(CLASSES))
    assert other.verb("train", "--training-set", numbers.training_set, "--output", tmp_path / "c") == 1
    wanted = "its labels are of task regression, the model is of multiclass; build it again"
    assert wanted in capsys.readouterr().err


def test_bundles_of_two_tasks_do_not_serve_together(
    numbers: UseCaseFolder, classes: UseCaseFolder, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = ["--registry", str(tmp_path / "registry")]
    assert main(["release", "--candidate", str(numbers.candidate), *registry]) == 0
    assert main(["release", "--candidate", str(classes.candidate), *registry, "--as", "shadow"]) == 1
    assert "bundles of tasks multiclass, regression cannot serve together" in capsys.readouterr().err
    assert main(["release", "--candidate", str(classes.candidate), *registry]) == 0
