"""Labels: whatever is not one number per row is one line that names the file and quotes no value."""

import types

import numpy as np
import pyarrow as pa
import pytest

from models.training import labels
from schemas.errors import InputError

BATCH = pa.record_batch({"y": pa.array(["secret-1", "0", None])})


def _use_case(label):
    return types.SimpleNamespace(name="mine", label=label)


def _raises(error):
    def label(batch):
        raise error

    return label


@pytest.mark.parametrize(
    "given",
    [
        np.array([1, 0, np.nan]),
        [1, 0, None],
        (True, False, None),
        pa.array([1, 0, None]),
        pa.chunked_array([[True, False], [None]]),
        np.array([1, 0, None], object),
    ],
)
def test_numbers_in_whatever_row_of_values_are_taken(given):
    found = labels.make_labels(_use_case(lambda _: given), BATCH)
    assert found.dtype == np.float32
    assert found[:2].tolist() == [1, 0]
    assert np.isnan(found[2])


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (lambda _: None, "gave NoneType for 3 rows"),
        (lambda _: 1.0, "gave float for 3 rows"),
        (lambda _: np.zeros(2), r"gave shape \(2,\) for 3 rows, wanted \(3,\)"),
        (lambda _: np.zeros((3, 1)), r"gave shape \(3, 1\) for 3 rows"),
        (lambda _: [[1], [2, 3], [0]], "gave list for 3 rows"),
        (lambda batch: batch.column("y"), "gave values of type str, wanted numbers"),
        (lambda _: np.array(["1", "0", "1"]), "gave values of type str, wanted numbers"),
        (lambda _: np.array([1, 0, 1], "datetime64[s]"), "gave values of type datetime, wanted numbers"),
        (lambda _: np.array([1, 0, 1j]), "gave values of type complex, wanted numbers"),
        (lambda _: [1, "x", {}], "gave values of type dict, str, wanted numbers"),
        (lambda batch: batch.column("y").cast("float32"), r"ended in ArrowInvalid at line \d+"),
        (_raises(KeyError("secret-1")), r"ended in KeyError at line \d+"),
    ],
)
def test_anything_else_is_one_line_without_a_value(label, message):
    with pytest.raises(InputError, match=rf"^transforms/mine\.py: label\(\) {message}.*0, 1 or") as raised:
        labels.make_labels(_use_case(label), BATCH)
    assert "\n" not in str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1, 2], r"1 values that are neither 0 nor 1 \(1 whole numbers\)"),
        ([-1, 1], r"1 values that are neither 0 nor 1 \(1 whole numbers\)"),
        ([0.25, 0.5], r"2 values that are neither 0 nor 1 \(2 fractions\)"),
        ([0, np.inf], r"1 values that are neither 0 nor 1 \(1 infinite\)"),
        ([0, np.nan], r"1 values that are neither 0 nor 1 \(1 missing\)"),
    ],
)
def test_a_split_of_a_build_before_this_rule(values, message):
    with pytest.raises(InputError, match=f"train split: its label has {message}; mend"):
        labels.check_split(np.array(values, np.float32), "train")
    labels.check_split(np.array([0, 1], np.float32), "train")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "train split: no rows, wanted both labels"),
        ([0, 0], "train split: only label 0 in 2 rows, wanted both labels"),
        ([1], "train split: only label 1 in 1 rows, wanted both labels"),
    ],
)
def test_a_split_without_both_labels(values: list[int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        labels.check_split(np.array(values, np.float32), "train")
