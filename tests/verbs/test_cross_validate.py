"""`onegraph cross_validate`: the real main, in this process."""

import json

import numpy as np
import pyarrow.parquet
import pytest
from sklearn.metrics import roc_auc_score

from beam_jobs.cli.command_line import main
from models.training.training_set import TrainingSet
from tests.support.printed import for_people
from tests.support.searches import taxi_with


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return taxi_with(tmp_path_factory.mktemp("case"), rounds=5)


def argv(case, training_set, output, *more):
    named = ["--use-case-path", str(case), "--training-set", str(training_set), "--output", str(output)]
    return ["cross_validate", *named, *map(str, more)]


@pytest.fixture(scope="module")
def by_hash(case, small_training_set, tmp_path_factory):
    output = tmp_path_factory.mktemp("folds") / "by_hash"
    assert main(argv(case, small_training_set, output, "--folds", 4)) == 0
    return output


def test_every_row_is_scored_once_and_metrics_are_those_of_the_scores(by_hash, small_training_set):
    scores = pyarrow.parquet.read_table(by_hash / "scores.parquet").to_pandas()
    opened = TrainingSet.open(small_training_set)
    assert len(scores) == 2400  # train and eval, not test
    assert scores.groupby("split")["row"].apply(lambda rows: sorted(rows) == list(range(len(rows)))).all()
    for split in ("train", "eval"):
        label = opened.load(split).label
        assert np.array_equal(scores[scores["split"] == split].sort_values("row")["label"].to_numpy(), label)
    found = json.loads((by_hash / "metrics.json").read_text())
    assert len(found["folds"]) == 4
    aucs = [roc_auc_score(fold["label"], fold["score"]) for _, fold in scores.groupby("fold")]
    assert np.allclose([fold["metrics"]["auc"] for fold in found["folds"]], aucs)
    assert found["summary"]["auc"]["mean"] == pytest.approx(np.mean(aucs))
    assert found["summary"]["auc"]["spread"] == pytest.approx(np.std(aucs, ddof=1))
    for fold in found["folds"]:
        assert fold["train_rows"] + fold["stop_rows"] + fold["metrics"]["rows"] == 2400


def test_the_same_folds_again_and_others_by_another_seed(by_hash, case, small_training_set, tmp_path, capsys):
    assert main([*argv(case, small_training_set, tmp_path / "again", "--folds", 4), "--json"]) == 0
    assert (tmp_path / "again" / "manifest.json").read_bytes() == (by_hash / "manifest.json").read_bytes()
    assert "4 folds by a hash of rows, seed 3" in for_people("cross_validate", capsys.readouterr().out)
    assert main(argv(case, small_training_set, tmp_path / "other", "--folds", 4, "--seed", 9)) == 0
    assert (tmp_path / "other" / "scores.parquet").read_bytes() != (by_hash / "scores.parquet").read_bytes()


def test_a_group_is_in_one_fold(case, small_training_set, tmp_path):
    output = tmp_path / "groups"
    assert main(argv(case, small_training_set, output, "--folds", 3, "--group-by", "company", "--seed", 1)) == 0
    scores = pyarrow.parquet.read_table(output / "scores.parquet").to_pandas()
    opened = TrainingSet.open(small_training_set)
    for split in ("train", "eval"):
        part = scores[scores["split"] == split].sort_values("row")
        names = opened.load(split).slices["company"].to_pandas().astype(object).fillna("none")
        part = part.assign(company=names.to_numpy())
        assert (part.groupby("company")["fold"].nunique() == 1).all()
    assert scores["fold"].nunique() == 3


def test_folds_by_time_are_trained_on_what_is_earlier(case, small_training_set, tmp_path):
    output = tmp_path / "times"
    assert main(argv(case, small_training_set, output, "--folds", 3, "--time-by", "trip_start_hour")) == 0
    scores = pyarrow.parquet.read_table(output / "scores.parquet").to_pandas()
    opened = TrainingSet.open(small_training_set)
    hours = {
        s: opened.load(s).slices["trip_start_hour"].to_pandas().astype(float).to_numpy() for s in ("train", "eval")
    }
    hour = np.array([hours[split][row] for split, row in zip(scores["split"], scores["row"], strict=True)])
    spans = [(hour[scores["fold"] == fold].min(), hour[scores["fold"] == fold].max()) for fold in range(3)]
    assert spans[0][1] < spans[1][0] <= spans[1][1] < spans[2][0]
    found = json.loads((output / "metrics.json").read_text())["folds"]
    earlier = sum((hours[split] < spans[0][0]).sum() for split in hours)
    assert found[0]["train_rows"] + found[0]["stop_rows"] == earlier


@pytest.mark.parametrize("dry_run", [[], ["--dry-run"]])
@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (["--folds", "2"], 2, "--folds is 2, wanted 3 to 100"),
        (["--group-by", "a", "--time-by", "b"], 2, "--group-by and --time-by: wanted one of them"),
        (
            ["--group-by", "taxi_id"],
            1,
            "its examples do not carry column 'taxi_id' (they carry payment_type, company, ",
        ),
        (["--training-set", "nowhere"], 1, "nowhere: no such training_set directory"),
    ],
)
def test_refusals_write_nothing(case, small_training_set, tmp_path, capsys, change, code, message, dry_run):
    output = tmp_path / "folds"
    assert main([*argv(case, small_training_set, output), *change, *dry_run]) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not output.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--time-by", "company"], "rows have no number in 'company', wanted a time as a number in each"),
        (
            ["--time-by", "trip_start_hour", "--folds", "90"],
            "too few different times in 'trip_start_hour' for 92",
        ),
        (["--group-by", "payment_type", "--folds", "60"], "too few different rows or groups for 60 parts"),
    ],
)
def test_folds_that_cannot_be_made_are_one_line(case, small_training_set, tmp_path, capsys, change, message):
    output = tmp_path / "folds"
    assert main([*argv(case, small_training_set, output), *change]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not output.exists()
