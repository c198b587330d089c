"""`onegraph tail`: a topic's records as lines that people can read."""

import datetime
import sys
from typing import Any, TextIO

from beam_jobs.cli.settings import Tail
from beam_jobs.kafka.libraries.choice import open_consumer
from beam_jobs.kafka.records import Header, Record
from beam_jobs.kafka.topics import contents
from beam_jobs.reports.terminal_text import shown

_WIDTH = 400
_POLL_S, _MAX_RECORDS = 0.2, 1_000


def run(settings: Tail, out: TextIO | None = None) -> dict[str, Any]:
    """Print records to `out` (standard output) until the limit, the end or Ctrl-C; returns how many."""
    out = out or sys.stdout
    consumer = open_consumer(settings.connection, settings.topic)
    limit = sys.maxsize if settings.limit is None else settings.limit
    count = 0
    try:
        ends = consumer.end_offsets(consumer.partitions)
        begin = consumer.beginning_offsets(consumer.partitions) if settings.from_start else ends
        until = ends if settings.until_end else None
        for step in contents.read(consumer, begin, until, min(limit, _MAX_RECORDS), _POLL_S):
            records = step.polled.rows(settings.topic)[: limit - count]
            for record in sorted(records, key=lambda record: record.timestamp_ms):
                print(line(record), file=out)
            out.flush()
            count += len(records)
            if count == limit:
                break
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()
    return {"topic": settings.topic, "records": count}


def describe(result: dict[str, Any]) -> str:
    """Say nothing more: the records are the result."""
    return ""


def line(record: Record) -> str:
    """Return one record as one line: partition/offset, time (UTC), key, value, headers; long ones are cut."""
    parts = [f"{record.partition}/{record.offset}", _time(record.timestamp_ms), _text(record.key), _text(record.value)]
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
