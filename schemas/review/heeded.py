"""Which fields of a schema count: those that make a use case unusable here, and those that are passed over.

What counts means what it means to TensorFlow Data Validation. What it would check and nothing here does is said by
name, so that no one relies on it.
"""

from collections.abc import Iterator
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2

from schemas.errors import InputError
from schemas.schema import SERVING, TRAINING, Schema, is_column

_OF_FEATURE = frozenset(
    (
        "name",
        "type",
        "deprecated",
        "lifecycle_stage",
        "in_environment",
        "not_in_environment",
        "annotation",
        "presence.min_fraction",
        "presence.min_count",
        "value_count",
        "shape",
        "domain",
        "bool_domain",
        "string_domain.name",
        "string_domain.value",
        "int_domain.name",
        "int_domain.min",
        "int_domain.max",
        "float_domain.name",
        "float_domain.min",
        "float_domain.max",
        "float_domain.disallow_nan",
        "float_domain.disallow_inf",
        "time_domain.string_format",
        "unique_constraints",
        "distribution_constraints.min_domain_mass",
        *(
            f"{comparator}.{distance}"
            for comparator in ("drift_comparator", "skew_comparator")
            for distance in ("infinity_norm", "jensen_shannon_divergence")
        ),
    )
)
_OF_SCHEMA = frozenset(
    (
        "feature",
        "string_domain",
        "default_environment",
        "annotation",
        "dataset_constraints.min_examples_count",
        "dataset_constraints.max_examples_count",
        "dataset_constraints.num_examples_drift_comparator",
    )
)
_OF_TEXT = frozenset(("domain", "string_domain", "unique_constraints", "distribution_constraints"))
_OF_NUMBERS = frozenset(("int_domain", "float_domain", "time_domain"))


def check_usable(schema: Schema, where: str) -> None:
    """Raise `InputError`, naming `where` and the feature, for what a use case cannot have (yet)."""
    for feature in filter(is_column, schema.proto.feature):
        domain = feature.bool_domain
        if domain.HasField("true_value") and domain.HasField("false_value") and domain.true_value == domain.false_value:
            raise InputError(f"{where}: {feature.name}: true_value and false_value of its bool_domain are the same")
    for column in schema.with_role("unique"):
        if column.role("id") is None:
            raise InputError(f"{where}: {column.name}: tag unique without tag id, which says what is unique")
    serving, training = schema.environment(SERVING), schema.environment(TRAINING)
    if not serving.columns:
        raise InputError(f"{where}: no feature is in environment {SERVING}; add it to default_environment")
    for column in serving.columns:
        if column.name not in training:
            raise InputError(
                f"{where}: {column.name}: in environment {SERVING} but not in {TRAINING}, where the graph is made"
            )


def unheeded(schema: Schema) -> list[str]:
    """Return the fields that are set and passed over, each with the features that set it.

    >>> schema = Schema.from_text('feature { name: "fare" type: FLOAT group_presence { } url_domain { } }')
    >>> unheeded(schema)
    ['group_presence of fare', 'url_domain of fare']
    """
    found: dict[str, list[str]] = {}
    for feature in filter(is_column, schema.proto.feature):
        for path in _passed_over(feature, schema.proto):
            found.setdefault(path, []).append(feature.name)
    of_features = [f"{path} of {', '.join(names)}" for path, names in sorted(found.items())]
    return of_features + sorted(_unlisted(schema.proto, _OF_SCHEMA))


def _passed_over(feature: schema_pb2.Feature, proto: schema_pb2.Schema) -> Iterator[str]:
    of_others = _OF_NUMBERS if feature.type == schema_pb2.BYTES else _OF_TEXT
    yield from _unlisted(feature, frozenset(path for path in _OF_FEATURE if path.partition(".")[0] not in of_others))
    if feature.type != schema_pb2.BYTES:  # of numbers there is no share of one value
        for comparator in ("drift_comparator", "skew_comparator"):
            if getattr(feature, comparator).HasField("infinity_norm"):
                yield f"{comparator}.infinity_norm"
    # As in TFDV, the environments of the schema count besides those that a feature names.
    if feature.in_environment and set(feature.in_environment) <= set(proto.default_environment):
        yield "in_environment (default_environment has it, only not_in_environment takes a feature out)"


def _unlisted(message: Any, listed: frozenset[str], prefix: str = "") -> Iterator[str]:
    """Yield the dotted names of the fields that are set in a message and not listed."""
    for field, value in message.ListFields():
        path = prefix + field.name
        if path in listed:
            continue
        if any(name.startswith(path + ".") for name in listed):
            yield from _unlisted(value, listed, path + ".")
        else:
            yield path
