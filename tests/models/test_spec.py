"""What a use case says of its model: values that make no sense are one line when the spec is made."""

from typing import Any

import pytest

from models.spec import Gate, ModelSpec
from schemas.errors import InputError


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
def test_spec_that_makes_no_sense(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ModelSpec(**wrong)


def test_gate_needs_one_limit() -> None:
    with pytest.raises(InputError, match="give at_least or at_most"):
        Gate("auc")
    assert Gate("log_loss", at_most=0.0).passes(0.0)
    assert not Gate("log_loss", at_most=0.3).passes(0.4)
