"""Typed access to one use case's schema, a tensorflow_metadata `Schema` in text form.

The schema says for every column its type, whether a record must have it, its domain and range, in which
environment it exists (`TRAINING`, `SERVING`), and its roles. Roles are annotation tags: `id`, `key`,
`event_time:s` or `event_time:ms` (the unit is part of the tag), `personal:<treatment>`, `computed:window`.
"""

import dataclasses
import enum
import functools
import pathlib

import pyarrow as pa
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from schemas import fingerprint
from schemas.errors import InputError
from schemas.plain_files import read_plain

SERVING = "SERVING"
TRAINING = "TRAINING"
_LARGEST = 16 * 1024 * 1024
_MILLISECONDS = {"s": 1000, "ms": 1}


class Kind(enum.Enum):
    """The type of a column; its value is the Arrow type of raw batches."""

    FLOAT = pa.float32()
    INT = pa.int64()
    BYTES = pa.string()


@dataclasses.dataclass(frozen=True)
class Column:
    """One raw column. `minimum` and `maximum` are inclusive; `domain` holds the expected strings, if any."""

    name: str
    kind: Kind
    required: bool
    minimum: float | int | None = None
    maximum: float | int | None = None
    domain: frozenset[str] | None = None
    roles: tuple[str, ...] = ()
    absent_from: frozenset[str] = frozenset()

    def role(self, name: str) -> str | None:
        """Return what follows `name:` in the column's role of that name, `""` for a bare role, None without it."""
        for role in self.roles:
            head, _, tail = role.partition(":")
            if head == name:
                return tail
        return None


class Schema:
    """The columns of a use case, in the order of the file.

    >>> schema = Schema.from_text('feature { name: "fare" type: FLOAT presence { min_fraction: 1 } }')
    >>> schema["fare"].required, schema.arrow_schema.field("fare").type
    (True, DataType(float))
    """

    def __init__(self, proto: schema_pb2.Schema):
        self.proto = proto
        self.columns = tuple(_column(feature, proto) for feature in proto.feature)
        self._by_name = {column.name: column for column in self.columns}
        if len(self._by_name) != len(self.columns):
            raise InputError("schema: two features share a name; give each column one entry")

    @classmethod
    def from_text(cls, text: str, where: str = "schema") -> "Schema":
        """Parse the text form; raises `InputError` naming `where` and the line."""
        try:
            return cls(text_format.Parse(text, schema_pb2.Schema()))
        except text_format.ParseError as error:
            raise InputError(f"{where}: not a tensorflow_metadata Schema in text form: {error}") from None
        except RecursionError:
            raise InputError(f"{where}: not a tensorflow_metadata Schema in text form: nested too deep") from None

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
        return tuple(column.name for column in self.columns)

    def environment(self, name: str) -> "Schema":
        """Return the schema of the columns that exist in an environment (`SERVING` or `TRAINING`)."""
        proto = schema_pb2.Schema()
        proto.CopyFrom(self.proto)
        del proto.feature[:]
        proto.feature.extend(feature for feature in self.proto.feature if name not in feature.not_in_environment)
        return Schema(proto)

    def with_role(self, role: str) -> tuple[Column, ...]:
        """Return the columns that carry a role, in order."""
        return tuple(column for column in self.columns if column.role(role) is not None)

    @functools.cached_property
    def arrow_schema(self) -> pa.Schema:
        """The Arrow schema of this schema's raw batches: float32, int64 and string columns, null where missing."""
        return pa.schema([pa.field(column.name, column.kind.value) for column in self.columns])

    @functools.cached_property
    def event_time(self) -> tuple[str, int] | None:
        """The event time column and how many milliseconds its unit has, or None where no column has the role."""
        columns = self.with_role("event_time")
        if not columns:
            return None
        unit = columns[0].role("event_time")
        if len(columns) > 1 or unit not in _MILLISECONDS:
            raise InputError(f"schema: {columns[0].name}: want one column with role event_time:s or event_time:ms")
        return columns[0].name, _MILLISECONDS[unit]

    def text(self) -> str:
        """Return the text form, as `from_text` reads it."""
        return text_format.MessageToString(self.proto)

    @functools.cached_property
    def fingerprint(self) -> str:
        """The sha256 of the text form; comments and layout of the file do not count."""
        return fingerprint.of_bytes(self.text().encode())


def _column(feature: schema_pb2.Feature, proto: schema_pb2.Schema) -> Column:
    try:
        kind = Kind[schema_pb2.FeatureType.Name(feature.type)]
    except KeyError:
        raise InputError(f"schema: {feature.name}: its type is not FLOAT, INT or BYTES") from None
    minimum, maximum = _range(feature)
    return Column(
        name=feature.name,
        kind=kind,
        required=feature.presence.min_fraction >= 1.0,
        minimum=minimum,
        maximum=maximum,
        domain=_domain(feature, proto),
        roles=tuple(feature.annotation.tag),
        absent_from=frozenset(feature.not_in_environment),
    )


def _range(feature: schema_pb2.Feature) -> tuple[float | int | None, float | int | None]:
    which = feature.WhichOneof("domain_info")
    if which not in ("int_domain", "float_domain"):
        return None, None
    domain = getattr(feature, which)
    return (
        domain.min if domain.HasField("min") else None,
        domain.max if domain.HasField("max") else None,
    )


def _domain(feature: schema_pb2.Feature, proto: schema_pb2.Schema) -> frozenset[str] | None:
    which = feature.WhichOneof("domain_info")
    if which == "string_domain":
        return frozenset(feature.string_domain.value)
    if which == "domain":
        for domain in proto.string_domain:
            if domain.name == feature.domain:
                return frozenset(domain.value)
        raise InputError(f"schema: {feature.name}: its domain {feature.domain!r} is not in the schema")
    return None
