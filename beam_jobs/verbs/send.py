"""`onegraph send`: a file's rows as events, typed by the schema, at a rate."""

import pathlib
from collections.abc import Iterator
from typing import Any

from beam_jobs.batch.event_files import events_of
from beam_jobs.cli.settings import Send
from beam_jobs.kafka.libraries.choice import open_producer
from beam_jobs.kafka.topics import topics
from beam_jobs.kafka.topics.sending import send_rows
from models import use_case
from schemas.errors import InputError
from schemas.schema import SERVING


def check(settings: Send) -> None:
    """Refuse a missing topic before anything is sent."""
    topics.required(settings.connection, [settings.topic])


def run(settings: Send) -> dict[str, Any]:
    """Send every row that the schema can read; the key of an event is its row number, counted from 0, as text."""
    check(settings)
    schema = use_case.find_schema(settings.use_case, settings.use_case_path).environment(SERVING)
    rows = events_of(pathlib.Path(settings.file), schema)
    total = 0
    producer = open_producer(settings.connection)

    def sendable() -> Iterator[tuple[bytes, bytes]]:
        nonlocal total
        count = 0
        for number, value in rows:
            total = number + 1
            if value is not None:
                yield b"%d" % number, value
                count += 1
                if count == settings.limit:
                    return

    try:
        sent = send_rows(producer, settings.topic, sendable(), settings.rate)
    finally:
        producer.close()
    if total == 0:
        raise InputError(f"{settings.file}: no rows to send")
    return {"topic": settings.topic, "sent": sent.count, "unreadable": total - sent.count, "seconds": sent.seconds}


def describe(result: dict[str, Any]) -> str:
    """Say how many were sent and how fast."""
    unreadable = (
        f"; {result['unreadable']:,} rows do not fit the schema and were not sent" if result["unreadable"] else ""
    )
    rate = result["sent"] / max(result["seconds"], 1e-9)
    return (
        f"sent {result['sent']:,} events to {result['topic']} in {result['seconds']:.1f} s, {rate:,.0f}/s{unreadable}"
    )
