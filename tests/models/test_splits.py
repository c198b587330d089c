"""How a use case says its splits: what makes sense, what does not, and the same again from a manifest."""

from collections.abc import Callable
from typing import Any

import pytest

from models.spec import ModelSpec
from models.spec_json import spec_as_json, spec_from_json
from models.splits import (
    ColumnSplit,
    GroupSplit,
    SplitRule,
    TimeSplit,
    before,
    between,
    check_columns,
    from_json,
    in_words,
    since,
    to_json,
)
from schemas.errors import InputError
from schemas.schema import Schema


def wrong(value: object) -> Any:
    """Return a value whose type is wrong on purpose."""
    return value


BY_TIME = TimeSplit(train=before("2024-03-01"), eval=between("2024-03-01", "2024-04-01"), test=since("2024-04-01"))
RULES = (
    {"train": 0.5, "eval": 0.25, "test": 0.25},
    BY_TIME,
    GroupSplit(train=0.8, eval=0.1, test=0.1),
    ColumnSplit(train=("a", "b"), eval="c", test="d"),
)


@pytest.mark.parametrize("rule", RULES)
def test_a_spec_comes_back_from_its_manifest(rule: SplitRule) -> None:
    spec = ModelSpec(split=rule, down_sample={0: 0.25})
    assert spec_from_json(spec_as_json(spec), "x") == spec
    assert from_json(to_json(rule)) == rule


def test_a_spec_without_anything_new_is_written_as_before() -> None:
    assert "down_sample" not in spec_as_json(ModelSpec())
    assert spec_as_json(ModelSpec())["split"] == {"train": 0.7, "eval": 0.15, "test": 0.15}


def test_splits_for_people() -> None:
    assert [in_words(rule) for rule in RULES] == [
        "train 50%, eval 25%, test 25%",
        "train before 2024-03-01, eval from 2024-03-01 before 2024-04-01, test from 2024-04-01",
        "train 80%, eval 10%, test 10% of keys",
        "train where it is a or b, eval where it is c, test where it is d",
    ]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: between("2024-03-01", "soon"), "'soon' is no time, wanted 2024-03-01 or"),
        (lambda: before(wrong(20240301)), "20240301 is no time"),
        (
            lambda: TimeSplit(train=before("2024-03-02"), eval=since("2024-03-01"), test=since("2024-04-01")),
            "eval begins before train ends; a row of train would be later than one of eval",
        ),
        (
            lambda: TimeSplit(train=since("2024-01-01"), eval=since("2024-03-01"), test=since("2024-04-01")),
            "eval begins before train ends",
        ),
        (
            lambda: TimeSplit(train=before("2024-03-01"), eval=since("2024-03-01"), test=since("2024-04-01")),
            "eval and test share some time",
        ),
        (
            lambda: TimeSplit(
                train=before("2024-03-01"), eval=between("2024-04-01", "2024-03-05"), test=since("2024-06-01")
            ),
            "eval ends before it begins",
        ),
        (
            lambda: TimeSplit(train=wrong(0.7), eval=wrong(0.1), test=wrong(0.2)),
            "train is of type float, wanted before, between",
        ),
        (lambda: GroupSplit(train=0.9), "split by group: wanted shares of train, eval, test that sum to 1"),
        (lambda: GroupSplit(train=1.0, eval=0.0, test=0.0), "split by group: wanted shares above 0"),
        (lambda: ColumnSplit(train="a", test="a"), "a word stands for two splits"),
        (lambda: ColumnSplit(train=()), "train is of type tuple, wanted a text or several"),
        (lambda: ModelSpec(split=wrong("time")), "model: split is 'time', wanted a dict with fractions"),
        (lambda: ModelSpec(down_sample={0: 0.0}), "model: down_sample is {0: 0.0}, wanted a dict from label to"),
        (lambda: ModelSpec(down_sample={0: 1e-6}), "model: down_sample keeps 1e-06 of label 0, wanted at least 1e-05"),
        (lambda: ModelSpec(down_sample={2: 0.5}), "model: down_sample of label 2, the labels are 0 to 1"),
        (
            lambda: ModelSpec(task="multiclass", classes=("a", "b", "c"), down_sample={3: 0.5}),
            "model: down_sample of label 3, the labels are 0 to 2",
        ),
        (lambda: ModelSpec(down_sample=wrong(0.1)), "model: down_sample is 0.1, wanted a dict from label to"),
    ],
)
def test_what_makes_no_sense_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(InputError) as raised:
        make()
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("rule", "feature", "message"),
    [
        (BY_TIME, "type: INT", "split by time, but no column has the role event_time"),
        (GroupSplit(), "type: INT", "split by group, but no column has the role key"),
        (ColumnSplit(), "type: INT", "split by column, but no column has the role split"),
        (ColumnSplit(), 'type: BYTES annotation { tag: "split" }', "split by column 'x', which serving has"),
    ],
)
def test_a_split_goes_by_a_column_that_there_is(rule: SplitRule, feature: str, message: str) -> None:
    schema = Schema.from_text(f'feature {{ name: "x" {feature} }}')
    with pytest.raises(InputError, match=message):
        check_columns(rule, schema, "models/c.py")
    good = Schema.from_text("""
        feature { name: "at" type: INT annotation { tag: "event_time:s" } }
        feature { name: "card" type: INT annotation { tag: "key" } }
        feature { name: "use" type: BYTES annotation { tag: "split" } not_in_environment: "SERVING" }
    """)
    check_columns(rule, good, "models/c.py")
