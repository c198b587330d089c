"""Texts that reject their row: outside a domain that is closed, too short, too long."""

import pyarrow as pa
import pytest

from schemas.errors import InputError
from schemas.probe_rows import probe_rows
from schemas.schema import Schema
from schemas.validation import validate


def schema(feature: str) -> Schema:
    return Schema.from_text(f'feature {{ name: "x" {feature} }}', "c.pbtxt")


def rejected(of: Schema, values: list[str | None]) -> list[tuple[int, str, str]]:
    batch = pa.RecordBatch.from_pydict({"x": values}, of.arrow_schema)
    found = validate(batch, of)
    assert found.batch.num_rows + len(found.rejections) == len(values)
    return [(one.row, one.reason.value, one.path) for one in found.rejections]


DOMAIN = 'type: BYTES string_domain { value: "a" value: "b" }'


@pytest.mark.parametrize("closed", ["distribution_constraints { min_domain_mass: 1 }", "distribution_constraints { }"])
def test_a_closed_domain_rejects_what_is_not_in_it(closed: str) -> None:
    of = schema(f"{DOMAIN} {closed}")
    assert rejected(of, ["a", "c", None, "", "b"]) == [(1, "DOMAIN", "/x"), (3, "DOMAIN", "/x")]


@pytest.mark.parametrize("open_", ["", "distribution_constraints { min_domain_mass: 0.99 }"])
def test_an_open_domain_rejects_nothing(open_: str) -> None:
    assert rejected(schema(f"{DOMAIN} {open_}"), ["a", "c", None]) == []


def test_the_two_words_of_a_text_are_a_domain_too() -> None:
    words = 'type: BYTES bool_domain { true_value: "yes" false_value: "no" } distribution_constraints { }'
    assert rejected(schema(words), ["yes", "no", "maybe"]) == [(2, "DOMAIN", "/x")]


def test_length_is_in_characters() -> None:
    of = schema('type: BYTES annotation { tag: "min_length:2" tag: "max_length:3" }')
    assert rejected(of, ["ab", "a", "äöü", "abcd", None, ""]) == [
        (1, "LENGTH", "/x"),
        (3, "LENGTH", "/x"),
        (5, "LENGTH", "/x"),
    ]
    assert of["x"].roles == ()


def test_rows_are_made_up_that_keep_the_limits() -> None:
    of = schema('type: BYTES presence { min_fraction: 1 } annotation { tag: "min_length:3" }')
    assert probe_rows(of, 16).num_rows == 16


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        ('type: INT annotation { tag: "max_length:3" }', "tag max_length:3 of a number; it is for type BYTES (text)"),
        ('type: BYTES annotation { tag: "max_length:x" }', "tag max_length:x, wanted a number of characters, as in"),
        ('type: BYTES annotation { tag: "max_length" }', "tag max_length:, wanted a number of characters, as in"),
        ('type: BYTES annotation { tag: "max_length:0" }', "tag max_length:0, wanted a number of characters, as in"),
        (
            'type: BYTES annotation { tag: "min_length:3" tag: "max_length:2" }',
            "min_length:3 is more than max_length:2",
        ),
        ('type: BYTES annotation { tag: "max_length:3" tag: "max_length:2" }', "tag max_length is there twice"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_column(feature: str, message: str) -> None:
    with pytest.raises(InputError) as raised:
        schema(feature)
    assert str(raised.value).startswith(f"c.pbtxt: x: {message}")
