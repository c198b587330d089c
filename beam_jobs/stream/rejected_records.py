"""The records of the rejected topic: our headers behind the event's own, written by the stream and read by the replay.

What stands before the last `onegraph.reason` is the event's own, even if a foreign producer uses our names; what
stands from there on is ours. A field's value is in none of them.
"""

import dataclasses
import hashlib
from collections.abc import Sequence

from beam_jobs.kafka.records import Header, Outgoing
from schemas.rejection import Reason, Rejection

PREFIX = "onegraph."
ATTEMPT = PREFIX + "attempt"
_REASON, _SOURCE, _PATH = PREFIX + "reason", PREFIX + "source", PREFIX + "path"
_SHA256, _LENGTH = PREFIX + "value_sha256", PREFIX + "value_bytes"
_MOST_ATTEMPTS = 99
# What Kafka's format adds to a record that stands alone in its batch, rounded up.
RECORD_OVERHEAD = 100
_HEADER_OVERHEAD = 10
_LONGEST_PATH = 200


def our_headers(rejection: Rejection, source: str, bundle: str, attempt: int) -> list[Header]:
    """Return what is put behind the headers of a rejected event; `source` is topic/partition/offset."""
    ours = {
        "reason": rejection.reason,
        "stage": rejection.stage,
        "path": rejection.path,
        "source": source,
        "bundle": bundle,
        "attempt": str(attempt),
    }
    return [(PREFIX + name, text.encode()) for name, text in ours.items()]


def attempt_of(headers: Sequence[Header]) -> int:
    """Return which attempt an event is: 1, or what the replay wrote. Whatever else stands there counts as 1.

    >>> attempt_of([]), attempt_of([("onegraph.attempt", b"2")]), attempt_of([("onegraph.attempt", b"-1")])
    (1, 2, 1)
    """
    texts = [value for name, value in headers if name == ATTEMPT] if headers else []
    text = texts[-1] if texts else None
    if text is None or not 1 <= len(text) <= 2 or not text.isdigit():
        return 1
    return max(int(text), 1)


@dataclasses.dataclass(frozen=True)
class RejectedRecord:
    """What our headers say of a rejected record, and the event's own headers without any of our names.

    `path` is that of the field, empty if it is the whole record.
    """

    reason: Reason
    topic: str
    partition: int
    offset: int
    attempt: int
    is_stub: bool
    headers: list[Header]
    path: str = ""

    @classmethod
    def read(cls, headers: Sequence[Header]) -> "RejectedRecord | None":
        """Return None if the headers are not ours, or not whole."""
        starts = [at for at, (name, _) in enumerate(headers) if name == _REASON]
        if not starts:
            return None
        ours = dict(headers[starts[-1] :])
        try:
            reason = Reason(_text(ours[_REASON]))
            topic, partition, offset = _text(ours[_SOURCE]).rsplit("/", 2)
            attempt = int(_text(ours[ATTEMPT]))
            numbers = int(partition), int(offset)
        except (KeyError, ValueError):  # UnicodeDecodeError is one
            return None
        if min(*numbers, attempt - 1) < 0 or attempt > _MOST_ATTEMPTS:
            return None
        own = [(name, value) for name, value in headers[: starts[-1]] if not name.startswith(PREFIX)]
        return cls(reason, topic, *numbers, attempt, _SHA256 in ours, own, _path(ours.get(_PATH)))


def record_bytes(key: bytes | None, value: bytes | None, headers: Sequence[Header] = ()) -> int:
    """Return an upper bound of the bytes of a record that stands alone in its batch.

    >>> record_bytes(b"key", b"value", [("a", None)])
    119
    """
    size = RECORD_OVERHEAD + len(key or b"") + len(value or b"")
    return size + sum(_HEADER_OVERHEAD + len(name.encode()) + len(value or b"") for name, value in headers)


def too_large(
    keys: Sequence[bytes | None],
    values: Sequence[bytes | None],
    limit: int,
    headers: Sequence[Sequence[Header]] | None = None,
) -> list[int]:
    """Return the rows whose records do not fit into a topic that takes `limit` bytes.

    >>> too_large([b"k", None], [b"x" * 1000, b"x"], 500)
    [0]
    """
    if headers is not None:
        return [row for row, one in enumerate(zip(keys, values, headers, strict=True)) if record_bytes(*one) > limit]
    largest = max(map(len, filter(None, keys)), default=0) + max(map(len, filter(None, values)), default=0)
    if RECORD_OVERHEAD + largest <= limit:
        return []
    return [row for row, (key, value) in enumerate(zip(keys, values, strict=True)) if record_bytes(key, value) > limit]


def with_stubs(rejected: Outgoing, limit: int) -> tuple[Outgoing, int]:
    """Replace every record that its topic does not take by a stub, and say how many.

    A stub has our headers, the length and the SHA-256 of the value, the key if it fits, and nothing else.
    """
    headers = rejected.headers or [[] for _ in rejected.values]
    rows = [
        row
        for row, record in enumerate(zip(rejected.keys, rejected.values, headers, strict=True))
        if record_bytes(*record) > limit
    ]
    if not rows:
        return rejected, 0
    keys, values, headers = list(rejected.keys), list(rejected.values), list(headers)
    for row in rows:
        value = values[row]
        kept = _ours(headers[row])
        kept.append((_SHA256, None if value is None else hashlib.sha256(value).hexdigest().encode()))
        kept.append((_LENGTH, None if value is None else b"%d" % len(value)))
        if record_bytes(keys[row], None, kept) > limit:
            keys[row] = None
        values[row], headers[row] = None, kept
    return dataclasses.replace(rejected, keys=keys, values=values, headers=headers), len(rows)


def _ours(headers: Sequence[Header]) -> list[Header]:
    starts = [at for at, (name, _) in enumerate(headers) if name == _REASON]
    return list(headers[starts[-1] :]) if starts else []


def _path(value: bytes | None) -> str:
    """Return the path as it was written; what is none of ours counts as that of the whole record."""
    text = (value or b"").decode(errors="replace")
    return text if text.startswith("/") and text.isprintable() and len(text) <= _LONGEST_PATH else ""


def _text(value: bytes | None) -> str:
    if value is None:
        raise ValueError("null")
    return value.decode()
