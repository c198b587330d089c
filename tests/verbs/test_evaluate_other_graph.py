"""`onegraph evaluate` against a champion of another graph: it scores the raw test rows, as it would in a stream."""

import json
import logging
import pathlib
import random
import shutil
from collections.abc import Iterator

import numpy as np
import pytest

from beam_jobs.cli.command_line import main
from models.evaluation.champion import ChampionScores, champion_scores
from models.evaluation.comparable import NothingToCompare, check_comparable
from models.evaluation.evaluation import evaluation_path
from models.registry.registry import Registry
from models.spec import ModelSpec
from models.training.kept_test_rows import read_test_rows
from models.training.training_set import TrainingSet
from schemas.errors import UsageError
from tests.support.use_case_folder import UseCaseFolder, lines_of

COMMON = """
feature { name: "row" type: INT presence { min_fraction: 1 } annotation { tag: "id" } }
feature { name: "shop" type: BYTES }
feature { name: "note" type: BYTES annotation { tag: "personal:drop" } }
feature { name: "fraud" type: INT not_in_environment: "SERVING" }
"""
FIRST = f"""{COMMON}
feature {{ name: "amount" type: FLOAT float_domain {{ max: 140 }} }}
feature {{ name: "hour" type: INT }}
feature {{ name: "unused" type: INT presence {{ min_fraction: 1 }} }}
"""
SECOND = f"""{COMMON}
feature {{ name: "amount" type: FLOAT }}
feature {{ name: "hour" type: INT }}
feature {{ name: "device" type: BYTES }}
"""
FIRST_TRANSFORM = """
import tensorflow as tf
import tensorflow_transform as tft
from transforms.missing import fill

def preprocessing_fn(inputs):
    shop = tft.compute_and_apply_vocabulary(fill(inputs["shop"], "?"), vocab_filename="shop")
    daily = 24.0 / tf.cast(fill(inputs["hour"], 1), tf.float32)
    return {"amount": fill(inputs["amount"], 0.0), "shop": shop, "daily": daily}

def label(batch):
    return batch.column("fraud")
"""
SECOND_TRANSFORM = """
import tensorflow_transform as tft
from transforms.missing import fill

def preprocessing_fn(inputs):
    device = tft.compute_and_apply_vocabulary(fill(inputs["device"], "?"), vocab_filename="device")
    return {"amount": fill(inputs["amount"], 0.0), "device": device, "hour": fill(inputs["hour"], 0)}

def label(batch):
    return batch.column("fraud")
"""
MODEL = """
import numpy as np
from models.spec import Gate, Metric, ModelSpec

def rows_seen(label, scores, weight, rows):
    return float(len(label))

MODEL = ModelSpec(
    parameters={"max_depth": 3, "eta": 0.3, "nthread": 1},
    rounds=10,
    slices=("shop",),
    metrics=(Metric("rows_seen", rows_seen, columns=("amount",)),),
    gates=(Gate("auc", no_worse_by=0.5), Gate("rows_seen", no_worse_by=0.0, slice="shop", min_rows=20)),
)
"""
COLUMNS = ("row", "shop", "note", "fraud", "amount", "hour", "unused", "device")


def rows() -> Iterator[tuple[object, ...]]:
    """Yield rows: the first model's schema rejects an amount above 140, its graph makes an hour of 0 infinite."""
    draw = random.Random(3)
    yield COLUMNS
    for number in range(1200):
        amount, hour = draw.randrange(1, 1050) / 7, draw.randrange(24)
        fraud = int(amount + hour > 80 + draw.randrange(40))
        yield number, draw.choice("abc"), f"Ann{number}", fraud, amount, hour, 1, draw.choice(["x", "y", ""])


def change(case: UseCaseFolder, schema: str, transform: str) -> None:
    (case.folder / "schemas" / "own.pbtxt").write_text(schema)
    (case.folder / "transforms" / "own.py").write_text(transform)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> UseCaseFolder:
    """A released champion, and a candidate whose schema lacks a column of it, has one more, and another graph."""
    made = UseCaseFolder(tmp_path_factory.mktemp("own"), FIRST, FIRST_TRANSFORM, rows(), MODEL)
    first, named = made.folder / "first", ["--use-case-path", made.folder]
    kept = [line for line in made.lines if line == made.lines[0] or float(line.split(",")[4]) <= 140]
    tame = made.folder / "tame.csv"
    tame.write_text("\n".join([*kept, ""]))
    assert made.verb("build_training_set", "--data", tame, "--output", first / "ts") == 0
    assert made.verb("train", "--training-set", first / "ts", "--output", first / "c") == 0
    assert made.verb("evaluate", "--candidate", first / "c", "--training-set", first / "ts", *named) == 0
    assert main(["release", "--candidate", str(first / "c"), "--registry", str(made.registry)]) == 0
    change(made, SECOND, SECOND_TRANSFORM)
    assert made.build() == 0
    assert made.verb("train", "--training-set", made.training_set, "--output", made.candidate) == 0
    return made


def champion(case: UseCaseFolder) -> pathlib.Path:
    return Registry(case.registry).champion()


def evaluate(case: UseCaseFolder, candidate: pathlib.Path, *more: object) -> int:
    argv = ["evaluate", "--candidate", candidate, "--training-set", case.training_set, "--use-case-path", case.folder]
    return main([*map(str, [*argv, *more]), "--json"])


def test_its_scores_are_those_of_score_batch_bit_by_bit(case: UseCaseFolder, tmp_path: pathlib.Path) -> None:
    assert case.score(tmp_path / "scored", "--format", "jsonl") == 0
    in_batch = {line["row"]: np.float32(line["score"]) for line in lines_of(tmp_path / "scored", "predictions")}
    training_set = TrainingSet.open(case.training_set)
    found = champion_scores(champion(case), ModelSpec(), training_set, training_set.load("test").features)
    ids = [row for block in read_test_rows(training_set) for row in block.column("row").to_pylist()]
    assert [row in in_batch for row in ids] == found.scored.tolist()
    known = [in_batch[row] for row in ids if row in in_batch]
    assert 100 < len(known) < len(ids)
    assert np.array(known, np.float32).tobytes() == found.scores[found.scored].tobytes()
    reasons = {(one["reason"], one["field"]) for one in found.rejected}
    assert reasons == {("RANGE", "/amount"), ("FEATURE_NONFINITE", "/features/daily")}
    assert sum(one["count"] for one in found.rejected) == len(ids) - len(known)


def test_both_are_compared_on_the_rows_that_both_score(case, tmp_path, capsys, caplog):
    candidate = shutil.copytree(case.candidate, tmp_path / "c")
    assert evaluate(case, candidate, "--registry", case.registry, "--dry-run") == 0
    assert f"against bundle {champion(case).name}, whose graph is another and scores" in capsys.readouterr().out
    with caplog.at_level(logging.WARNING):
        assert evaluate(case, candidate, "--registry", case.registry, "--intervals", 40) == 0
    found = json.loads(capsys.readouterr().out)
    compared, all_rows = found["comparison"], found["metrics"]["rows"]
    gone = sum(one["count"] for one in compared["rejected"])
    assert 0 < gone < all_rows
    assert compared["rows"] == all_rows - gone
    seen = compared["metrics"]["rows_seen"]
    assert seen["candidate"] == seen["champion"] == compared["rows"]
    assert found["metrics"]["rows_seen"] == all_rows
    auc = compared["metrics"]["auc"]
    assert auc["champion"] > 0.7
    assert auc["candidate"] != found["metrics"]["auc"]
    assert auc["interval"][0] <= auc["difference"] <= auc["interval"][1]
    of_slices = {one["value"]: one["rows"] for one in compared["slices"]["shop"]}
    gates = [gate for gate in found["verdict"]["gates"] if gate["metric"] == "rows_seen"]
    for name in ("value", "rows"):  # those of the rows that both score
        assert {gate["slice_value"]: gate[name] for gate in gates} == of_slices
    assert sum(of_slices.values()) == compared["rows"]
    assert f"the champion rejects {gone} of {all_rows} test rows (" in caplog.text
    assert main(["release", "--candidate", str(candidate), "--registry", str(case.registry), "--dry-run"]) == 0


@pytest.mark.needs_time
def test_a_set_without_raw_rows_says_what_to_do_and_that_works(case, tmp_path, capsys):
    plain = UseCaseFolder(tmp_path, SECOND, SECOND_TRANSFORM, rows(), MODEL)
    argv = ["--data", plain.data, "--output", plain.training_set]
    assert plain.verb("build_training_set", *argv, "--test-rows", "leave") == 0
    candidate = shutil.copytree(case.candidate, tmp_path / "c")
    for more in ([], ["--dry-run"]):
        capsys.readouterr()
        assert evaluate(plain, candidate, "--registry", case.registry, *more) == 2
        error = capsys.readouterr().err
        assert (
            "and the set keeps no raw test rows, so the champion cannot score them; build the set again with" in error
        )
        assert error.count("\n") == 1
    assert not evaluation_path(candidate).exists()
    shutil.rmtree(plain.training_set)
    assert plain.verb("build_training_set", *argv, "--test-rows", "keep") == 0
    assert evaluate(plain, candidate, "--registry", case.registry) == 0


@pytest.mark.needs_time
def test_a_column_that_a_feature_needs_must_be_there(case, tmp_path, capsys):
    other = UseCaseFolder(tmp_path, SECOND.replace('"hour" type: INT', '"hour" type: FLOAT'), "", rows(), MODEL)
    change(
        other,
        (other.folder / "schemas" / "own.pbtxt").read_text(),
        SECOND_TRANSFORM.replace('"hour"], 0', '"hour"], 0.0'),
    )
    assert other.build() == 0
    training_set = TrainingSet.open(other.training_set)
    said = "a feature of the champion needs column 'hour', which was INT and is FLOAT by "
    with pytest.raises(UsageError, match=said):
        check_comparable(champion(case), ModelSpec(), training_set)


def test_a_column_that_no_feature_needs_may_be_gone(case: UseCaseFolder) -> None:
    found = check_comparable(champion(case), ModelSpec(), TrainingSet.open(case.training_set))
    assert (found.by_features, found.without) == (False, ("unused",))


@pytest.mark.needs_time
def test_a_champion_that_rejects_every_row_is_one_line(case, tmp_path):
    poor = UseCaseFolder(tmp_path, SECOND, SECOND_TRANSFORM, _too_much(), MODEL)
    assert poor.build() == 0
    training_set = TrainingSet.open(poor.training_set)
    with pytest.raises(
        NothingToCompare, match=r"the champion rejects 1\d\d of 1\d\d test rows \(1\d\d RANGE at /amount\)"
    ):
        champion_scores(champion(case), ModelSpec(), training_set, training_set.load("test").features)


@pytest.mark.needs_time
def test_a_champion_that_rejects_every_positive_row_lets_nothing_pass(case, tmp_path, capsys):
    poor = UseCaseFolder(tmp_path, SECOND, SECOND_TRANSFORM, _too_much(negative=90), MODEL)
    assert poor.build() == 0
    assert poor.verb("train", "--training-set", poor.training_set, "--output", poor.candidate) == 0
    capsys.readouterr()
    assert evaluate(poor, poor.candidate, "--registry", case.registry) == 3
    auc = json.loads(capsys.readouterr().out)["verdict"]["gates"][0]
    assert (auc["metric"], auc["passed"], auc["why"]) == ("auc", False, "the champion has no value")


def _too_much(negative: int = 159) -> Iterator[tuple[object, ...]]:
    """Yield rows with amounts that the first model's schema rejects, where `negative` is one of them of both labels."""
    head, *others = rows()
    yield head
    for one in others:
        yield (*one[:4], 150 if one[3] else negative, *one[5:])


def test_scores_of_some_rows() -> None:
    found = ChampionScores("b", 0.5, np.array([1, 2, 3], np.float32), np.array([True, False, True]))
    taken = found.take(np.array([2, 1]))
    assert (taken.scores.tolist(), taken.scored.tolist()) == ([3, 2], [True, False])
