"""Labels: whatever is not one number per row is one line that names the file and quotes no value."""

import pathlib
import re
import types

import numpy as np
import pyarrow as pa
import pytest

from models.spec import ModelSpec
from models.training import labels
from schemas.errors import InputError
from schemas.schema import Schema

BATCH = pa.record_batch({"y": pa.array(["secret-1", "0", None])})


def _use_case(label, schema=None):
    return types.SimpleNamespace(
        transform=pathlib.Path("transforms/mine.py"), label=label, treated_schema=schema, model=ModelSpec()
    )


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
        (lambda _: None, "returned None, wanted a float array"),
        (lambda _: 1.0, "returned a value of type float, wanted a float array"),
        (lambda _: np.zeros(2), r"returned shape \(2,\) for 3 rows, wanted a float array"),
        (lambda _: np.zeros((3, 1)), r"returned shape \(3, 1\) for 3 rows"),
        (lambda _: [[1], [2, 3], [0]], "returned a value of type list, wanted"),
        (lambda _: {"y": [1, 0, 1]}, "returned a value of type dict, wanted"),
        (lambda batch: batch.column("y"), "returned values of type str, wanted a float array with one number per row"),
        (lambda _: np.array(["1", "0", "1"]), "returned values of type str, wanted"),
        (lambda _: np.array([1, 0, 1], "datetime64[s]"), r"returned values of type datetime64\[s\], wanted"),
        (lambda _: np.array([1, 0, 1j]), "returned values of type complex128, wanted"),
        (lambda _: [1, "x", {}], "returned values of type dict, str, wanted"),
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
        labels.check_split(np.array(values, np.float32), ModelSpec(), "train")
    labels.check_split(np.array([0, 1], np.float32), ModelSpec(), "train")


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
        labels.check_split(np.array(values, np.float32), ModelSpec(), "train")


SCHEMA = Schema.from_text("""
feature { name: "amount" type: FLOAT float_domain { min: 0 } }
feature { name: "town" type: BYTES }
feature { name: "paid" type: INT not_in_environment: "SERVING" }
""")
WANTED = "wanted a float array with one number per row: 0, 1 or, if a row has no label, NaN"


@pytest.mark.parametrize(
    ("label", "said"),
    [
        (
            lambda batch: batch.column("payd"),
            " line N: label() wants column 'payd', which is not in the schema (amount, town, paid), did you mean paid?",
        ),
        (
            lambda batch: batch.to_pandas()["payd"],
            " line N: label() wants column 'payd', which is not in the schema (amount, town, paid), did you mean paid?",
        ),
        (
            lambda batch: [row["nothing_like_it"] for row in batch.to_pylist()],
            " line N: label() wants column 'nothing_like_it', which is not in the schema (amount, town, paid)",
        ),
        (lambda batch: None, f": label() returned None, {WANTED}"),
        (lambda batch: batch.column("town"), f": label() returned values of type str, {WANTED}"),
        (lambda batch: np.zeros(batch.num_rows + 1), f": label() returned shape (17,) for 16 rows, {WANTED}"),
        (lambda batch: nothing, " line N: label() ended in NameError: name 'nothing' is not defined"),  # type: ignore[name-defined]  # noqa: F821  on purpose
        (lambda: None, ": label() ended in TypeError: <lambda>() takes 0 positional arguments but 1 was given"),
    ],
)
def test_what_is_wrong_whatever_the_data_is_said_before_any_is_read(label, said):
    with pytest.raises(InputError) as raised:
        labels.check_function(_use_case(label, SCHEMA))
    assert re.sub(r" line \d+", " line N", str(raised.value)) == f"transforms/mine.py{said}"


@pytest.mark.parametrize(
    "label",
    [
        lambda batch: batch.column("paid"),
        lambda batch: batch.column("amount").to_pandas() > 50,
        lambda batch: [{"Bern": 1, "Rome": 0}[town] for town in batch.column("town").to_pylist()],
        lambda batch: [{"Bern, Rome": 1}[f"{town}, {town}"] for town in batch.column("town").to_pylist()],
        _raises(ValueError("no town of that name")),
    ],
)
def test_what_only_data_can_tell_is_left_to_it(label):
    labels.check_function(_use_case(label, SCHEMA))
