"""Parameters of XGBoost: what it does not know or does not take is one line, before anything is trained."""

import re

import pytest

from models.families.boosting.xgb_parameters import check_parameters
from models.spec import ModelSpec
from schemas.errors import InputError
from tests.support.splits import COLUMNS


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"max_depth": 4, "eta": 0.1, "min_child_weight": 5, "subsample": 0.9, "colsample_bytree": 0.9},
        {"learning_rate": 0.1, "reg_alpha": 1, "n_jobs": 1, "tree_method": "exact", "verbosity": 0},
        {"booster": "gbtree", "grow_policy": "lossguide", "max_leaves": 8, "monotone_constraints": "(1,0,-1)"},
        {"tree_method": "hist", "max_bin": 64, "num_parallel_tree": 2, "interaction_constraints": "[[0, 1], [2]]"},
    ],
)
def test_what_xgboost_takes_is_taken(parameters):
    check_parameters(ModelSpec(parameters=parameters), COLUMNS)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"max_deepth": 9}, "parameter 'max_deepth' is not one that XGBoost .* uses here, did you mean max_depth?"),
        ({"max_deepth": 9, "verbosity": 0, "validate_parameters": 0}, "parameter 'max_deepth' is not one"),
        ({"zzz": 1}, "parameter 'zzz' is not one that XGBoost .* uses here; remove it"),
        ({"rate_drop": 0.1}, "parameter 'rate_drop' is not one that XGBoost .* uses here"),
        ({"rounds": 9}, "'rounds' is no parameter of XGBoost; set the model's rounds, or --rounds"),
        ({"n_estimators": 9}, "'n_estimators' is no parameter of XGBoost; set the model's rounds, or --rounds"),
        ({"early_stopping_rounds": 9}, "set the model's early_stopping_rounds, or --early-stopping-rounds"),
        ({"objective": "rank:ndcg"}, "parameter 'objective' is set by the family; remove it"),
        ({"random_state": 3}, "parameter 'random_state' is set by the family; remove it"),
        ({"booster": "gblinear"}, "booster is 'gblinear', wanted gbtree"),
        ({"booster": "dart"}, "booster is 'dart', wanted gbtree"),
        ({"max_depth": -3}, "xgboost: value -3 for Parameter max_depth should be greater equal to 0"),
        ({"max_depth": 2.5}, "xgboost: Invalid Parameter format for max_depth expect int"),
        ({"eta": "x"}, "xgboost: Invalid Parameter format for learning_rate expect float"),
        ({"updater": "x"}, "xgboost: Unknown tree updater x"),
        ({"num_class": 3}, "parameter 'num_class' is set by the family; remove it"),
        ({"process_type": "update"}, "xgboost: Check failed: up->CanModifyTree"),
        ({"interaction_constraints": '[["a"]]'}, "xgboost: Failed to parse feature interaction constraint"),
    ],
)
def test_what_it_does_not_take_is_one_line_without_its_stack(parameters, message):
    with pytest.raises(InputError, match=f"^model: .*{message}") as raised:
        check_parameters(ModelSpec(parameters=parameters), COLUMNS)
    said = str(raised.value)
    assert "\n" not in said
    assert not re.search(r"/src/|\.so|\[bt\]", said)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, ["a"], {"a": 1}])
def test_a_value_that_is_no_number_and_no_text(value):
    with pytest.raises(InputError, match=r"model: parameter 'eta' is .*, wanted a finite number or a text"):
        ModelSpec(parameters={"eta": value})
