"""What a column allows besides its own type, and how many values it has."""

import pytest

from schemas.column import ValueCount
from schemas.errors import InputError
from schemas.reading import Reading, TimeText
from schemas.schema import Schema

TIME = 'time_domain { string_format: "%s" } annotation { tag: "time:s" }'


def _column(feature, everywhere=""):
    return Schema.from_text(f'{everywhere} feature {{ name: "x" {feature} }}', "c.pbtxt")["x"]


@pytest.mark.parametrize(
    ("feature", "wanted"),
    [
        ("type: INT value_count { min: 1 max: 3 }", ValueCount(1, 3)),
        ("type: INT value_count { min: 1 }", ValueCount(1, None)),
        ("type: INT value_count { }", ValueCount(0, None)),
        ("type: INT shape { dim { size: 2 } }", ValueCount(2, 2)),
        ("type: INT shape { dim { size: 1 } }", None),
        ("type: INT shape { }", None),
        ("type: INT value_count { max: 1 }", None),
        ("type: INT", None),
    ],
)
def test_how_many_values_a_row_has(feature, wanted):
    column = _column(feature)
    assert column.value_count == wanted
    assert str(column.arrow_type) == ("int64" if wanted is None else "list<item: int64>")


def test_what_a_column_allows():
    column = _column(
        'type: INT bool_domain { true_value: "Y" false_value: "N" } annotation { tag: "accepts:boolean" tag: "id" '
        'tag: "accepts:number_text" tag: "missing:?" tag: "separator:;" }',
        'annotation { tag: "missing:NA" }',
    )
    assert column.reading == Reading(
        missing=frozenset({"NA", "?"}), number_text=True, boolean=True, words=("N", "Y"), separator=";"
    )
    assert column.roles == ("id",)
    assert _column("type: INT").reading.plain
    assert not column.reading.plain


def test_a_time_as_text_takes_its_unit_from_a_tag_or_from_the_role():
    time = 'type: INT time_domain { string_format: "%Y-%m-%d" } annotation { tag: "%s" tag: "zone:Europe/Paris" }'
    for tag, unit in (("time:day", "day"), ("event_time:ms", "ms")):
        reading = _column(time.replace("%s", tag)).reading
        assert reading.time == TimeText("%Y-%m-%d", unit, "Europe/Paris")
        assert (reading.unit, reading.zone) == (unit, "Europe/Paris")


def test_unit_and_zone_are_known_of_times_that_come_as_no_text():
    reading = _column('type: INT annotation { tag: "event_time:s" tag: "zone:Asia/Tokyo" }').reading
    assert (reading.time, reading.unit, reading.zone, reading.plain) == (None, "s", "Asia/Tokyo", True)


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        ('type: INT annotation { tag: "accepts:text" }', "tag 'accepts:text' is none, wanted accepts: and one of"),
        ('type: BYTES annotation { tag: "accepts:number_text" }', "tag accepts:number_text of text"),
        ('type: FLOAT annotation { tag: "accepts:whole_float" }', "tag accepts:whole_float of type FLOAT"),
        ('type: INT annotation { tag: "accepts:boolean" }', "tag accepts:boolean without a bool_domain"),
        ('type: INT annotation { tag: "missing:" }', "tag missing: names nothing"),
        ('type: INT annotation { tag: "zone:Europe/Pari" }', "zone 'Europe/Pari' is none that is known"),
        ('type: INT time_domain { string_format: "%Y" }', "time as text needs one unit, got none"),
        ('type: BYTES time_domain { string_format: "%Y" }', "a time_domain with a string_format, wanted type INT"),
        (f"type: INT {TIME % '%H:%M'}", "string_format '%H:%M' says no year"),
        (f"type: INT {TIME % '%Y %Z'}", "string_format '%Y %Z': %Z means something else on other machines"),
        (f"type: INT {TIME % '%Y-%Q'}", "string_format '%Y-%Q': %Q is not known"),
        (
            'type: INT bool_domain { true_value: "2" false_value: "1" } annotation { tag: "accepts:boolean" }',
            "bool_domain has '1', a number that is not the one it stands for",
        ),
        ("type: INT shape { dim { size: 2 } dim { size: 2 } }", "shape [2, 2], wanted one dim"),
        ("type: INT value_count { min: 3 max: 2 }", "value_count { min: 3 max: 2 } has no number in it"),
        ("type: INT value_counts { }", "its value_count or shape is of lists within lists"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_column(feature, message):
    with pytest.raises(InputError) as raised:
        _column(feature)
    assert str(raised.value).startswith(f"c.pbtxt: x: {message}")
