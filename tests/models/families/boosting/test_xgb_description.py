"""A model's description, read off the file, is what XGBoost says of it."""

import dataclasses
import json
import pathlib
import subprocess
import sys
from typing import Any

import pytest
import xgboost

from models.families.boosting import xgb
from models.families.boosting.xgb_description import FILE, describe
from models.families.table.choice import describe_model
from schemas.errors import ArtifactError
from tests.support.small_artifacts import FAST
from tests.support.splits import COLUMNS, SPEC, random_split


def by_xgboost(path: pathlib.Path) -> dict:
    booster = xgboost.Booster(model_file=path)
    found: Any = booster.get_score(importance_type="total_gain")  # a number each where a feature is one column
    gain: dict[str, float] = found
    total = sum(gain.values()) or 1.0
    return {
        "family": "xgboost",
        "objective": json.loads(booster.save_config())["learner"]["objective"]["name"],
        "trees": len(booster.get_dump()),
        "features": booster.num_features(),
        "share_of_gain": {name: pytest.approx(value / total, abs=1e-4) for name, value in gain.items()},
    }


@pytest.mark.parametrize("parameters", [{}, {"num_parallel_tree": 3}, {"subsample": 0.5, "max_depth": 1}])
def test_the_numbers_are_those_of_xgboost(parameters: dict, tmp_path: pathlib.Path) -> None:
    spec = dataclasses.replace(SPEC, parameters={**FAST, **parameters})
    xgb.train(spec, COLUMNS, random_split(2000, 1), random_split(1000, 2)).save(tmp_path)
    assert describe(tmp_path) == describe_model("xgboost", tmp_path) == by_xgboost(tmp_path / FILE)
    assert (
        list(describe(tmp_path)["share_of_gain"].values()) == sorted(describe(tmp_path)["share_of_gain"].values())[::-1]
    )


def test_a_model_without_a_split_has_no_gain(tmp_path: pathlib.Path) -> None:
    spec = dataclasses.replace(SPEC, parameters={**FAST, "gamma": 1e9})
    xgb.train(spec, COLUMNS, random_split(500, 1), random_split(500, 2)).save(tmp_path)
    assert describe(tmp_path) == by_xgboost(tmp_path / FILE)
    assert describe(tmp_path)["share_of_gain"] == {}


@pytest.mark.parametrize(("data", "said"), [(None, "no such model"), (b"", "not an XGB"), (b"{}", "not an XGB")])
def test_what_is_no_model_is_one_line(data: bytes | None, said: str, tmp_path: pathlib.Path) -> None:
    if data is not None:
        (tmp_path / FILE).write_bytes(data)
    with pytest.raises(ArtifactError, match=said):
        describe(tmp_path)


def test_without_xgboost() -> None:
    looked_for = "{'xgboost', 'pandas', 'sklearn'}"
    program = f"import sys, models.families.boosting.xgb_description; print({looked_for} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("set()\n", "")
