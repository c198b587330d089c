"""`onegraph tail`: a topic's records as lines that people can read."""

import datetime
import sys
from typing import Any, TextIO

from beam_jobs.cli.settings import Tail
from beam_jobs.kafka.clients.choice import open_consumer
from beam_jobs.kafka.records import Header
from beam_jobs.reports.terminal_text import shown
from schemas.errors import UsageError

_WIDTH = 400
_POLL_S = 0.2


def check(settings: Tail) -> None:
    """Refuse a limit that makes no sense."""
    if settings.limit is not None and settings.limit < 1:
        raise UsageError(f"--limit is {settings.limit}, wanted 1 or more")


def run(settings: Tail, out: TextIO | None = None) -> dict[str, Any]:
    """Print records to `out` (standard output) until the limit, the end or Ctrl-C; returns how many."""
    check(settings)
    out = out or sys.stdout
    consumer = open_consumer(settings.connection, settings.topic)
    count = 0
    try:
        ends = consumer.end_offsets(consumer.partitions)
        at = consumer.beginning_offsets(consumer.partitions) if settings.from_start else dict(ends)
        consumer.go_to(at)
        while not (settings.until_end and all(at[partition] >= end for partition, end in ends.items())):
            left = sys.maxsize if settings.limit is None else settings.limit - count
            if left == 0:
                break
            polled = consumer.poll(_POLL_S, min(left, 1_000))
            records = sorted((one for part in polled.values() for one in part), key=lambda one: one.timestamp)
            for record in records:
                if not settings.until_end or record.offset < ends[record.partition]:
                    print(line(record), file=out)
                    count += 1
            out.flush()
            at.update(consumer.positions())
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()
    return {"topic": settings.topic, "records": count}


def describe(result: dict[str, Any]) -> str:
    """Say how many were shown."""
    return f"{result['records']:,} records of {result['topic']}"


def line(record: Any) -> str:
    """Return one record as one line: partition/offset, time (UTC), key, value, headers; long ones are cut."""
    parts = [f"{record.partition}/{record.offset}", _time(record.timestamp), _text(record.key), _text(record.value)]
    return "  ".join(parts + [_header(header) for header in record.headers])


def _time(milliseconds: int) -> str:
    try:
        when = datetime.datetime.fromtimestamp(0, datetime.UTC) + datetime.timedelta(milliseconds=milliseconds)
    except OverflowError:  # a producer may write any number
        return f"{milliseconds} ms since 1970"
    return f"{when:%Y-%m-%d %H:%M:%S.%f}"[:-3]


def _header(header: Header) -> str:
    name, value = header
    return f"{_text(name.encode('utf-8', 'surrogatepass'))}={_text(value)}"


def _text(data: bytes | None) -> str:
    if data is None:
        return "null"
    text = shown(data[: _WIDTH + 1].decode("utf-8", "backslashreplace"))
    return text if len(data) <= _WIDTH else f"{text[:_WIDTH]}... ({len(data):,} bytes)"
