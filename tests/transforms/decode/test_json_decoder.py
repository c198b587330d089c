"""The JSON decoder: strict, fast, and the fast path agrees with the strict one on whatever arrives."""

import json
import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.rejection import Reason
from schemas.schema import Schema
from transforms.decode.decoding import Limits, build_batch
from transforms.decode.json_decoder import JsonDecoder
from transforms.decode.strict_json import Refused, StrictJson, depth

SCHEMA = Schema.from_text(
    'feature { name: "count" type: INT } feature { name: "fare" type: FLOAT } feature { name: "company" type: BYTES }'
)
GOOD = b'{"count": 3, "fare": 12.5, "company": "Blue: Ribbon"}'

REFUSED = [
    (None, Reason.TOMBSTONE, ""),
    (b"", Reason.JSON_SYNTAX, ""),
    (b" ", Reason.JSON_SYNTAX, ""),
    (GOOD + b"x", Reason.JSON_SYNTAX, ""),
    (GOOD + GOOD, Reason.JSON_SYNTAX, ""),
    (b'{"count": 01}', Reason.JSON_SYNTAX, ""),
    (b'{"count": 1,}', Reason.JSON_SYNTAX, ""),
    (b'{"company": "\t"}', Reason.JSON_SYNTAX, ""),
    (b'{"company": "\xff"}', Reason.ENCODING, ""),
    (b'{"other": "\xff"}', Reason.ENCODING, ""),
    (b"\xef\xbb\xbf" + GOOD, Reason.ENCODING, ""),
    (b'{"company": "a\0"}', Reason.ENCODING, ""),
    (b'{"company": "a\\u0000"}', Reason.ENCODING, "/company"),
    (b'{"company": "\\ud800"}', Reason.ENCODING, "/company"),
    (b'{"company": "\\ud800\\u0041"}', Reason.ENCODING, "/company"),
    (b'{"count": 1, "count": 1}', Reason.JSON_DUP_KEY, "/count"),
    (b'{"count": 1, "c\\u006funt": 2}', Reason.JSON_DUP_KEY, "/count"),
    (b'{"other": 1, "other": 1}', Reason.JSON_DUP_KEY, ""),
    (b'{"other": {"a": 1, "a": 2}}', Reason.JSON_DUP_KEY, ""),
    (b'{"count": 1, "count": 2, "company": "\\u003a"}', Reason.JSON_DUP_KEY, "/count"),
    (b'{"fare": NaN}', Reason.NUM_NONFINITE, "/fare"),
    (b'{"count": Infinity}', Reason.NUM_NONFINITE, "/count"),
    (b'{"company": NaN}', Reason.NUM_NONFINITE, "/company"),
    (b'{"fare": {"b": NaN}}', Reason.TYPE, "/fare"),
    (b'{"fare": [NaN]}', Reason.TYPE, "/fare"),
    (b'{"other": -Infinity}', Reason.NUM_NONFINITE, ""),  # the names of other fields have no end
    (b'{"other": {"fare": NaN}}', Reason.NUM_NONFINITE, ""),
    (b'{"other": NaN, "fare": "1"}', Reason.TYPE, "/fare"),
    (b'{"fare": NaN, "fare": 1}', Reason.JSON_DUP_KEY, "/fare"),
    (b'{"fare": NaN', Reason.JSON_SYNTAX, ""),
    (b"NaN", Reason.TYPE, ""),
    (b'{"fare": 1e400}', Reason.NUM_NONFINITE, "/fare"),
    (b'{"fare": 3.5e38}', Reason.NUM_NONFINITE, "/fare"),
    (b'{"fare": -' + b"9" * 5000 + b"}", Reason.NUM_NONFINITE, "/fare"),
    (b'{"fare": "1.0"}', Reason.TYPE, "/fare"),
    (b'{"fare": true}', Reason.TYPE, "/fare"),
    (b'{"count": 1.0}', Reason.TYPE, "/count"),
    (b'{"count": false}', Reason.TYPE, "/count"),
    (b'{"count": [1]}', Reason.TYPE, "/count"),
    (b'{"company": 1}', Reason.TYPE, "/company"),
    (b"[1]", Reason.TYPE, ""),
    (b"null", Reason.TYPE, ""),
    (b"1", Reason.TYPE, ""),
    (b'{"count": 9223372036854775808}', Reason.INT_RANGE, "/count"),
    (b'{"count": -9223372036854775809}', Reason.INT_RANGE, "/count"),
    (b'{"count": ' + b"9" * 5000 + b"}", Reason.INT_RANGE, "/count"),
    (b'{"other": ' + b"[" * 64 + b"]" * 64 + b"}", Reason.JSON_DEPTH, ""),
    *((b'{"count": ' + b"[" * 10**power, Reason.JSON_DEPTH, "") for power in range(2, 6)),
    *((b'{"a":' * 10**power, Reason.JSON_DEPTH, "") for power in range(2, 6)),
    (b"[" * 10**6, Reason.JSON_DEPTH, ""),
    (b" " * (1 << 20) + GOOD, Reason.TOO_LARGE, ""),
]

READ = [
    (GOOD, (3, 12.5, "Blue: Ribbon")),
    (b" \n" + GOOD + b"\r\t", (3, 12.5, "Blue: Ribbon")),
    (b"{}", (None, None, None)),
    (b'{"count": null, "fare": 0, "company": ""}', (None, 0.0, "")),
    (b'{"count": -9223372036854775808, "fare": -0, "company": "\\u003a\\""}', (-(2**63), 0.0, ':"')),
    (b'{"count": 9223372036854775807, "fare": 1e-400}', (2**63 - 1, 0.0, None)),
    (b'{"fare": 9007199254740993, "company": "\\ud83d\\ude00"}', (None, float(np.float32(2**53)), "\U0001f600")),
    (b'{"fare": 3.4028235e38, "company": "\x7f\\u00e9"}', (None, float(np.float32(3.4028235e38)), "\x7f\xe9")),
]


def test_each_bad_value_is_rejected_alone_with_its_reason_and_path():
    values = [value for bad, _, _ in REFUSED for value in (GOOD, bad)]
    decoded = JsonDecoder(SCHEMA)(values)
    assert [(found.reason, found.path) for found in decoded.rejections] == [(why, path) for _, why, path in REFUSED]
    assert [found.row for found in decoded.rejections] == list(range(1, len(values), 2))
    assert decoded.rows.tolist() == list(range(0, len(values), 2))
    assert decoded.rows.dtype == np.int64
    assert decoded.batch.to_pylist() == [{"count": 3, "fare": 12.5, "company": "Blue: Ribbon"}] * len(REFUSED)


@pytest.mark.parametrize("together", [True, False])
def test_cells_are_read_as_they_stand(together):
    decoder = JsonDecoder(SCHEMA)
    batches = [[value for value, _ in READ]] if together else [[value] for value, _ in READ]
    read = [tuple(row.values()) for values in batches for row in decoder(values).batch.to_pylist()]
    assert read == [cells for _, cells in READ]
    assert not np.signbit([row[1] for row in read if row[1] == 0]).any()


def test_every_truncation_of_a_record_is_rejected():
    values = [GOOD[:end] for end in range(len(GOOD))]
    decoded = JsonDecoder(SCHEMA)(values)
    assert decoded.batch.num_rows == 0
    assert {found.reason for found in decoded.rejections} == {Reason.JSON_SYNTAX}


def test_no_values_give_an_empty_batch():
    decoded = JsonDecoder(SCHEMA)([])
    assert decoded.batch.schema == SCHEMA.arrow_schema
    assert (decoded.batch.num_rows, decoded.rows.tolist(), decoded.rejections) == (0, [], [])


def test_unknown_fields_are_counted_the_same_before_and_after_they_are_learned():
    value = b'{"count": 1, "fare": 1, "company": "", "tips": 2.5, "note": "a:b", "deep": {"a": [1]}}'
    decoder = JsonDecoder(SCHEMA)
    first, second = decoder([value] * 3), decoder([value, value, b'{"note": null}'])
    assert first.unknown_fields == {"deep": 3, "note": 3, "tips": 3}
    assert second.unknown_fields == {"deep": 2, "note": 3, "tips": 2}
    assert first.batch.slice(0, 2).equals(second.batch.slice(0, 2))


def test_unknown_field_names_are_bounded_in_number_and_length():
    fields = {**{f"field {place}": 1 for place in range(300)}, "x" * 5000: 1}
    counts = JsonDecoder(SCHEMA, Limits(max_unknown_fields=100))([json.dumps(fields).encode()]).unknown_fields
    assert len(counts) == 100
    assert max(map(len, JsonDecoder(SCHEMA)([json.dumps({"x" * 5000: 1}).encode()]).unknown_fields)) == 64


def test_depth_scan_is_linear_in_hostile_input():
    for hostile in (b'"' * 10**6, b'\\"' * 500_000, b'"\\' * 500_000, b"[]" * 500_000, b'{"' * 500_000):
        assert depth(hostile[: 1 << 20]) >= 0


def test_decoder_travels_by_pickle():
    decoder = pickle.loads(pickle.dumps(JsonDecoder(SCHEMA)))
    assert decoder([GOOD]).batch.equals(JsonDecoder(SCHEMA)([GOOD]).batch)


# Fast path against strict path.
_NUMBERS = st.one_of(
    st.integers(-(2**65), 2**65).map(str),
    st.floats().map(repr),
    st.floats(width=32, allow_nan=False).map(repr),
    st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,40})?([eE][-+]?[0-9]{1,3})?", fullmatch=True),
    st.sampled_from(["-0", "-0.0", "1e400", "NaN", "Infinity", "01", "1.", ".5", "+1", "9" * 5000]),
)
_STRINGS = st.one_of(
    st.text().map(json.dumps),
    st.text().map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.sampled_from(
        ['":"', '"\\u003a"', '"\\u0000"', '"\\ud800"', '"\\udc00\\ud800"', '"\\ud83d\\ude00"', '"\\/"', '"\\x"']
    ),
)
_CELLS = st.one_of(
    _NUMBERS, _STRINGS, st.sampled_from(["null", "true", "[]", "{}", '{"a":1,"a":2}', "[[[", '{"count":1}'])
)
_KEYS = st.one_of(
    st.sampled_from(['"count"', '"fare"', '"company"', '"c\\u006funt"', '"tips"', '":"', '"Count"']),
    st.text().map(json.dumps),
)
_TEXTS = st.lists(st.tuples(_KEYS, _CELLS), max_size=5).map(
    lambda pairs: ("{" + ",".join(f"{key}:{cell}" for key, cell in pairs) + "}").encode("utf-8", "surrogatepass")
)


@st.composite
def _mutated(draw):
    value = bytearray(draw(_TEXTS))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(value)))
        cut = draw(st.integers(0, 3))
        value[place : place + cut] = draw(st.one_of(st.binary(max_size=2), st.sampled_from([b'"', b":", b",", b"\\"])))
    return bytes(value)


_VALUES = st.lists(st.one_of(_TEXTS, _mutated(), st.none(), st.binary(max_size=20)), max_size=6)


@settings(max_examples=400, deadline=None)
@given(before=_VALUES, values=_VALUES)
@example(before=[], values=[b'{"count":1,"count":2,"fare":1}'])
@example(before=[b'{"tips":1}'], values=[b'{"tips":1,"tips":2}', b'{"tips":"a:b"}'])
@example(before=[], values=[b'{"company":"\\u0000"}'])
@example(before=[], values=[b'{"company":"\\u003a"}', b'{"count":1,"count":2}'])
@example(before=[], values=[b'{"company":"a:b"}', b'{"count":1,"count":2}'])
def test_fast_path_agrees_with_the_strict_path(before, values):
    decoder, strict = JsonDecoder(SCHEMA), StrictJson(SCHEMA, Limits())
    decoder(before)
    decoded = decoder(values)
    rows, cells, refused, unknown = [], [], [], 0
    for row, value in enumerate(values):
        try:
            read, others = strict.read(value)
        except Refused as reason:
            refused.append((row, reason.reason, reason.path))
        else:
            rows.append(row)
            cells.append(read)
            unknown += len(others)
    assert [(found.row, found.reason, found.path) for found in decoded.rejections] == refused
    assert decoded.rows.tolist() == rows
    assert decoded.batch.equals(build_batch(SCHEMA, list(zip(*cells, strict=True)) or [(), (), ()]))
    assert sum(decoded.unknown_fields.values()) == unknown


@pytest.mark.parametrize(
    "record", [b'{"x": [%s{}]}' % (b"{}," * 5_000), b"{%s}" % b",".join(b'"u%d": 1' % n for n in range(5_000))]
)
def test_values_that_nobody_wants_take_memory_one_record_at_a_time(record):
    decoder = JsonDecoder(SCHEMA)
    peaks = []
    for count in (1, 1, 40):
        tracemalloc.start()
        decoded = decoder([record] * count)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(decoded.rows) == count
    assert peaks[2] < peaks[1] + 3 * 40 * len(record), "the bytes of the batch, and not what they hold"
