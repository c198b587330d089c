"""Fields of a schema: what no use case can have is refused, what is passed over is named."""

import pytest

from schemas.errors import InputError
from schemas.review.heeded import check_usable, unheeded
from schemas.schema import Schema


def _schema(*features, more=""):
    return Schema.from_text(more + " ".join(f"feature {{ {text} }}" for text in features))


@pytest.mark.parametrize(
    "one_value",
    ["", "value_count { min: 1 max: 1 }", "value_count { max: 1 }", "shape { }", "shape { dim { size: 1 } }"],
)
def test_one_value_is_taken(one_value):
    check_usable(_schema(f'name: "x" type: INT {one_value}'), "c.pbtxt")


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (
            ['name: "x" type: BYTES bool_domain { true_value: "1" false_value: "1" }'],
            "x: true_value and false_value of its bool_domain are the same",
        ),
        (['name: "x" type: INT not_in_environment: "SERVING"'], "no feature is in environment SERVING"),
        (
            ['name: "x" type: INT', 'name: "y" type: INT not_in_environment: "TRAINING"'],
            "y: in environment SERVING but not in TRAINING, where the graph is made",
        ),
    ],
)
def test_what_a_use_case_cannot_have_is_refused_in_one_line(features, message):
    with pytest.raises(InputError) as raised:
        check_usable(_schema(*features), "c.pbtxt")
    assert str(raised.value).startswith(f"c.pbtxt: {message}")
    assert "\n" not in str(raised.value)


def test_a_feature_that_is_not_in_use_is_not_looked_at():
    schema = _schema('name: "x" type: INT', 'name: "y" type: STRUCT value_count { min: 2 } lifecycle_stage: PLANNED')
    check_usable(schema, "c.pbtxt")
    assert unheeded(schema) == []


def test_all_that_counts_is_not_named():
    schema = _schema(
        'name: "t" type: BYTES presence { min_fraction: 0.5 min_count: 1 } domain: "d" unique_constraints { max: 3 }'
        " distribution_constraints { min_domain_mass: 0.9 } drift_comparator { infinity_norm { threshold: 0.1 } }"
        " skew_comparator { jensen_shannon_divergence { threshold: 0.1 } } annotation { tag: 'id' comment: 'c' }",
        'name: "f" type: FLOAT float_domain { name: "n" min: 0 max: 1 disallow_nan: true disallow_inf: true }',
        'name: "i" type: INT int_domain { min: 0 max: 1 } in_environment: "TRAINING" lifecycle_stage: BETA',
        'name: "d" type: INT time_domain { string_format: "%Y-%m-%d" } annotation { tag: "time:day" }',
        'name: "b" type: INT bool_domain { } not_in_environment: "OTHER" value_count { min: 1 max: 1 }',
        more='string_domain { name: "d" value: "a" } default_environment: "SERVING" ',
    )
    assert unheeded(schema) == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (
            'feature { name: "x" type: INT skew_comparator { normalized_abs_difference { } } }',
            ["skew_comparator.normalized_abs_difference of x"],
        ),
        ('feature { name: "x" type: BYTES natural_language_domain { } }', ["natural_language_domain of x"]),
        (
            'feature { name: "x" type: INT int_domain { min: 1 is_categorical: true } }',
            ["int_domain.is_categorical of x"],
        ),
        ('feature { name: "x" type: INT group_presence { required: true } }', ["group_presence of x"]),
        ('feature { name: "x" type: INT unique_constraints { min: 1 } }', ["unique_constraints of x"]),
        ('feature { name: "x" type: INT string_domain { value: "1" } }', ["string_domain of x"]),
        ('feature { name: "x" type: BYTES float_domain { min: 1 } }', ["float_domain of x"]),
        ('feature { name: "x" type: INT } sparse_feature { name: "s" }', ["sparse_feature"]),
        ('feature { name: "x" type: INT } weighted_feature { name: "w" }', ["weighted_feature"]),
        (
            'feature { name: "x" type: INT } dataset_constraints { num_examples_version_comparator { } }',
            ["dataset_constraints.num_examples_version_comparator"],
        ),
        ('tensor_representation_group { key: "" } feature { name: "x" type: INT }', ["tensor_representation_group"]),
        (
            'feature { name: "x" type: INT drift_comparator { infinity_norm { } } }',
            ["drift_comparator.infinity_norm of x"],
        ),
        (
            'default_environment: "TRAINING" feature { name: "x" type: INT in_environment: "TRAINING" }',
            ["in_environment (default_environment has it, only not_in_environment takes a feature out) of x"],
        ),
    ],
)
def test_what_is_passed_over_is_named(text, named):
    assert unheeded(Schema.from_text(text)) == named
