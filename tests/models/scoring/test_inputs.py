"""What people give to score becomes the batch that the stream makes of the same record, or one line."""

import json
import pathlib
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.scoring.inputs import raw_batch
from models.scoring.scorer import Scorer
from schemas.errors import InputError
from schemas.schema import Schema
from transforms.decode.json_decoder import JsonDecoder
from transforms.intake.take_in import take_in

SCHEMA = Schema.from_text(
    'feature { name: "fare" type: FLOAT presence { min_fraction: 1 } float_domain { min: 0 } }'
    'feature { name: "area" type: INT } feature { name: "company" type: BYTES }'
)
ROOT = pathlib.Path(__file__).parents[3]
EXACT = 2**53  # pandas keeps integers with gaps as floats

FARES: st.SearchStrategy[Any] = st.floats(0, 1e38, allow_nan=False)
ROWS: st.SearchStrategy[list[dict]] = st.lists(
    st.fixed_dictionaries(
        {"fare": FARES},
        optional={
            "area": st.none() | st.integers(-EXACT, EXACT),
            "company": st.none() | st.text(st.characters(exclude_characters="\0", codec="utf-8")),
            "unknown": st.integers(),
        },
    ),
    min_size=1,
    max_size=20,
)
ANY_CELL = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers(), max_size=2)


def in_the_stream(rows: list) -> tuple[pa.RecordBatch, int]:
    """What the stream makes of the rows, and how many it rejects."""
    intake = take_in([json.dumps(row).encode() for row in rows], JsonDecoder(SCHEMA), SCHEMA)
    return intake.batch, len(intake.rejections)


@given(ROWS)
@settings(max_examples=100, deadline=None)
def test_dicts_and_a_frame_are_what_the_stream_makes_of_them(rows: list[dict]) -> None:
    batch, rejected = in_the_stream(rows)
    assert rejected == 0
    assert raw_batch(rows, SCHEMA).equals(batch)
    assert raw_batch(tuple(rows), SCHEMA).equals(batch)
    frame = pd.DataFrame(rows, index=range(len(rows), 0, -1))  # an index says nothing
    assert raw_batch(frame, SCHEMA).equals(batch)
    assert raw_batch(frame.astype({"fare": object}), SCHEMA).equals(batch)


@given(st.lists(st.dictionaries(st.sampled_from(SCHEMA.names), ANY_CELL), min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_dicts_are_refused_where_the_stream_rejects_one(rows: list[dict]) -> None:
    batch, rejected = in_the_stream(rows)
    if not rejected:
        assert raw_batch(rows, SCHEMA).equals(batch)
        return
    with pytest.raises(InputError, match=rf"score: {rejected} of {len(rows)} rows would be rejected by a job"):
        raw_batch(rows, SCHEMA)


GOOD = {"fare": 1.5, "area": 8, "company": "x"}
FRAME = pd.DataFrame([GOOD, GOOD])


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [GOOD, {"area": 1}, {"fare": "1"}],
            "2 of 3 rows would be rejected by a job: 1 REQUIRED at /fare, 1 TYPE at /f",
        ),
        ([GOOD, {**GOOD, "fare": -1}], "1 RANGE at /fare; the first is row 1; correct them or leave them out"),
        ([{**GOOD, "fare": float("nan")}], "1 NUM_NONFINITE"),
        ([{**GOOD, "fare": 10**5000}], "1 NUM_NONFINITE at /fare"),
        ([{**GOOD, "area": -(10**5000)}], "1 INT_RANGE at /area"),
        ([{**GOOD, "area": 1.0}], "1 TYPE at /area"),
        ([{**GOOD, "area": True}], "1 TYPE at /area"),
        ([{**GOOD, "area": object()}], "1 TYPE at /area"),
        ([{**GOOD, "company": "\ud800"}], "1 ENCODING at /company"),
        ([GOOD, 3], "row 1 is of type int, wanted a pyarrow.RecordBatch, a pandas DataFrame or a list of dicts"),
        (GOOD, "got a value of type dict, wanted a pyarrow.RecordBatch"),
        (FRAME["fare"], "got a value of type Series, wanted a pyarrow.RecordBatch"),
        (FRAME.drop(columns=["fare"]), "the frame has no column 'fare', which every record must have"),
        (pd.concat([FRAME, FRAME], axis=1), "the frame has several columns 'fare'"),
        (FRAME.assign(fare="1.5"), "column 'fare' of the frame holds large_string, wanted numbers"),
        (FRAME.assign(fare=True), "column 'fare' of the frame holds bool, wanted numbers"),
        (FRAME.assign(fare=[1, "x"]), "column 'fare' of the frame holds values of several types, wanted numbers"),
        (
            FRAME.assign(fare=[1j, 2]),
            "of the frame holds complex128, which Arrow has not, wanted numbers",
        ),
        (FRAME.astype({"fare": "Sparse[float64]"}), "holds Sparse[float64, nan], which Arrow has not, wanted numbers"),
        (FRAME.rename(columns={"fare": "Fare"}), "every record must have, did you mean Fare?"),
        (FRAME.assign(area=np.array([1.5, np.inf], np.float16)), "1 INT_RANGE at /area, 1 TYPE at /area"),
        (FRAME.assign(area=pd.Timestamp("2020-01-01")), "'area' of the frame holds timestamp[us], wanted integers"),
        (FRAME.assign(company=3), "column 'company' of the frame holds int64, wanted strings"),
        (FRAME.assign(area=[1.5, 2.0]), "1 of 2 rows would be rejected by a job: 1 TYPE at /area; the first is row 0"),
        (FRAME.assign(area=[np.inf, 1e19]), "2 of 2 rows would be rejected by a job: 2 INT_RANGE at /area"),
        (FRAME.assign(area=np.uint64(2**63)), "2 INT_RANGE at /area"),
        (FRAME.assign(fare=[np.inf, 1e39]), "2 NUM_NONFINITE at /fare"),
        (FRAME.assign(company="a\0"), "2 ENCODING at /company"),
        (
            FRAME.assign(company=pd.Series(["\ud800"] * 2, dtype=object)),
            "'company' of the frame holds text that is n",
        ),
    ],
)
def test_what_cannot_be_scored_is_one_line(rows: object, said: str) -> None:
    with pytest.raises(InputError) as refused:
        raw_batch(rows, SCHEMA)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_no_value_is_in_a_message() -> None:
    for rows in ([{"fare": "secret-1"}], pd.DataFrame({"fare": ["secret-1", 2]}), [{"fare": 1, "area": "secret-1"}]):
        with pytest.raises(InputError) as refused:
            raw_batch(rows, SCHEMA)
        assert "secret" not in str(refused.value)


def test_gaps_types_and_what_the_schema_does_not_name() -> None:
    frame = pd.DataFrame(
        {"fare": np.array([1.1, 2], np.float32), "area": [1, None], "other": [object(), 1], "company": [None, "x"]}
    )
    wanted = {"fare": [float(np.float32(1.1)), 2.0], "area": [1, None], "company": [None, "x"]}
    assert raw_batch(frame, SCHEMA).to_pydict() == wanted
    nullable = frame.astype({"area": "Int64", "company": "category"})
    assert raw_batch(nullable, SCHEMA).to_pydict() == wanted
    assert raw_batch(frame.drop(columns=["area"]), SCHEMA).to_pydict()["area"] == [None, None]
    assert raw_batch([{"fare": np.float32(1.1), "area": np.int8(3)}], SCHEMA).to_pydict()["area"] == [3]


def test_a_column_of_a_frame_that_may_be_missing_and_is_misspelt_is_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    small = FRAME.assign(area=np.array([8, 1], np.float16))
    assert raw_batch(small, SCHEMA).to_pydict()["area"] == [8, 1]
    assert raw_batch(FRAME.drop(columns=["area"]).assign(tip=1), SCHEMA).to_pydict()["area"] == [None, None]
    assert caplog.messages == []
    raw_batch(FRAME.rename(columns={"area": "aera"}), SCHEMA)
    assert caplog.messages == [
        "score: the frame has no column 'area', so it is missing in every row, did you mean aera?"
    ]


def test_nothing_in_nothing_out() -> None:
    assert raw_batch([], SCHEMA).num_rows == 0
    assert raw_batch(FRAME.head(0), SCHEMA).num_rows == 0


def test_a_batch_is_taken_as_it_is() -> None:
    batch = pa.RecordBatch.from_pydict({"any": [1]})
    assert raw_batch(batch, SCHEMA) is batch


def test_scores_are_the_same_bits_whatever_was_given(scorers: dict[str, Scorer], trips: pa.RecordBatch) -> None:
    scorer = next(iter(scorers.values()))
    batch = trips.slice(0, 300)
    scores = scorer.score(batch).scores
    for given_ in (batch.to_pylist(), batch.to_pandas()):
        assert scorer.score(given_).scores.tobytes() == scores.tobytes()
    assert scorer.score(batch.to_pylist()[::-1]).scores.tobytes() == scores[::-1].tobytes()
    assert scorer.score([]).scores.tolist() == []


def test_the_module_imports_no_pandas() -> None:
    program = "import sys, models.scoring.inputs; print('pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("False\n", "")
