"""A metric of one's own goes the whole way: columns into training sets, values into gates, no code into bundles."""

import json
import pathlib
import random
from collections.abc import Iterator

import pyarrow.parquet
import pytest

from beam_jobs.cli.command_line import main
from models.evaluation.evaluation import evaluation_path
from models.training.metric_columns import read_columns
from models.training.training_set import TrainingSet
from schemas.artifacts.artifact import MANIFEST
from tests.support.use_case_folder import UseCaseFolder
from transforms.examples.columns import ColumnDecoder
from transforms.examples.examples import ExampleDecoder

SCHEMA = """
feature { name: "row" type: INT presence { min_fraction: 1 } annotation { tag: "id" } }
feature { name: "amount" type: FLOAT presence { min_fraction: 1 } }
feature { name: "shop" type: BYTES }
feature { name: "phone" type: BYTES annotation { tag: "personal:hidden" } }
feature { name: "fraud" type: INT not_in_environment: "SERVING" }
"""
TRANSFORM = """
from transforms.missing import fill

def preprocessing_fn(inputs):
    return {"amount": fill(inputs["amount"], 0.0)}

def label(batch):
    return batch.column("fraud")
"""
MODEL = """
import pyarrow.compute as pc

from models.costs import Costs
from models.search import Search, Whole
from models.spec import Gate, Metric, ModelSpec

def caught(label, scores, weight, rows):
    amount = rows.column("amount").to_numpy()
    return float(amount[(scores >= 0.5) & (label == 1)].sum() / amount[label == 1].sum())

MODEL = ModelSpec(
    parameters={"max_depth": 3, "eta": 0.3, "nthread": 1},
    rounds=10,
    metrics=(Metric("caught", caught, columns=("amount", "shop")),),
    gates=(Gate("caught", at_least=0.2), Gate("caught", no_worse_by=0.1)),
    costs=Costs(false_positive=1, false_negative=10),
    search=Search(space={"max_depth": Whole(1, 6)}, metric="auc", trials=3),
)
"""


def rows() -> Iterator[tuple[object, ...]]:
    draw = random.Random(3)
    yield "row", "amount", "shop", "phone", "fraud"
    for number in range(900):
        amount = draw.randrange(1, 1000) / 7
        yield number, amount, draw.choice(["A", "B", ""]), "+41", int(amount > 70 + draw.randrange(40))


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> UseCaseFolder:
    made = UseCaseFolder(tmp_path_factory.mktemp("own"), SCHEMA, TRANSFORM, rows(), MODEL)
    assert made.verb("build_training_set", "--data", made.data, "--output", made.training_set, "--parquet") == 0
    assert made.verb("train", "--training-set", made.training_set, "--output", made.candidate) == 0
    return made


def evaluate(case: UseCaseFolder, *more: object) -> int:
    argv = ["evaluate", "--candidate", case.candidate, "--training-set", case.training_set, *more]
    return main([*map(str, argv), "--intervals", "0", "--json"])


def test_columns_are_carried_as_they_were(case: UseCaseFolder) -> None:
    training_set = TrainingSet.open(case.training_set)
    assert training_set.manifest["metric_columns"] == ["amount", "shop"]
    columns, split = read_columns(training_set, "test"), training_set.load("test")
    assert columns.num_rows == len(split.label)
    assert columns.column("amount").to_pylist() == split.features[:, 0].tolist()  # this graph leaves it as it is
    assert columns.column("shop").null_count > 0
    beside = pyarrow.parquet.read_table(case.training_set / training_set.manifest["parquet"]["test"][0]["name"])
    for name in columns.schema.names:
        assert beside.column(f"example.column.{name}").to_pylist() == columns.column(name).to_pylist()


def test_they_cost_no_parser(case: UseCaseFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    for decoder in (ExampleDecoder, ColumnDecoder):
        monkeypatch.setattr(decoder, "_parsed", lambda *_: pytest.fail("the parser was asked"))
    training_set = TrainingSet.open(case.training_set)
    assert read_columns(training_set, "train").num_rows == len(training_set.load("train").label) > 0


def test_the_whole_way(case: UseCaseFolder, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert evaluate(case) == 1
    assert "use case 'own' is not among the shipped ones" in capsys.readouterr().err
    assert evaluate(case, "--use-case-path", case.folder) == 0
    found = json.loads(capsys.readouterr().out)
    assert 0.2 < found["metrics"]["caught"] <= 1
    assert [gate["metric"] for gate in found["verdict"]["gates"]] == ["caught", "caught"]
    release = ["release", "--candidate", str(case.candidate), "--registry", str(case.registry)]
    assert main(release) == 0
    text = "".join(
        file.read_text(errors="replace")
        for folder in (case.candidate, evaluation_path(case.candidate), case.registry)
        for file in pathlib.Path(folder).rglob("*.json")
    )
    assert '"caught"' in text
    assert "own.py" not in text
    assert "def caught" not in text


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (MODEL.replace("return float(", "return rows['gone'] + float("), "metric 'caught' ended in KeyError in "),
        (MODEL.replace("return float(", "return str("), "metric 'caught' returned a value of type str"),
        (MODEL.replace('Metric("caught"', 'Metric("other"').replace('Gate("caught"', 'Gate("other"'), "has no metric"),
        (MODEL.replace('"shop")', '"shp")'), "wants column 'shp', which is not in the schema"),
        (MODEL.replace('"shop")', '"phone")'), "wants column 'phone', which is personal; tag it personal:hash"),
    ],
)
def test_mistakes_are_one_line(
    case: UseCaseFolder, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], model: str, said: str
) -> None:
    other = UseCaseFolder(tmp_path, SCHEMA, TRANSFORM, rows(), model)
    evaluation = evaluation_path(case.candidate)
    kept = evaluation.rename(tmp_path / "kept") if evaluation.exists() else None
    try:
        capsys.readouterr()
        assert evaluate(case, "--use-case-path", other.folder, "--quiet") in (1, 2)
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
        assert not evaluation.exists()
    finally:
        if kept is not None:
            kept.rename(evaluation)


def test_a_training_set_of_before_leaves_the_metric_without_a_value(
    case: UseCaseFolder, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = MODEL.replace("    metrics=(Metric", "    #").replace("    gates=", "    #")
    other = UseCaseFolder(tmp_path, SCHEMA, TRANSFORM, rows(), plain)
    assert other.build() == 0
    assert "metric_columns" not in TrainingSet.open(other.training_set).manifest
    (other.folder / "models" / "own.py").write_text(MODEL)
    assert other.verb("train", "--training-set", other.training_set, "--output", other.candidate) == 0
    capsys.readouterr()
    assert evaluate(other, "--use-case-path", other.folder) == 3
    captured = capsys.readouterr()
    assert json.loads(captured.out)["metrics"]["caught"] is None
    assert "carries no column 'amount'" in captured.err


def test_a_search_may_go_by_it_and_by_costs(
    case: UseCaseFolder, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And goes on with the function that it was begun with, where it goes by one."""
    for metric, best in (("caught", max), ("cost", min)):
        output = tmp_path / metric
        words = ["--training-set", case.training_set, "--output", output, "--metric", metric, "--sampler", "grid"]
        assert case.verb("tune", *words) == 0
        trials = json.loads((output / "trials.json").read_text())
        values = [trial["value"] for trial in trials["trials"]]
        assert ("model_file" in trials) == (metric == "caught")  # old studies of other metrics go on
        assert trials["direction"] == ("maximize" if best is max else "minimize")
        assert len(values) == 3
        assert values == [trial["metrics"][metric] for trial in trials["trials"]]
        chosen = json.loads((output / "candidate" / MANIFEST).read_text())["tuning"]
        assert chosen["value"] == best(values)
    changed = MODEL.replace("scores >= 0.5", "scores >= 0.25")
    other = UseCaseFolder(tmp_path / "other", SCHEMA, TRANSFORM, rows(), changed)
    for metric, code in (("caught", 1), ("cost", 0)):
        words = ["--training-set", case.training_set, "--output", tmp_path / metric, "--metric", metric]
        capsys.readouterr()
        assert other.verb("tune", *words, "--sampler", "grid") == code
        error = capsys.readouterr().err
        assert ("has a study whose model file is another, wanted another; go on with what" in error) == (code == 1)
        assert error.count("\n") == code


def test_a_search_by_it_is_refused_before_any_trial_where_its_columns_are_not_carried(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = MODEL.replace("    metrics=(Metric", "    #").replace("    gates=", "    #")
    other = UseCaseFolder(tmp_path, SCHEMA, TRANSFORM, rows(), plain)
    assert other.build() == 0
    (other.folder / "models" / "own.py").write_text(MODEL)
    words = ["--training-set", other.training_set, "--output", tmp_path / "search", "--trials", "1"]
    for more in ([], ["--dry-run"]):
        capsys.readouterr()
        assert other.verb("tune", *words, "--metric", "caught", *more) == 2
        error = capsys.readouterr().err
        assert "carries no column 'amount', which metric 'caught' gets; build the training set again" in error
        assert error.count("\n") == 1
        assert not (tmp_path / "search").exists()
    assert other.verb("tune", *words, "--metric", "auc", "--dry-run") == 0
