"""Keys from a column: one text per value, none where there is none, and no personal ones."""

import json

import pytest

from beam_jobs.stream.event_keys import ColumnKeys, with_keys
from schemas.errors import UsageError
from schemas.schema import Schema
from transforms.decode.strict_json import StrictJson

SCHEMA = Schema.from_text(
    'feature { name: "fare" type: FLOAT presence { min_fraction: 1 } } feature { name: "n" type: INT } '
    'feature { name: "company" type: BYTES } '
    'feature { name: "email" type: BYTES annotation { tag: "personal:hash" } }'
)


def test_a_value_is_one_key_however_it_is_written():
    events = [b'{"fare":1.50}', b'{"fare":1.5,"company":7}', b'{"fare":15e-1}', b'{"fare":0.1}', b'{"fare":-0.0}']
    assert ColumnKeys("fare", SCHEMA)(events) == [b"1.5", b"1.5", b"1.5", b"0.1", b"0"]
    assert ColumnKeys("n", SCHEMA)([b'{"n":9007199254740993}']) == [b"9007199254740993"]
    assert ColumnKeys("company", SCHEMA)(['{"company":"Blüte\\n"}'.encode()]) == ["Blüte\n".encode()]


def test_what_has_no_value_has_no_key():
    events = [b"{}", b'{"n":null}', b'{"n":"x"}', b"{bad", None, b'{"n":1}']
    assert ColumnKeys("n", SCHEMA)(events) == [None, None, None, None, None, b"1"]


def test_rows_keep_their_numbers_and_events():
    rows = [(number, b'{"n":%d}' % (number % 3)) for number in range(2_500)]
    found = list(with_keys(rows, ColumnKeys("n", SCHEMA)))
    assert [(number, event) for number, _, event in found] == rows
    assert [key for _, key, _ in found] == [b"%d" % (number % 3) for number in range(2_500)]
    assert list(with_keys(rows[:2], None)) == [(0, b"0", b'{"n":0}'), (1, b"1", b'{"n":1}')]


def test_what_is_wrong_elsewhere_takes_no_key_away():
    events = [
        b'{"n":1,"fare":"x"}',
        b'{"n":2,"company":7}',
        b'{"n":3}',
        b'{"n":4,"other":[1]}',
        b'{"n":"x","fare":"x"}',
    ]
    assert ColumnKeys("n", SCHEMA)(events) == [b"1", b"2", b"3", b"4", None]
    no_records = [b'{"n":1,"fare":NaN}', b'{"n":1,"fare":1,"fare":2}', b'{"n":3}']
    assert ColumnKeys("n", SCHEMA)(no_records) == [None, None, b"3"], "of no JSON record nothing is taken"


def test_keys_of_wide_events_take_the_fast_path(monkeypatch):
    names = [f"c{number}" for number in range(60)]
    schema = Schema.from_text(" ".join(f'feature {{ name: "{name}" type: INT }}' for name in names))
    keys = ColumnKeys("c7", schema)
    monkeypatch.setattr(StrictJson, "read", lambda *_: pytest.fail("the slow path"))
    event = json.dumps(dict.fromkeys(names, 5)).encode()
    assert keys([event] * 3) == [b"5"] * 3


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("compani", "--key compani: no such column (events have fare, n, company, email), did you mean company?"),
        ("zzz", "--key zzz: no such column (events have fare, n, company, email)"),
        ("email", "--key email: its values are personal, and predictions would carry them as their keys"),
    ],
)
def test_other_columns_are_refused(column, message):
    with pytest.raises(UsageError) as refused:
        ColumnKeys(column, SCHEMA)
    assert str(refused.value).startswith(message)


def test_without_a_schema_there_is_no_column():
    with pytest.raises(UsageError, match="--key n: whose column"):
        ColumnKeys("n", Schema.from_text(""))
