"""The CSV decoder: the same cells as JSON, bad lines rejected alone, lines cut with regard to quotes."""

import csv
import gzip
import importlib.resources
import io
import json
import pickle

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.errors import InputError
from schemas.rejection import Reason
from schemas.schema import Schema
from transforms.decode.csv_decoder import CsvDecoder, split_lines
from transforms.decode.csv_header import read_header
from transforms.decode.json_decoder import JsonDecoder

SCHEMA = Schema.from_text(
    'feature { name: "count" type: INT } feature { name: "fare" type: FLOAT } feature { name: "company" type: BYTES }'
)
HEADER = ["count", "fare", "company"]
GOOD = b'3,12.5,"Blue, Ribbon"'

REFUSED = [
    (None, Reason.TOMBSTONE, ""),
    (b"", Reason.CSV_SYNTAX, ""),
    (b"1,2", Reason.CSV_SYNTAX, ""),
    (b"1,2,3,4", Reason.CSV_SYNTAX, ""),
    (b"1,2,3\n4,5,6", Reason.CSV_SYNTAX, ""),
    (b"1,2,a\rb", Reason.CSV_SYNTAX, ""),
    (b'1,2,a"b', Reason.CSV_SYNTAX, ""),
    (b'1,2,"a', Reason.CSV_SYNTAX, ""),
    (b'1,2,"a"b', Reason.CSV_SYNTAX, ""),
    (b"1,2,\xff", Reason.ENCODING, ""),
    (b"1,2,a\0", Reason.ENCODING, ""),
    (b"\xef\xbb\xbf1,2,a", Reason.ENCODING, ""),
    (b"1.0,2,a", Reason.TYPE, "/count"),
    (b"0x1F,2,a", Reason.TYPE, "/count"),
    (b" 1,2,a", Reason.TYPE, "/count"),
    (b'"",2,a', Reason.TYPE, "/count"),
    (b"true,2,a", Reason.TYPE, "/count"),
    ("\u0663,2,a".encode(), Reason.TYPE, "/count"),
    (b"NaN,2,a", Reason.NUM_NONFINITE, "/count"),
    (b"-inf,2,a", Reason.NUM_NONFINITE, "/count"),
    (b"nan1,2,a", Reason.TYPE, "/count"),
    (b"9223372036854775808,2,a", Reason.INT_RANGE, "/count"),
    (b"9" * 5000 + b",2,a", Reason.INT_RANGE, "/count"),
    (b"1,1_0,a", Reason.TYPE, "/fare"),
    (b"1,0x1p3,a", Reason.TYPE, "/fare"),
    (b"1,2 ,a", Reason.TYPE, "/fare"),
    (b"1,nan,a", Reason.NUM_NONFINITE, "/fare"),
    (b"1,-Infinity,a", Reason.NUM_NONFINITE, "/fare"),
    (b"1,1e39,a", Reason.NUM_NONFINITE, "/fare"),
    (b"1,1e400,a", Reason.NUM_NONFINITE, "/fare"),
    (b"x,nan,a", Reason.TYPE, "/count"),
    (b"1,2," + b"a" * (1 << 20), Reason.TOO_LARGE, ""),
]


def test_each_bad_line_is_rejected_alone_with_its_reason_and_path():
    values = [value for bad, _, _ in REFUSED for value in (GOOD, bad)]
    decoded = CsvDecoder(SCHEMA, HEADER)(values)
    assert [(found.reason, found.path) for found in decoded.rejections] == [(why, path) for _, why, path in REFUSED]
    assert [found.row for found in decoded.rejections] == list(range(1, len(values), 2))
    assert decoded.rows.tolist() == list(range(0, len(values), 2))
    assert decoded.batch.to_pylist() == [{"count": 3, "fare": 12.5, "company": "Blue, Ribbon"}] * len(REFUSED)


def test_each_bad_line_is_rejected_for_the_same_reason_alone():
    decoder = CsvDecoder(SCHEMA, HEADER)
    found = [decoder([bad]).rejections for bad, _, _ in REFUSED]
    assert [(one.reason, one.path) for (one,) in found] == [(why, path) for _, why, path in REFUSED]


def test_an_empty_cell_is_missing_and_a_quoted_empty_one_is_an_empty_string():
    decoded = CsvDecoder(SCHEMA, HEADER)([b",,", b'1,0,""', b'007,+.5,"a\nb"', b"-0,-0.0,NA"])
    assert [tuple(row.values()) for row in decoded.batch.to_pylist()] == [
        (None, None, None),
        (1, 0.0, ""),
        (7, 0.5, "a\nb"),
        (0, 0.0, "NA"),
    ]


def test_a_single_column_may_be_missing_from_a_line():
    schema = Schema.from_text('feature { name: "fare" type: FLOAT }')
    assert CsvDecoder(schema, ["fare"])([b"", b"1"]).batch.to_pydict() == {"fare": [None, 1.0]}


def test_columns_are_found_by_name_and_others_counted():
    decoder = pickle.loads(pickle.dumps(CsvDecoder(SCHEMA, ["x", "company", "fare", "x", "count"])))
    decoded = decoder([b"?,a,1.5,?,2", b"?,b,,?,", b"1"])
    assert decoded.batch.to_pylist() == [
        {"count": 2, "fare": 1.5, "company": "a"},
        {"count": None, "fare": None, "company": "b"},
    ]
    assert decoded.unknown_fields == {"x": 2}


def test_a_header_that_does_not_fit_is_refused_by_name():
    with pytest.raises(
        InputError, match=r"^trips.csv: its header lacks count, company, which the schema names; it has"
    ):
        CsvDecoder(SCHEMA, ["fare", "tips"], where="trips.csv")
    with pytest.raises(InputError, match=r"^trips.csv: its header has fare twice"):
        CsvDecoder(SCHEMA, [*HEADER, "fare"], where="trips.csv")
    with pytest.raises(InputError, match=r"^trips.csv: no header"):
        read_header(b"", "trips.csv")
    with pytest.raises(InputError, match=r"^trips.csv: its first line is not a CSV header"):
        read_header(b"\xff,a", "trips.csv")
    assert read_header(b'\xef\xbb\xbf"count",fare', "trips.csv") == ["count", "fare"]


@pytest.mark.parametrize("stray", [b'1,"x,1', b'1,x"y,1', b'1,x,"', b'"', b'1,"a"b",c'])
def test_a_stray_quote_costs_its_own_line_only(stray):
    good = [b'%d,"a,b",c' % place if place % 3 else b"%d,,d" % place for place in range(50)]
    lines = [*good[:20], stray, *good[20:30], stray, *good[30:]]
    block = b"\r\n".join(lines) + b"\n"
    rows, rest = split_lines(block, final=True)
    assert (rows, rest) == (lines, b"")
    decoded = CsvDecoder(SCHEMA, ["count", "company", "fare"])(
        [line.replace(b",c", b",1").replace(b",d", b",1") for line in rows]
    )
    assert [found.row for found in decoded.rejections] == [20, 31]


_CELL_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


def _as_csv(rows, quoting=csv.QUOTE_MINIMAL):
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n", quoting=quoting).writerows(rows)
    return out.getvalue().encode()


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.lists(_CELL_TEXTS, min_size=2, max_size=2), max_size=8),
    size=st.integers(1, 40),
    crlf=st.booleans(),
)
@example(rows=[["a", '"\n"'], ["", '\n",\n'], ["b", ""]], size=1, crlf=True)
def test_records_survive_any_cut_into_blocks(rows, size, crlf):
    records = [_as_csv([row])[:-2] for row in rows]
    data = b"".join(record + (b"\r\n" if crlf else b"\n") for record in records)
    found, rest = [], b""
    for start in range(0, len(data), size):
        lines, rest = split_lines(rest + data[start : start + size])
        found += lines
    lines, rest = split_lines(rest, final=True)
    assert (found + lines, rest) == (records, b"")


_REAL = st.floats()  # NaN and Infinity among them, which JSON's writers give and CSV's as well
# A record that both formats can write: CSV knows neither an empty string apart from missing without quotes, nor NUL.
_RECORDS = st.fixed_dictionaries(
    {
        "count": st.one_of(st.none(), st.integers(-(2**65), 2**65), _REAL, st.sampled_from([1.5, "x", 0])),
        "fare": st.one_of(st.none(), _REAL, st.integers(), st.sampled_from([-0.0, 1e39, "x"])),
        "company": st.one_of(st.none(), _CELL_TEXTS.filter(bool)),
    }
)


@settings(max_examples=300, deadline=None)
@given(records=st.lists(_RECORDS, max_size=6))
def test_csv_and_json_of_the_same_record_give_the_same_batch(records):
    texts = [json.dumps(record, ensure_ascii=False).encode() for record in records]
    lines = [_as_csv([["" if cell is None else cell for cell in map(record.get, HEADER)]])[:-2] for record in records]
    from_json, from_csv = JsonDecoder(SCHEMA)(texts), CsvDecoder(SCHEMA, HEADER)(lines)
    json_faults = [(found.row, found.reason) for found in from_json.rejections]
    assert json_faults == [(found.row, found.reason) for found in from_csv.rejections]
    assert from_json.batch.equals(from_csv.batch)


@settings(max_examples=200, deadline=None)
@given(texts=st.lists(st.from_regex(rb"[-+.0-9eE]{1,12}", fullmatch=True), min_size=1, max_size=8))
def test_numbers_mean_the_same_alone_and_in_company(texts):
    decoder = CsvDecoder(SCHEMA, HEADER)
    lines = [text + b"," + text + b"," for text in texts]
    alone = [row for line in lines for row in decoder([line]).batch.to_pylist()]
    assert decoder(lines).batch.to_pylist() == alone
    assert decoder([*lines, b"x,x,"]).batch.to_pylist() == alone


@settings(max_examples=300, deadline=None)
@given(
    values=st.lists(
        st.one_of(st.none(), st.binary(max_size=12), st.from_regex(rb'[1,"\r\na]{0,9}', fullmatch=True)), max_size=8
    )
)
def test_no_value_raises_and_each_is_judged_alone(values):
    decoder = CsvDecoder(SCHEMA, HEADER)
    decoded = decoder(values)
    assert sorted([*decoded.rows.tolist(), *(found.row for found in decoded.rejections)]) == list(range(len(values)))
    alone = [decoder([value]) for value in values]
    assert decoded.batch.to_pylist() == [row for one in alone for row in one.batch.to_pylist()]
    assert [found.reason for found in decoded.rejections] == [
        one.rejections[0].reason for one in alone if one.rejections
    ]


def test_the_shipped_trips_are_the_same_as_csv_and_as_json():
    root = importlib.resources.files("schemas")
    schema = Schema.from_text((root / "taxi.pbtxt").read_text())
    block = gzip.decompress((root / "data" / "taxi.csv.gz").read_bytes())
    lines, _ = split_lines(block, final=True)
    header = read_header(lines[0], "taxi.csv.gz")
    records = [
        {
            name: None if cell == "" else cell if name in ("company", "payment_type") else json.loads(cell)
            for name, cell in zip(header, row, strict=True)
        }
        for row in csv.reader(io.StringIO(block.decode()))
        if row != header
    ]
    from_csv = CsvDecoder(schema, header)(lines[1:])
    from_json = JsonDecoder(schema)([json.dumps(record).encode() for record in records])
    assert from_csv.batch.num_rows == 15_002
    assert from_csv.batch.equals(from_json.batch)
