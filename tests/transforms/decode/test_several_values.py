"""Columns of several values in JSON and CSV: the same lists from both, and each bad one rejected with its path."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.rejection import Reason
from schemas.schema import Schema
from transforms.decode.csv_decoder import CsvDecoder
from transforms.decode.decoding import Limits, build_batch
from transforms.decode.json_decoder import JsonDecoder
from transforms.decode.strict_json import Refused, StrictJson

SCHEMA = Schema.from_text(
    """
    feature { name: "genres" type: BYTES value_count { min: 1 } }
    feature { name: "size" type: FLOAT shape { dim { size: 2 } } annotation { tag: "separator:;" } }
    feature { name: "tags" type: INT value_count { } }
    feature { name: "fare" type: FLOAT }
    """
)
NAMES = SCHEMA.names
GOOD = {"genres": ["Drama: noir", "été"], "size": [1, -2.5], "tags": [7], "fare": 2.0}


def as_json(**changed) -> bytes:
    return json.dumps({**GOOD, **changed}).encode()


REFUSED = [
    (as_json(genres="Drama"), Reason.TYPE, "/genres"),
    (as_json(genres={"a": 1}), Reason.TYPE, "/genres"),
    (as_json(genres=["a", None]), Reason.TYPE, "/genres/1"),
    (as_json(genres=["a", 1]), Reason.TYPE, "/genres/1"),
    (as_json(genres=["a", ["b"]]), Reason.TYPE, "/genres/1"),
    (as_json(genres=["a", "\0"]), Reason.ENCODING, "/genres/1"),
    (as_json(genres=["\ud800"]), Reason.ENCODING, "/genres/0"),
    (as_json(tags=[1, 2, 1.0]), Reason.TYPE, "/tags/2"),
    (as_json(tags=[1, True]), Reason.TYPE, "/tags/1"),
    (as_json(tags=[2**63]), Reason.INT_RANGE, "/tags/0"),
    (as_json(size=[1, float("nan")]), Reason.NUM_NONFINITE, "/size/1"),
    (as_json(size=float("nan")), Reason.NUM_NONFINITE, "/size"),
    (as_json(size=[1, 1e39]), Reason.NUM_NONFINITE, "/size/1"),
    (as_json(size=[1, "2"]), Reason.TYPE, "/size/1"),
    (as_json(fare=[1.0]), Reason.TYPE, "/fare"),
    (b'{"tags": [1], "tags": [2]}', Reason.JSON_DUP_KEY, "/tags"),
    (b'{"genres": ["a:b"], "genres": ["c"]}', Reason.JSON_DUP_KEY, "/genres"),
]


def test_each_bad_list_is_rejected_alone_with_its_reason_and_path():
    decoder = JsonDecoder(SCHEMA)
    values = [value for bad, _, _ in REFUSED for value in (as_json(), bad)]
    for given_values in (values, values[1::2]):
        decoded = decoder(given_values)
        assert [(found.reason, found.path) for found in decoded.rejections] == [tuple(one[1:]) for one in REFUSED]
        assert decoded.batch.num_rows == len(given_values) - len(REFUSED)


def test_lists_are_read_as_they_stand_and_an_empty_one_is_missing():
    decoded = JsonDecoder(SCHEMA)([as_json(), as_json(genres=[], tags=None), b'{"tags": [], "fare": 1}', b"{}"])
    assert not decoded.rejections
    assert decoded.batch.schema.equals(SCHEMA.arrow_schema)
    assert decoded.batch.to_pydict() == {
        "genres": [["Drama: noir", "été"], None, None, None],
        "size": [[1.0, -2.5], [1.0, -2.5], None, None],
        "tags": [[7], None, None, None],
        "fare": [2.0, 2.0, 1.0, None],
    }
    decoded.batch.validate(full=True)


def test_lists_are_proven_on_the_fast_path(monkeypatch):
    monkeypatch.setattr(StrictJson, "read", None)  # the slow path is not taken
    assert JsonDecoder(SCHEMA)([as_json(genres=["a:b", ":", "c"])] * 3).batch.num_rows == 3


CSV_REFUSED = [
    (b"a,1;x,1,1", Reason.TYPE, "/size/1"),
    (b"a,1;2,1||2,1", Reason.TYPE, "/tags/1"),
    (b"a,1;2,1|2.0,1", Reason.TYPE, "/tags/1"),
    (b"a,1;2,1| 2,1", Reason.TYPE, "/tags/1"),
    (b"a,1;2,1|9223372036854775808,1", Reason.INT_RANGE, "/tags/1"),
    (b"a,nan;2,1,1", Reason.NUM_NONFINITE, "/size/0"),
    (b"a,1;1e39,1,1", Reason.NUM_NONFINITE, "/size/1"),
    (b"a,1;x,1|x,x", Reason.TYPE, "/size/1"),
    (b'a,1;2,"",1', Reason.TYPE, "/tags/0"),
]


def test_a_cell_has_the_values_between_separators():
    lines = [b"Drama|Comedy,1;2,7,1", b'"a,b|""c""",1e3;-2.5,7|-8,', b",,,", b"a||b|,1;2,+1|02,1"]
    decoded = CsvDecoder(SCHEMA, NAMES)(lines)
    assert not decoded.rejections
    assert decoded.batch.schema.equals(SCHEMA.arrow_schema)
    assert decoded.batch.to_pydict() == {
        "genres": [["Drama", "Comedy"], ["a,b", '"c"'], None, ["a", "", "b", ""]],
        "size": [[1.0, 2.0], [1000.0, -2.5], None, [1.0, 2.0]],
        "tags": [[7], [7, -8], None, [1, 2]],
        "fare": [1.0, None, None, 1.0],
    }
    decoded.batch.validate(full=True)


@pytest.mark.parametrize("together", [True, False])
def test_each_bad_cell_is_rejected_alone_with_its_reason_and_path(together):
    decoder = CsvDecoder(SCHEMA, NAMES)
    lines = [line for line, _, _ in CSV_REFUSED]
    batches = [decoder(lines)] if together else [decoder([b"a,1;2,3,4", line]) for line in lines]
    found = [(rejection.reason, rejection.path) for decoded in batches for rejection in decoded.rejections]
    assert found == [tuple(one[1:]) for one in CSV_REFUSED]


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="|\0"), max_size=4)
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "genres": st.lists(TEXTS, max_size=4),
        "size": st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=2, max_size=2),
        "tags": st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4),
        "fare": st.none() | st.floats(width=32, allow_nan=False, allow_infinity=False),
    },
)


def as_csv(record) -> bytes:
    cells = []
    for name in NAMES:
        value = record.get(name)
        if value is None or value == []:
            cells.append("")
        elif name == "genres":
            cells.append('"' + "|".join(value).replace('"', '""') + '"')
        else:
            cells.append(
                (";" if name == "size" else "|").join(map(repr, value if isinstance(value, list) else [value]))
            )
    return ",".join(cells).encode()


@settings(max_examples=150, deadline=None)
@given(st.lists(RECORDS, min_size=1, max_size=6))
def test_csv_and_json_of_the_same_lists_give_the_same_batch(records):
    of_json = JsonDecoder(SCHEMA)([json.dumps(record, ensure_ascii=False).encode() for record in records])
    of_csv = CsvDecoder(SCHEMA, NAMES)([as_csv(record) for record in records])
    assert of_json.rejections == of_csv.rejections == []
    assert of_csv.batch.equals(of_json.batch)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from([*NAMES, "other"]), JSON_VALUES, max_size=4), max_size=5))
def test_fast_path_agrees_with_the_strict_path_on_lists(records):
    values = [json.dumps(record).encode() for record in records]
    decoded = JsonDecoder(SCHEMA)(values)
    strict, cells, rejections = StrictJson(SCHEMA, Limits()), [], []
    for row, value in enumerate(values):
        try:
            cells.append(strict.read(value)[0])
        except Refused as refused:
            rejections.append((row, refused.reason, refused.path))
    assert [(found.row, found.reason, found.path) for found in decoded.rejections] == rejections
    columns = list(zip(*cells, strict=True)) if cells else [()] * len(NAMES)
    assert decoded.batch.equals(build_batch(SCHEMA, columns))
