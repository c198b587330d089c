"""A record of a topic as one line: for people, cut and as a terminal may have it, or as a JSON object, whole."""

import base64
import datetime
import json
from collections.abc import Sequence
from typing import Any, Protocol

from beam_jobs.reports.terminal_text import shown

_WIDTH = 400
_NO_TIME = -1  # what Kafka says of a record without a timestamp
_EPOCH = datetime.datetime.fromtimestamp(0, datetime.UTC)


class _Record(Protocol):
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp_ms(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


def line(record: _Record) -> str:
    """Return a record for people: partition/offset, time (UTC), key, value, headers; long ones are cut."""
    parts = [f"{record.partition}/{record.offset}", _time(record.timestamp_ms), _text(record.key), _text(record.value)]
    return "  ".join(parts + [f"{_text(_name(name))}={_text(value)}" for name, value in record.headers])


def json_line(record: _Record) -> str:
    """Return a record as a JSON object, nothing of it cut.

    What is not UTF-8 stands in base64, as `key_base64` or `value_base64`; `time` is null if
    the timestamp, milliseconds since 1970, is before 1970 or beyond the year 9999.
    """
    headers = [
        {"name": _name(name).decode(errors="replace"), **_json("value", value)} for name, value in record.headers
    ]
    parts: dict[str, Any] = {"partition": record.partition, "offset": record.offset}
    parts |= {"timestamp_ms": record.timestamp_ms, "time": _iso(record.timestamp_ms)}
    return json.dumps(parts | _json("key", record.key) | _json("value", record.value) | {"headers": headers})


def _when(milliseconds: int) -> datetime.datetime | None:
    """Return a time, None if no calendar of ours has it: a producer may write any number."""
    if milliseconds < 0:
        return None
    try:
        return _EPOCH + datetime.timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None


def _time(milliseconds: int) -> str:
    when = _when(milliseconds)
    if when is None:
        return "no time" if milliseconds == _NO_TIME else f"{milliseconds} ms since 1970"
    return f"{when:%Y-%m-%d %H:%M:%S.%f}"[:-3]


def _iso(milliseconds: int) -> str | None:
    when = _when(milliseconds)
    return None if when is None else f"{when:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def _name(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def _json(name: str, data: bytes | None) -> dict[str, str | None]:
    try:
        return {name: None if data is None else data.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(data or b"").decode()}


def _text(data: bytes | None) -> str:
    if data is None:
        return "null"
    text = shown(data[: _WIDTH + 1].decode("utf-8", "backslashreplace"))
    return text if len(data) <= _WIDTH else f"{text[:_WIDTH]}... ({len(data):,} bytes)"
