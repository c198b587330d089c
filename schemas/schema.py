"""Typed access to one use case's schema, a tensorflow_metadata `Schema` in text form.

The schema says for every column its type, whether a record must have it, its domain and range, in which
environment it exists (`TRAINING`, `SERVING`), and its roles, which are annotation tags (`schemas/roles.py`).
A feature that is planned, on trial, for debugging or deprecated is no column, as in TFDV and tf.Transform.
"""

import dataclasses
import functools
import pathlib

import pyarrow as pa
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from schemas import fingerprint, roles, schema_text
from schemas.column import Column, Kind, ValueCount
from schemas.errors import InputError
from schemas.nearest import did_you_mean, listed
from schemas.plain_files import read_plain
from schemas.reading import is_reading, reading
from schemas.text_limits import is_text_limit, text_limits
from schemas.unknown_fields import policy

SERVING = "SERVING"
TRAINING = "TRAINING"
_LARGEST = 16 * 1024 * 1024
_NO_COLUMN = frozenset(
    schema_pb2.LifecycleStage.Value(stage) for stage in ("PLANNED", "ALPHA", "DEPRECATED", "DEBUG_ONLY", "DISABLED")
)


class Schema:
    """The columns of a use case, in the order of the file.

    `unknown_fields` says what becomes of fields that it does not name; `named` are all features that the file names,
    those too that are no column or not in this environment.

    >>> schema = Schema.from_text('feature { name: "fare" type: FLOAT presence { min_fraction: 1 } }')
    >>> schema["fare"].required, schema.arrow_schema.field("fare").type
    (True, DataType(float))
    """

    def __init__(self, proto: schema_pb2.Schema, where: str = "schema"):
        self.proto = proto
        self.unknown_fields = policy(proto.annotation.tag, where)
        self.named = tuple(feature.name for feature in proto.feature)
        self.columns = tuple(_column(feature, proto, where) for feature in proto.feature if is_column(feature))
        self._by_name = {column.name: column for column in self.columns}
        if len(self._by_name) != len(self.columns):
            names = [column.name for column in self.columns]
            twice = next(name for name in names if names.count(name) > 1)
            raise InputError(f"{where}: two features are called {twice!r}; give each column one entry")

    @classmethod
    def from_text(cls, text: str, where: str = "schema") -> "Schema":
        """Parse the text form; raises `InputError` naming `where` and the line."""
        return cls(schema_text.parse(text, where), where)

    @classmethod
    def load(cls, path: str | pathlib.Path) -> "Schema":
        """Read a `.pbtxt` file."""
        try:
            return cls.from_text(read_plain(path, _LARGEST).decode(), where=str(path))
        except FileNotFoundError:
            raise InputError(f"{path}: no such schema file") from None
        except UnicodeDecodeError:
            raise InputError(f"{path}: not a tensorflow_metadata Schema in text form: not UTF-8") from None

    def __getitem__(self, name: str) -> Column:
        return self._by_name[name]

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    def environment(self, name: str) -> "Schema":
        """Return the schema of the columns that exist in an environment (`SERVING` or `TRAINING`)."""
        proto = schema_pb2.Schema()
        proto.CopyFrom(self.proto)
        del proto.feature[:]
        proto.feature.extend(one for one in self.proto.feature if is_column(one) and _exists(one, self.proto, name))
        schema = Schema(proto)
        schema.named = self.named
        return schema

    def with_role(self, role: str) -> tuple[Column, ...]:
        """Return the columns that carry a role, in order."""
        return tuple(column for column in self.columns if column.role(role) is not None)

    @functools.cached_property
    def arrow_schema(self) -> pa.Schema:
        """The Arrow schema of raw batches: float32, int64 and string columns or lists of them, null where missing."""
        return pa.schema([pa.field(column.name, column.arrow_type) for column in self.columns])

    @functools.cached_property
    def event_time(self) -> tuple[str, int] | None:
        """The event time column and how many milliseconds its unit has, or None if no column has the role."""
        return roles.event_time(self.columns)

    def text(self) -> str:
        """Return the text form, as `from_text` reads it."""
        return text_format.MessageToString(self.proto)

    @functools.cached_property
    def fingerprint(self) -> str:
        """The sha256 of the text form; comments and layout of the file do not count."""
        return fingerprint.of_bytes(self.text().encode())


def is_column(feature: schema_pb2.Feature) -> bool:
    """Say whether raw data has a feature by its stage of life; TFDV and tf.Transform pass over the others too."""
    return not feature.deprecated and feature.lifecycle_stage not in _NO_COLUMN


def _exists(feature: schema_pb2.Feature, proto: schema_pb2.Schema, environment: str) -> bool:
    """TFDV's rule; in a schema that has no default environments, a feature that names none exists everywhere."""
    if environment in feature.in_environment:
        return True
    if environment in feature.not_in_environment:
        return False
    return environment in proto.default_environment or not (proto.default_environment or feature.in_environment)


def _column(feature: schema_pb2.Feature, proto: schema_pb2.Schema, where: str) -> Column:
    if not feature.name:
        raise InputError(f'{where}: a feature has no name; wanted feature {{ name: "..." type: FLOAT }}')
    kind = _kind(feature, where)
    minimum, maximum = _range(feature) if kind is not Kind.BYTES else (None, None)
    domain = _domain(feature, proto, where)
    column = Column(
        name=feature.name,
        kind=kind,
        required=feature.presence.min_fraction >= 1.0,
        minimum=minimum,
        maximum=maximum,
        boolean=feature.HasField("bool_domain") and kind is not Kind.BYTES,
        domain=domain if kind is Kind.BYTES else None,
        roles=tuple(tag for tag in feature.annotation.tag if not is_reading(tag) and not is_text_limit(tag)),
        value_count=_value_count(feature, where),
        reading=reading(feature, proto.annotation.tag, where),
        text_limits=text_limits(feature, domain if kind is Kind.BYTES else None, where),
    )
    unit = column.role("event_time")
    if kind is Kind.INT and unit in roles.MILLISECONDS:
        first, last = roles.time_range(unit, minimum, maximum)
        return dataclasses.replace(column, minimum=first, maximum=last)
    return column


def _value_count(feature: schema_pb2.Feature, where: str) -> ValueCount | None:
    """Return how many values a row has; None is one, as where the schema says nothing."""
    which = feature.WhichOneof("shape_type")
    if which == "shape":
        sizes = [dim.size for dim in feature.shape.dim]
        if len(sizes) > 1 or any(size < 1 for size in sizes):
            raise InputError(f"{where}: {feature.name}: shape {sizes}, wanted one dim of a size of 1 or more")
        return ValueCount(sizes[0], sizes[0]) if sizes and sizes[0] > 1 else None
    if feature.HasField("value_counts"):
        raise InputError(
            f"{where}: {feature.name}: its value_count or shape is of lists within lists (value_counts), "
            "wanted value_count"
        )
    count = feature.value_count
    if which is None or count.max == 1:
        return None
    least, most = count.min, count.max or None  # TFDV's rule: 0 is no limit
    if least < 0 or (most is not None and most < max(least, 1)):
        raise InputError(
            f"{where}: {feature.name}: value_count {{ min: {least} max: {count.max} }} has no number in it"
        )
    return ValueCount(least, most)


def _kind(feature: schema_pb2.Feature, where: str) -> Kind:
    name = schema_pb2.FeatureType.Name(feature.type)
    if name not in Kind.__members__:
        got = f"type {name}" if feature.type else "no type"
        raise InputError(f"{where}: {feature.name}: {got}, wanted FLOAT, INT or BYTES (text)")
    return Kind[name]


def _range(feature: schema_pb2.Feature) -> tuple[float | int | None, float | int | None]:
    which = feature.WhichOneof("domain_info")
    if which == "bool_domain":
        return 0, 1
    if which not in ("int_domain", "float_domain"):
        return None, None
    domain = getattr(feature, which)
    return (
        domain.min if domain.HasField("min") else None,
        domain.max if domain.HasField("max") else None,
    )


def _domain(feature: schema_pb2.Feature, proto: schema_pb2.Schema, where: str) -> frozenset[str] | None:
    which = feature.WhichOneof("domain_info")
    if which == "string_domain":
        return frozenset(feature.string_domain.value)
    if which == "bool_domain":
        words = ("true_value", "false_value")
        return frozenset(getattr(feature.bool_domain, word) for word in words if feature.bool_domain.HasField(word))
    if which == "domain":
        for domain in proto.string_domain:
            if domain.name == feature.domain:
                return frozenset(domain.value)
        known = [domain.name for domain in proto.string_domain]
        raise InputError(
            f"{where}: {feature.name}: the schema has no string_domain {feature.domain!r} (it has {listed(known)})"
            f"{did_you_mean(feature.domain, known)}"
        )
    return None
