"""Validation: reasons, order, and the same batch where nothing is wrong."""

import numpy as np
import pyarrow as pa
import pytest

from schemas.errors import InputError
from schemas.rejection import Reason, Stage
from schemas.schema import Schema
from schemas.validation import unseen_values, validate

SCHEMA = Schema.from_text("""
feature { name: "fare" type: FLOAT presence { min_fraction: 1 } float_domain { min: 0 max: 100 } }
feature { name: "hour" type: INT int_domain { min: 0 max: 23 } }
feature { name: "at" type: INT presence { min_fraction: 1 } int_domain { min: 10 } annotation { tag: "event_time:s" } }
feature { name: "area" type: INT int_domain { min: 1 max: 77 } }
feature { name: "company" type: BYTES presence { min_fraction: 1 } string_domain { value: "a" value: "b" } }
""")
GOOD = {"fare": 1.0, "hour": None, "at": 10, "area": None, "company": "a"}


def _batch(*changes):
    return pa.RecordBatch.from_pylist([{**GOOD, **change} for change in changes], schema=SCHEMA.arrow_schema)


@pytest.mark.parametrize(
    ("change", "reason", "path"),
    [
        ({"fare": None}, Reason.REQUIRED, "/fare"),
        ({"fare": float("nan")}, Reason.NUM_NONFINITE, "/fare"),
        ({"fare": float("-inf")}, Reason.NUM_NONFINITE, "/fare"),
        ({"fare": -0.01}, Reason.RANGE, "/fare"),
        ({"fare": 100.01}, Reason.RANGE, "/fare"),
        ({"hour": -1}, Reason.RANGE, "/hour"),
        ({"hour": 2**62}, Reason.RANGE, "/hour"),
        ({"at": 9}, Reason.TIME_RANGE, "/at"),
        ({"area": 0}, Reason.RANGE, "/area"),
        ({"at": None}, Reason.REQUIRED, "/at"),
        ({"company": None}, Reason.REQUIRED, "/company"),
        ({"company": None, "hour": 24}, Reason.RANGE, "/hour"),
    ],
)
def test_a_bad_row_is_rejected_alone_for_its_first_fault(change, reason, path):
    validated = validate(_batch({}, change, {"hour": 23}), SCHEMA)
    assert validated.rows.tolist() == [0, 2]
    assert validated.batch.equals(_batch({}, {"hour": 23}))
    (found,) = validated.rejections
    assert (found.row, found.stage, found.reason, found.path) == (1, Stage.VALIDATE, reason, path)


def test_ends_of_ranges_are_inside_and_a_good_batch_comes_back_itself():
    batch = _batch({"fare": 0.0, "hour": 0}, {"fare": 100.0, "hour": 23, "company": "never seen"})
    validated = validate(batch, SCHEMA)
    assert validated.batch is batch
    assert validated.rows.dtype == np.int64
    assert validated.rejections == []


def test_unseen_strings_are_counted_and_not_rejected():
    assert unseen_values(_batch({}, {"company": "c"}, {"company": None}, {"company": ""}), SCHEMA) == {"company": 2}
    assert unseen_values(_batch({}, {"company": "b"}), SCHEMA) == {}


def test_a_batch_without_a_column_is_refused():
    with pytest.raises(InputError, match="column hour is missing"):
        validate(_batch({}).drop_columns(["hour"]), SCHEMA)


def test_empty_and_sliced_batches():
    assert validate(_batch({}).slice(1), SCHEMA).batch.num_rows == 0
    sliced = _batch({"fare": -1.0}, {}, {"fare": None}, {}).slice(1)
    assert validate(sliced, SCHEMA).rows.tolist() == [0, 2]
