"""The split: stable, by the record's identity, near the fractions."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import InputError
from schemas.schema import Schema
from transforms.decode.csv_decoder import CsvDecoder
from transforms.decode.json_decoder import JsonDecoder
from transforms.intake.split import assign_splits, id_hashes

FEATURE = 'feature {{ name: "{}" type: {} annotation {{ tag: "id" }} }} '
SCHEMA = Schema.from_text(
    FEATURE.format("trip", "INT")
    + FEATURE.format("fare", "FLOAT")
    + FEATURE.format("company", "BYTES")
    + 'feature { name: "tips" type: FLOAT }'
)
KNOWN = ["dcdd6e932547b6ce", "f248501236571b7b", "78de1dacf3d87d26"]
FRACTIONS = {"train": 0.7, "eval": 0.15, "test": 0.15}


def _batch(rows):
    return pa.RecordBatch.from_pylist(rows, schema=SCHEMA.arrow_schema)


def test_known_records_stay_where_they_were():
    rows = [
        {"trip": 1, "fare": 1.5, "company": "a"},
        {"trip": None, "fare": 0.0, "company": None},
        {"trip": -(2**63), "fare": None, "company": "\u00e9"},
    ]
    assert [f"{one:016x}" for one in id_hashes(_batch(rows), SCHEMA)] == KNOWN


def test_only_identity_counts():
    one = _batch([{"trip": 7, "fare": 0.0, "company": "a", "tips": 1.0}])
    other = _batch([{"trip": 7, "fare": -0.0, "company": "a", "tips": None}])
    assert id_hashes(one, SCHEMA) == id_hashes(other, SCHEMA)
    columns = {name: one.column(name) for name in reversed(SCHEMA.names)}
    assert id_hashes(pa.RecordBatch.from_pydict(columns), SCHEMA) == id_hashes(one, SCHEMA)


_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "trip": st.none() | st.integers(-(2**63), 2**63 - 1),
            "fare": st.none() | st.floats(width=32, allow_nan=False),
            "company": st.none() | st.text(max_size=4),
        }
    ),
    min_size=1,
    max_size=20,
)


@settings(max_examples=100, deadline=None)
@given(rows=_ROWS, start=st.integers(0, 19))
def test_a_row_has_the_same_hash_alone_and_in_company(rows, start):
    batch = _batch(rows)
    alone = [int(id_hashes(_batch([row]), SCHEMA)[0]) for row in rows]
    assert id_hashes(batch, SCHEMA).tolist() == alone
    assert id_hashes(batch.slice(start), SCHEMA).tolist() == alone[start:]


def test_missing_differs_from_every_value_and_columns_do_not_trade_places():
    rows = [
        {"trip": trip, "fare": fare, "company": text}
        for trip in (None, 0, 1)
        for fare in (None, 0, 1)
        for text in (None, "", "0")
    ]
    assert len(set(id_hashes(_batch(rows), SCHEMA).tolist())) == len(rows)


def test_shares_are_near_the_fractions_on_regular_ids():
    rows = pa.RecordBatch.from_pydict(
        {"trip": np.arange(100_000) * 900, "fare": np.full(100_000, 2.25, np.float32), "company": [""] * 100_000}
    )
    shares = np.bincount(assign_splits(rows, SCHEMA, FRACTIONS)) / 100_000
    assert np.abs(shares - [0.7, 0.15, 0.15]).max() < 0.005


def test_wrong_fractions_are_refused():
    batch = _batch([{"trip": 1}])
    for fractions in ({}, {"train": 0.5}, {"train": 1.5, "test": -0.5}):
        with pytest.raises(InputError, match="not shares that sum to 1"):
            assign_splits(batch, SCHEMA, fractions)


WITHOUT = Schema.from_text("""
feature { name: "town" type: BYTES }
feature { name: "fare" type: FLOAT }
feature { name: "tips" type: FLOAT not_in_environment: "SERVING" }
""")


def test_without_an_id_the_values_that_serving_has_say_who_a_row_is():
    def hashes(*rows):
        return id_hashes(pa.RecordBatch.from_pylist(list(rows), schema=WITHOUT.arrow_schema), WITHOUT).tolist()

    row = {"town": "Bern", "fare": 2.5, "tips": 1.0}
    (known,) = hashes(row)
    assert f"{known:016x}" == "146e098eb2a0335c", "a row stays in its split from version to version"
    assert hashes(row, row | {"tips": None}) == [known] * 2, "a label says nothing of who a row is"
    assert len(set(hashes(row, row | {"town": "Rome"}, row | {"fare": 2.0}, row | {"fare": None}))) == 4
    empty, missing = hashes({"town": "", "fare": 0.0}, {"town": None, "fare": -0.0})
    assert empty == missing, "an empty cell of CSV and an empty text of JSON"


def test_without_an_id_csv_and_json_of_a_row_are_in_one_split():
    serving = WITHOUT.environment("SERVING")
    cells = [(f"town {number % 7}" if number % 5 else "", f"{number / 8}") for number in range(400)]
    csv = CsvDecoder(serving, ["town", "fare"])([f"{town},{fare}".encode() for town, fare in cells])
    json = JsonDecoder(serving)([f'{{"fare":{fare},"town":"{town}"}}'.encode() for town, fare in cells])
    splits = assign_splits(csv.batch, serving, FRACTIONS)
    assert splits.tolist() == assign_splits(json.batch, serving, FRACTIONS).tolist()
    assert np.bincount(splits).min() > 30
