"""What `new` writes for data that it has never seen is nearly as good as what was written by hand for the same data."""

import gzip
import json
import pathlib
import re

import pytest

from beam_jobs.cli.command_line import main
from models.evaluation.place import evaluation_path
from models.use_case import find_model

ROOT = pathlib.Path(__file__).parents[2]
CENSUS = (
    "age,workclass,fnlwgt,education,education-num,marital-status,occupation,relationship,race,sex,capital-gain,"
    "capital-loss,hours-per-week,native-country,income"
)


def data_of(name: str, folder: pathlib.Path, data: pathlib.Path) -> pathlib.Path:
    """Return the raw file of a use case; that of census gets a header, and its blanks behind commas go."""
    if name == "credit_scoring":
        return data / "credit_scoring" / "CreditScoring.csv.gz"
    if name == "house_prices":
        return data / "house_prices" / "train.csv.gz"
    rows = gzip.decompress((data / "census_income" / "adult.data.gz").read_bytes()).decode().replace(", ", ",")
    (folder / "census.csv").write_text(f"{CENSUS}\n{rows}")
    return folder / "census.csv"


def by_hand(name: str, folder: pathlib.Path) -> pathlib.Path:
    """Return a folder with the shipped use case, its rows split as `new` splits them."""
    for kind, suffix in (("schemas", "pbtxt"), ("transforms", "py"), ("models", "py")):
        (folder / kind).mkdir(parents=True)
        text = (ROOT / kind / f"{name}.{suffix}").read_text()
        (folder / kind / f"{name}.{suffix}").write_text(re.sub(r"    split=\{.*\},\n", "", text))
    return folder


def evaluated(name: str, use_case: pathlib.Path, data: pathlib.Path) -> dict[str, float]:
    """Build, train and evaluate; return the metrics on the test split."""
    ts, candidate = str(use_case / "ts"), str(use_case / "candidate")
    path = ["--use-case-path", str(use_case)]
    assert main(["build_training_set", "--use-case", name, *path, "--data", str(data), "--output", ts]) == 0
    assert main(["train", *path, "--training-set", ts, "--output", candidate]) == 0
    main(["evaluate", "--candidate", candidate, "--training-set", ts])
    return json.loads((evaluation_path(candidate) / "metrics.json").read_text())


@pytest.mark.needs_data
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("name", "label", "metric"),
    [("credit_scoring", "Status", "auc"), ("house_prices", "SalePrice", "mae"), ("census", "income", "auc")],
)
def test_nearly_as_good(name: str, label: str, metric: str, tmp_path: pathlib.Path, data_folder: pathlib.Path) -> None:
    data, mine = data_of(name, tmp_path, data_folder), tmp_path / "new"
    assert main(["new", name, "--data", str(data), "--label", label, "--use-case-path", str(mine)]) == 0
    hand = by_hand(name, tmp_path / "hand")
    assert find_model(name, mine).task == find_model(name, hand).task
    ours, theirs = (evaluated(name, where, data)[metric] for where in (mine, hand))
    assert ours <= 1.05 * theirs if metric == "mae" else ours >= theirs - 0.01
