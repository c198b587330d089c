"""The text form of a schema: parsed, and what is wrong with one in a line that names where.

protobuf's own words name the line, and its types by their full names; what a person may have meant is added.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf import text_format
from google.protobuf.descriptor import FieldDescriptor
from tensorflow_metadata.proto.v0 import schema_pb2

from schemas.errors import InputError
from schemas.nearest import did_you_mean

_DEEPEST = 32  # of messages in one another; a schema of columns has four
_PLACE = re.compile(r"(\d+):\d+ : (.*)", re.DOTALL)
_NO_FIELD = re.compile(r'Message type "[\w.]*?(\w+)" has no field named "(.*)"\.')
_NO_VALUE = re.compile(r'Enum type "[\w.]*?(\w+)" has no value named (.*)\.')
_TWICE = re.compile(r'Message type "[\w.]*?(\w+)" should not have multiple "(.*)" fields\.')
_QUOTED_LINE = re.compile(r"^'.*': ", re.DOTALL)


def parse(text: str, where: str) -> schema_pb2.Schema:
    """Return the schema that a text says; raises `InputError` naming `where` and the line.

    >>> parse('feature {\\n name: "fare"\\n typ: FLOAT }', "taxi.pbtxt")
    Traceback (most recent call last):
    schemas.errors.InputError: taxi.pbtxt line 3: a feature has no field 'typ', did you mean type?
    """
    try:
        proto = text_format.Parse(text, schema_pb2.Schema())
    except text_format.ParseError as error:
        raise InputError(_in_words(str(error), where)) from None
    except RecursionError:
        raise InputError(_too_deep(where)) from None
    if any(depth > _DEEPEST for depth in _depths(proto)):
        raise InputError(_too_deep(where))
    return proto


def _too_deep(where: str) -> str:
    return f"{where}: not a tensorflow_metadata Schema in text form: nested too deep, more than {_DEEPEST} levels"


def _depths(proto: Any) -> Iterator[int]:
    waiting = [(proto, 1)]
    while waiting:
        message, depth = waiting.pop()
        yield depth
        if depth > _DEEPEST:
            return
        for field, value in message.ListFields():
            waiting += [(part, depth + 1) for part in _messages(field, value)]


def _messages(field: FieldDescriptor, value: Any) -> Iterable[Any]:
    if field.message_type is None:
        return ()
    if field.message_type.GetOptions().map_entry:
        return value.values() if field.message_type.fields_by_name["value"].message_type is not None else ()
    return value if field.is_repeated else [value]


def _in_words(said: str, where: str) -> str:
    place = _PLACE.fullmatch(said)
    if place is None:
        return f"{where}: not a tensorflow_metadata Schema in text form: {' '.join(said.split())}"
    at, rest = f"{where} line {place[1]}", _QUOTED_LINE.sub("", place[2])
    if found := _NO_FIELD.fullmatch(rest):
        known: Any = schema_pb2.DESCRIPTOR.message_types_by_name.get(found[1])
        names = [field.name for field in known.fields] if known else []
        return f"{at}: a {_spoken(found[1])} has no field {found[2]!r}{did_you_mean(found[2], names)}"
    if found := _NO_VALUE.fullmatch(rest):
        values: Any = schema_pb2.DESCRIPTOR.enum_types_by_name.get(found[1])
        names = [value.name for value in values.values] if values else []
        if found[1] == "FeatureType":
            names = ["FLOAT", "INT", "BYTES"]
        near = did_you_mean(found[2], names) or (f"; wanted one of {', '.join(names)}" if names else "")
        return f"{at}: {found[2]!r} is no {_spoken(found[1])}{near}"
    if found := _TWICE.fullmatch(rest):
        return f"{at}: a {_spoken(found[1])} has {found[2]!r} twice; keep one"
    printable = "".join(letter if letter.isprintable() else "?" for letter in " ".join(rest.split()))
    return f"{at}: not a tensorflow_metadata Schema in text form: {printable}"


def _spoken(name: str) -> str:
    """Return the name of a type of protobuf as words: `FeaturePresence` is `feature presence`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
