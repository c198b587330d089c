"""What a column allows: one value means the same in every format, alone or among many."""

import datetime
import decimal
import json
import pickle
from typing import Any

import pyarrow as pa
import pytest

from schemas.errors import InputError
from schemas.schema import Schema
from tests.support.avro_records import bare, encode
from tests.support.raw_files import example
from transforms.decode.arrow_decoder import ArrowDecoder
from transforms.decode.csv_decoder import CsvDecoder
from transforms.decode.decoding import Decoded
from transforms.decode.example_decoder import ExampleRecordDecoder
from transforms.decode.json_decoder import JsonDecoder

PARIS = 'time_domain { string_format: "%Y-%m-%d %H:%M" } annotation { tag: "time:s" tag: "zone:Europe/Paris" }'
DAY = 'time_domain { string_format: "%d.%m.%Y" } annotation { tag: "time:day" tag: "zone:Asia/Tokyo" }'
WORDS = 'bool_domain { true_value: "Y" false_value: "N" } annotation { tag: "accepts:boolean" }'
WHOLE = 'annotation { tag: "accepts:whole_float" tag: "accepts:number_text" tag: "missing:-999" tag: "missing:NaN" }'
TOKENS = 'annotation { tag: "missing:NA" tag: "missing: " tag: "missing:?" }'
REAL = 'annotation { tag: "accepts:number_text" tag: "missing:-1.1" tag: "missing:nan" }'

# column, a text as CSV has it, the cell or why there is none
TEXTS = [
    ("INT", PARIS, "2016-03-27 01:30", 1459038600),
    ("INT", PARIS, "2016-03-27 02:30", "TIME_RANGE"),  # the clock goes from 2 to 3
    ("INT", PARIS, "2016-10-30 02:30", "TIME_RANGE"),  # and here is shown twice
    ("INT", PARIS, "2016-03-27", "TYPE"),
    ("INT", PARIS, "1459038600", "TYPE"),
    ("INT", PARIS, "\u0662016-03-27 01:30", "TYPE"),
    ("INT", DAY, "02.01.1970", 1),
    ("INT", DAY, "31.12.1969", -1),
    ("INT", DAY, "31.02.1969", "TYPE"),
    ("INT", WORDS, "Y", 1),
    ("INT", WORDS, "N", 0),
    ("INT", WORDS, "y", "TYPE"),
    ("INT", 'bool_domain { } annotation { tag: "accepts:boolean" }', "True", 1),
    ("INT", 'bool_domain { } annotation { tag: "accepts:boolean" }', "tRUE", "TYPE"),
    ("INT", WHOLE, "3.0", 3),
    ("INT", WHOLE, "1e3", 1000),
    ("INT", WHOLE, "3.5", "TYPE"),
    ("INT", WHOLE, "9007199254740992.0", 2**53),
    ("INT", WHOLE, "9007199254740994.0", "INT_RANGE"),
    ("INT", WHOLE, "9223372036854775807", 2**63 - 1),
    ("INT", WHOLE, "-999", None),
    ("INT", WHOLE, "-999.0", None),
    ("INT", WHOLE, "NaN", None),
    ("INT", WHOLE, "nan", None),
    ("INT", WHOLE, "inf", "NUM_NONFINITE"),
    ("FLOAT", REAL, "-1.1", None),
    ("FLOAT", REAL, "-1.10", None),
    ("FLOAT", REAL, "NAN", None),
    ("FLOAT", REAL, "12.50", 12.5),
    ("FLOAT", REAL, "1e39", "NUM_NONFINITE"),
    ("FLOAT", REAL, "x", "TYPE"),
    ("BYTES", TOKENS, "NA", None),
    ("BYTES", TOKENS, " ", None),
    ("BYTES", TOKENS, "?", None),
    ("BYTES", TOKENS, "na", "na"),
]


ZERO_DAY = 'time_domain { string_format: "%Y-%m-%d" } annotation { tag: "time:s" tag: "missing:0" tag: "missing:1" }'
ZERO_WORDS = 'bool_domain { } annotation { tag: "accepts:boolean" tag: "missing:0" }'
TEXTS += [
    ("INT", ZERO_DAY, "1970-01-01", None),
    ("INT", ZERO_DAY, "1970-01-02", 86_400),
    ("INT", ZERO_WORDS, "false", None),
    ("INT", ZERO_WORDS, "true", 1),
]


def schema_of(kind: str, more: str) -> Schema:
    return Schema.from_text(f'feature {{ name: "x" type: {kind} {more} }}')


def found(decoded: Decoded, rows: int = 1) -> list[Any]:
    """Return every row's cell, or its reason."""
    cells: list[Any] = [None] * rows
    for row, cell in zip(decoded.rows.tolist(), decoded.batch.column("x").to_pylist(), strict=True):
        cells[row] = cell
    for one in decoded.rejections:
        assert one.path == "/x"
        cells[one.row] = one.reason.value
    return cells


def of_csv(schema: Schema, *texts: str) -> list[Any]:
    return found(CsvDecoder(schema, ["x", "y"])([f'"{text}",'.encode() for text in texts]), len(texts))


def of_json(schema: Schema, *values: Any) -> list[Any]:
    decoder = pickle.loads(pickle.dumps(JsonDecoder(schema)))
    return found(decoder([json.dumps({"x": value}).encode() for value in values]), len(values))


def of_arrow(schema: Schema, array: pa.Array) -> list[Any]:
    rows = pa.record_batch({"x": array})
    return found(ArrowDecoder(schema, rows.schema)(rows), len(array))


def of_avro(schema: Schema, avro_type: Any, *values: Any) -> list[Any]:
    """Every value alone, which is read field by field, and all of them many times, read as arrays."""
    decoder = bare({"x": avro_type}, schema)
    records = [encode({"x": avro_type}, {"x": value}) for value in values]
    alone = found(decoder(records), len(values))
    assert found(decoder(records * 200), 200 * len(values)) == alone * 200
    return alone


def of_examples(schema: Schema, *values: Any) -> list[Any]:
    alone = [cell for value in values for cell in found(ExampleRecordDecoder(schema)([example({"x": value})]))]
    assert found(ExampleRecordDecoder(schema)([example({"x": value}) for value in values]), len(values)) == alone
    return alone


@pytest.mark.parametrize(("kind", "more", "text", "cell"), TEXTS)
def test_a_text_means_the_same_everywhere(kind: str, more: str, text: str, cell: Any) -> None:
    schema = schema_of(kind, more)
    assert of_csv(schema, text) == [cell]
    assert of_json(schema, text) == [cell]
    for form in (pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int32(), pa.string())):
        assert of_arrow(schema, pa.array([text.encode() if form == pa.binary() else text]).cast(form)) == [cell], form
    for form in ("string", "bytes", ["null", "string"]):
        assert of_avro(schema, form, text.encode() if form == "bytes" else text) == [cell], form
    assert of_examples(schema, text) == [cell]


def test_texts_mean_the_same_among_others() -> None:
    for kind, more in dict.fromkeys((kind, more) for kind, more, _, _ in TEXTS):
        pairs = [(text, cell) for one, other, text, cell in TEXTS if (one, other) == (kind, more)]
        texts, cells = [text for text, _ in pairs], [cell for _, cell in pairs]
        schema = schema_of(kind, more)
        assert of_csv(schema, *texts) == cells
        assert of_json(schema, *texts) == cells
        assert of_arrow(schema, pa.array(texts)) == cells
        assert of_avro(schema, "string", *texts) == cells
        assert of_examples(schema, *texts) == cells


@pytest.mark.parametrize(
    ("kind", "more", "value", "cell"),
    [
        ("INT", WHOLE, 3.0, 3),
        ("INT", WHOLE, 3.5, "TYPE"),
        ("INT", WHOLE, -999.0, None),
        ("INT", WHOLE, -999, None),
        ("INT", WHOLE, float("nan"), None),
        ("INT", WHOLE, float("inf"), "NUM_NONFINITE"),
        ("INT", WHOLE, 2.0**53, 2**53),
        ("INT", WHOLE, 2.0**53 + 2, "INT_RANGE"),
        ("INT", WHOLE, 2**53 + 1, 2**53 + 1),
        ("INT", WORDS, True, 1),
        ("INT", WORDS, False, 0),
        ("INT", WORDS, 1, 1),
        ("FLOAT", WORDS, True, 1.0),
        ("INT", PARIS, 1459038600, 1459038600),
        ("FLOAT", REAL, -1.1, None),
        ("FLOAT", REAL, 7, 7.0),
        ("FLOAT", REAL, float("nan"), None),
        ("FLOAT", REAL, float("-inf"), "NUM_NONFINITE"),
        ("INT", "", 5, 5),
    ],
)
def test_a_number_means_the_same_everywhere(kind: str, more: str, value: Any, cell: Any) -> None:
    schema = schema_of(kind, more)
    assert of_json(schema, value) == [cell]
    assert of_arrow(schema, pa.array([value])) == [cell]
    avro = {bool: "boolean", int: "long", float: "double"}[type(value)]
    assert of_avro(schema, avro, value) == [cell]
    assert of_avro(schema, ["null", avro], value) == [cell]
    if not isinstance(value, bool) and abs(value) != 2.0**53 + 2:  # an example's floats have 24 bits
        assert of_examples(schema, value) == [cell]


UTC = datetime.UTC
NOON = datetime.datetime(2016, 3, 27, 12, 0, 0, 999_999)


@pytest.mark.parametrize(
    ("unit", "zone", "time", "cell"),
    [
        ("s", "UTC", NOON, 1459080000),
        ("ms", "UTC", NOON, 1459080000999),
        ("s", "Europe/Paris", NOON, 1459072800),
        ("s", "Europe/Paris", NOON.replace(tzinfo=UTC), 1459080000),
        ("s", "Europe/Paris", datetime.datetime(2016, 3, 27, 2, 30), "TIME_RANGE"),
        ("s", "Europe/Paris", datetime.datetime(2016, 10, 30, 2, 30), "TIME_RANGE"),
        ("day", "Asia/Tokyo", datetime.datetime(1970, 1, 1, 20), 0),
        ("day", "Asia/Tokyo", datetime.datetime(1970, 1, 1, 20, tzinfo=UTC), 1),
        ("s", "UTC", datetime.datetime(1969, 12, 31, 23, 59, 59, 500_000), -1),
        ("day", "UTC", datetime.date(1969, 12, 31), -1),
        ("s", "UTC", datetime.date(1970, 1, 2), 86_400),
        ("s", "Asia/Tokyo", datetime.date(1970, 1, 2), 86_400 - 9 * 3600),
    ],
)
def test_a_time_means_the_same_in_text_in_parquet_and_in_avro(unit: str, zone: str, time: Any, cell: Any) -> None:
    tags = f'annotation {{ tag: "time:{unit}" tag: "zone:{zone}" }}'
    schema = schema_of("INT", tags)
    is_date, local = not isinstance(time, datetime.datetime), getattr(time, "tzinfo", None) is None
    kinds = (
        [pa.date32(), pa.date64()] if is_date else [pa.timestamp(one, None if local else "UTC") for one in ("us", "ns")]
    )
    for kind in kinds:
        assert of_arrow(schema, pa.array([time, None], kind)) == [cell, None], kind
    if is_date:
        assert of_avro(schema, {"type": "int", "logicalType": "date"}, time) == [cell]
    else:
        logical = f"{'local-' if local else ''}timestamp-micros"
        assert of_avro(schema, {"type": "long", "logicalType": logical}, time) == [cell]
    form = "%Y-%m-%d" if is_date else "%Y-%m-%dT%H:%M:%S.%f" + ("" if local else "%z")
    text = schema_of("INT", f'time_domain {{ string_format: "{form}" }} {tags}')
    assert of_csv(text, time.strftime(form)) == [cell]


@pytest.mark.parametrize("unit", ["s", "ms", "day"])
def test_a_time_whose_number_stands_for_missing_is_so_everywhere(unit: str) -> None:
    schema = schema_of("INT", f'annotation {{ tag: "time:{unit}" tag: "missing:0" }}')
    first, date = datetime.datetime(1970, 1, 1, tzinfo=UTC), datetime.date(1970, 1, 1)
    assert of_json(schema, 0) == [None]
    assert of_arrow(schema, pa.array([first])) == of_arrow(schema, pa.array([date])) == [None]
    assert of_avro(schema, {"type": "long", "logicalType": "timestamp-micros"}, first) == [None]
    assert of_avro(schema, {"type": "int", "logicalType": "date"}, date) == [None]


def test_decimals_are_the_nearest_floats() -> None:
    values = ["12.50", "0.1", "-79228162514264337593543950335.1", "123456789.123456789"]
    schema = schema_of("FLOAT", "")
    wanted = of_csv(schema, *values)
    decimals = [decimal.Decimal(value) for value in values]
    assert of_arrow(schema, pa.array(decimals, pa.decimal128(38, 9))) == wanted
    avro = {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 9}
    assert of_avro(schema, avro, *decimals) == wanted
    assert of_avro(schema, {**avro, "type": "fixed", "name": "D", "size": 16}, *decimals) == wanted


def test_decimals_as_whole_numbers() -> None:
    whole = [decimal.Decimal(2**63 - 1), decimal.Decimal(2**63), None]
    assert of_arrow(schema_of("INT", ""), pa.array(whole, pa.decimal128(38, 0))) == [2**63 - 1, "INT_RANGE", None]
    avro = {"type": "bytes", "logicalType": "decimal", "precision": 38}
    assert of_avro(schema_of("INT", ""), ["null", avro], *whole) == [2**63 - 1, "INT_RANGE", None]
    cents = [decimal.Decimal("5.00"), decimal.Decimal("5.50")]
    assert of_arrow(schema_of("INT", WHOLE), pa.array(cents, pa.decimal128(5, 2))) == [5, "TYPE"]
    assert of_avro(schema_of("INT", WHOLE), {**avro, "scale": 2}, *cents) == [5, "TYPE"]


@pytest.mark.parametrize(
    ("kind", "array", "said"),
    [
        ("INT", pa.array([1.0]), "x is double, wanted a whole number; or tag the column accepts:whole_float"),
        ("INT", pa.array(["1"]), "x is text, wanted a whole number; or tag the column accepts:number_text, or give it"),
        ("INT", pa.array([True]), "x is bool, wanted a whole number; or tag the column accepts:boolean"),
        ("INT", pa.array([NOON]), "x is timestamp[us], wanted a whole number; or tag the column of type INT time:s"),
        (
            "FLOAT",
            pa.array([datetime.date(1970, 1, 1)]),
            "x is date32[day], wanted a number; or tag the column of type",
        ),
        ("BYTES", pa.array([1]), "x is int64, wanted text"),
        ("INT", pa.array([[1]]), "x is list<item: int64>, wanted one value; or give the column a value_count"),
        ("INT", pa.array([{"a": 1}]), "x is struct<a: int64>, wanted a whole number"),
    ],
)
def test_a_column_of_another_type_is_refused_with_what_would_allow_it(kind: str, array: pa.Array, said: str) -> None:
    with pytest.raises(InputError) as refused:
        ArrowDecoder(schema_of(kind, ""), pa.schema([("x", array.type)]), "t.parquet")
    assert str(refused.value).startswith(f"t.parquet: does not fit the schema: {said}")


def test_columns_that_are_not_there() -> None:
    schema = Schema.from_text(
        'feature { name: "fare" type: INT presence { min_fraction: 1 } } feature { name: "x" type: INT }'
    )
    with pytest.raises(InputError, match=r"t.parquet: lacks fare \(did you mean Fare\?\), which the schema wants"):
        ArrowDecoder(schema, pa.schema([("Fare", pa.int64())]), "t.parquet")
    with pytest.raises(InputError, match=r"t.parquet: has fare twice"):
        ArrowDecoder(schema, pa.schema([("fare", pa.int64()), ("fare", pa.int64())]), "t.parquet")
    rows = pa.record_batch({"fare": [1], "y": [2]})
    decoded = ArrowDecoder(schema, rows.schema)(rows)
    assert (decoded.batch.to_pylist(), decoded.unknown_fields) == ([{"fare": 1, "x": None}], {"y": 1})


def test_texts_that_no_column_can_have() -> None:
    schema = schema_of("BYTES", "")
    texts = [b"ok", b"\xff", b"a\0b", b"x" * (1 << 20), b"x" * ((1 << 20) + 1), None]
    wanted = ["ok", "ENCODING", "ENCODING", "x" * (1 << 20), "TOO_LARGE", None]
    array = pa.array(texts, pa.binary())
    assert of_arrow(schema, array) == wanted
    assert of_arrow(schema, array.dictionary_encode()) == wanted
    assert of_arrow(schema, array.cast(pa.large_binary())) == wanted


@pytest.mark.parametrize(
    "form",
    [pa.list_(pa.int32()), pa.large_list(pa.int64()), pa.list_(pa.int64(), 2)],
    ids=["list", "large_list", "fixed_size_list"],
)
def test_lists_of_arrow(form: pa.DataType) -> None:
    schema = schema_of("INT", "value_count { min: 1 }")
    lists = [[1, 2], None, [3, 4]]
    assert of_arrow(schema, pa.array([[9, 9], *lists], form)[1:]) == lists
    rows = pa.record_batch({"x": pa.array([[1, 2], [3, None]], form)})
    rejected = ArrowDecoder(schema, rows.schema)(rows).rejections
    assert [(one.row, one.reason.value, one.path) for one in rejected] == [(1, "TYPE", "/x/1")]


def test_lists_of_avro_and_examples() -> None:
    schema = schema_of("FLOAT", f"value_count {{ min: 1 }} {REAL}")
    lists = [[1.5, -0.0], [], [2.5]]
    wanted = [[1.5, 0.0], None, [2.5]]
    assert of_avro(schema, {"type": "array", "items": "double"}, *lists) == wanted
    assert of_examples(schema, *lists) == wanted
    bad = bare({"x": {"type": "array", "items": ["null", "string"]}}, schema)(
        [encode({"x": {"type": "array", "items": ["null", "string"]}}, {"x": ["1", "y"]})]
    )
    assert [(one.reason.value, one.path) for one in bad.rejections] == [("TYPE", "/x/1")]
    decoded = ExampleRecordDecoder(schema)([example({"x": ["1", "2"]}), example({"x": ["1", "y"]}), b"\xff", None])
    assert decoded.batch.to_pylist() == [{"x": [1.0, 2.0]}]
    assert [(one.row, one.reason.value, one.path) for one in decoded.rejections] == [
        (1, "TYPE", "/x/1"),
        (2, "EXAMPLE_SYNTAX", ""),
        (3, "TOMBSTONE", ""),
    ]


def test_examples_with_other_types_and_absent_features() -> None:
    schema = Schema.from_text(
        'feature { name: "n" type: INT } feature { name: "f" type: FLOAT } feature { name: "t" type: BYTES }'
    )
    good: list[dict[str, Any]] = [
        {"n": 1, "f": 2.5, "t": "a"},
        {"f": 2},
        {"n": None, "t": ""},
        {"other": [1.0, 2.0], "n": 5},
    ]
    wanted = [
        {"n": 1, "f": 2.5, "t": "a"},
        {"n": None, "f": 2.0, "t": None},
        {"n": None, "f": None, "t": ""},
        {"n": 5, "f": None, "t": None},
    ]
    records = [example(features) for features in good]
    decoder = ExampleRecordDecoder(schema)
    assert decoder._together(records) is None, "f is a float in one and an integer in another"
    assert decoder._together(records[:1] * 9) is not None
    assert decoder._together([*records[:1], b"\xff"]) is None
    decoded = decoder(records)
    assert (decoded.batch.to_pylist(), decoded.unknown_fields) == (wanted, {"other": 1})
    bad = [
        example({"n": 1.5}),
        example({"n": [1, 2]}),
        example({"t": 1}),
        example({"t": b"\xff"}),
        example({"t": b"\0"}),
    ]
    decoded = ExampleRecordDecoder(schema)([*bad, *records])
    assert decoded.batch.to_pylist() == wanted
    assert [(one.row, one.reason.value, one.path) for one in decoded.rejections] == [
        (0, "TYPE", "/n"),
        (1, "VALUE_COUNT", "/n"),
        (2, "TYPE", "/t"),
        (3, "ENCODING", "/t"),
        (4, "ENCODING", "/t"),
    ]


def test_lists_allow_what_their_column_does() -> None:
    schema = schema_of("INT", f"value_count {{ min: 1 }} {WHOLE}")
    texts = ["1|2.0|3", "4", "-999", "", "1|-999", "1||2", "5|x", "9|1.5"]
    bad = ["TYPE /x/1", "TYPE /x/1", "TYPE /x/1", "TYPE /x/1"]
    wanted = [[1, 2, 3], [4], None, None, *bad]

    def judged(decoded: Decoded) -> list[Any]:
        cells: list[Any] = [f"{one.reason.value} {one.path}" for one in decoded.rejections]
        return decoded.batch.column("x").to_pylist() + cells

    assert judged(CsvDecoder(schema, ["x", "y"])([f"{text},".encode() for text in texts])) == wanted
    values = [[1, 2.0, "3"], ["4"], "-999", [], [1, "-999"], [1, "", 2], [5, "x"], [9, 1.5]]
    records = [json.dumps({"x": value}).encode() for value in values]
    assert judged(JsonDecoder(schema)(records)) == wanted
    assert [judged(JsonDecoder(schema)([one])) for one in records] == [[one] for one in wanted]
    good = [*records[:4], b'{"x": ["1", 2], "y": "a:b"}', b'{"x": "-999"}']
    assert judged(JsonDecoder(schema)(good * 2)) == [*wanted[:4], [1, 2], None] * 2
