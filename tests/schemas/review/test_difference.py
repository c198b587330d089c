"""What differs between two schemas, and whether records that fitted the first may be rejected by the second."""

import pytest

from schemas.review.difference import differences
from schemas.schema import Schema


def schema(feature):
    return Schema.from_text(f'feature {{ name: "x" {feature} }}', "s.pbtxt")


@pytest.mark.parametrize(
    ("before", "after", "what", "values", "rejects"),
    [
        ("type: INT", "type: FLOAT", "type", ("INT", "FLOAT"), True),
        ("type: INT", "type: INT presence { min_fraction: 1 }", "required", ("no", "yes"), True),
        ("type: INT presence { min_fraction: 1 }", "type: INT", "required", ("yes", "no"), False),
        ("type: INT", "type: INT int_domain { min: 0 }", "minimum", ("none", "0"), True),
        ("type: INT int_domain { min: 1 }", "type: INT int_domain { min: 0 }", "minimum", ("1", "0"), False),
        ("type: INT int_domain { max: 1 }", "type: INT int_domain { max: 0 }", "maximum", ("1", "0"), True),
        ("type: INT", "type: INT value_count { min: 1 }", "values per row", ("1", "1 to any"), True),
        ("type: INT", 'type: INT annotation { tag: "id" }', "roles", ("none", "id"), False),
        ('type: INT annotation { tag: "missing:NA" }', "type: INT", "texts for missing", ("'NA'", "none"), True),
        ("type: INT", 'type: INT annotation { tag: "missing:NA" }', "texts for missing", ("none", "'NA'"), False),
        (
            'type: INT annotation { tag: "accepts:number_text" }',
            "type: INT",
            "numbers as text",
            ("taken", "not taken"),
            True,
        ),
        (
            'type: INT time_domain { string_format: "%Y" } annotation { tag: "time:s" }',
            'type: INT time_domain { string_format: "%Y-%m" } annotation { tag: "time:s" }',
            "form of times",
            ("%Y UTC, in s", "%Y-%m UTC, in s"),
            True,
        ),
        (
            'type: BYTES string_domain { value: "a" value: "b" }',
            'type: BYTES string_domain { value: "b" value: "c" }',
            "domain",
            ("2 texts, only here 'a'", "2 texts, only here 'c'"),
            False,
        ),
        ("type: BYTES", 'type: BYTES string_domain { value: "b" }', "domain", ("any text", "1 texts"), False),
        (
            "type: INT",
            'type: INT not_in_environment: "SERVING"',
            "environment",
            ("training and serving", "training only"),
            False,
        ),
    ],
)
def test_one_difference(before, after, what, values, rejects):
    (found,) = differences(schema(before), schema(after))
    assert (found.column, found.what, (found.before, found.after), found.rejects) == ("x", what, values, rejects)
    assert differences(schema(after), schema(after)) == []


def test_columns_that_one_has():
    one = Schema.from_text('feature { name: "x" type: INT } feature { name: "y" type: INT }')
    two = Schema.from_text(
        'feature { name: "z" type: INT presence { min_fraction: 1 } } feature { name: "x" type: INT }'
    )
    found = differences(one, two)
    assert [(one.column, one.before, one.after, one.rejects) for one in found] == [
        ("y", "INT, may be missing", "none", False),
        ("z", "none", "INT, required", True),
    ]


def test_the_policy_of_unknown_fields_makes_a_column_less_a_fault():
    feature = 'feature { name: "x" type: INT } feature { name: "y" type: INT }'
    strict = 'annotation { tag: "unknown:reject" } feature { name: "x" type: INT }'
    found = differences(Schema.from_text(feature), Schema.from_text(strict))
    assert [(one.column, one.what, one.rejects) for one in found] == [
        ("", "unknown fields", True),
        ("y", "column", True),
    ]
