"""`onegraph tail`: a topic's records as lines that people can read, or as JSON objects."""

import contextlib
import sys
from typing import TextIO

from beam_jobs.cli.settings import Tail
from beam_jobs.kafka.client import FIRST_ANSWER_S
from beam_jobs.kafka.libraries.choice import open_consumer
from beam_jobs.kafka.probe import wait_for_broker
from beam_jobs.kafka.topics import contents, topics
from beam_jobs.process.termination import until_terminated
from beam_jobs.reports.record_text import json_line, line

_POLL_S, _MAX_RECORDS = 0.2, 1_000


def plan(settings: Tail) -> list[str]:
    """Say what would be shown of the topic; raises `ServiceError` if it is not there."""
    there = topics.required(settings.connection, [settings.topic])[settings.topic]
    begin = "its oldest record" if settings.from_start else "the next record"
    return [f"would show topic {there.name} ({there.partitions} partitions) from {begin} on"]


def run(settings: Tail, out: TextIO | None = None) -> None:
    """Print records to `out` (standard output) until the limit, the end or Ctrl-C: they are the result."""
    out = out or sys.stdout
    written = json_line if settings.as_json else line
    wait_for_broker(settings.connection, FIRST_ANSWER_S)
    consumer = open_consumer(settings.connection, settings.topic)
    limit = sys.maxsize if settings.limit is None else settings.limit
    count = 0
    with contextlib.closing(consumer), until_terminated():
        ends = consumer.end_offsets(consumer.partitions)
        begin = consumer.beginning_offsets(consumer.partitions) if settings.from_start else ends
        until = ends if settings.until_end else None
        for step in contents.read(consumer, begin, until, min(limit, _MAX_RECORDS), _POLL_S):
            records = step.polled.rows(settings.topic)[: limit - count]
            for record in sorted(records, key=lambda record: record.timestamp_ms):
                print(written(record), file=out)
            out.flush()
            count += len(records)
            if count == limit:
                break


def describe(result: None) -> str:
    """Say nothing more: the records were shown as they came."""
    return ""
