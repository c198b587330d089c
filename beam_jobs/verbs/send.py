"""`onegraph send`: a file's rows as events, typed by the schema, at a rate."""

from collections.abc import Iterator
from typing import Any

from beam_jobs.batch.event_files import events_of
from beam_jobs.cli.settings import Send
from beam_jobs.kafka.libraries.choice import open_producer
from beam_jobs.kafka.topics import topics
from beam_jobs.kafka.topics.sending import send_rows
from beam_jobs.kafka.topics.topics import Topic
from beam_jobs.stream.event_keys import ColumnKeys, with_keys
from models import use_case
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.errors import InputError, UsageError
from schemas.schema import SERVING, Schema


def check(settings: Send) -> None:
    """Refuse a registry without a champion, a key that is no column, a file without rows, a missing topic."""
    _checked(settings)


def plan(settings: Send) -> list[str]:
    """Say what would be sent where; nothing is."""
    _, _, there = _checked(settings)
    most = "all rows" if settings.limit is None else f"{settings.limit:,} rows at most"
    key = "their number" if settings.key is None else f"their {settings.key}"
    return [
        f"would send {most} of {settings.file} to topic {there.name} ({there.partitions} partitions), keyed by {key}"
    ]


def run(settings: Send) -> dict[str, Any]:
    """Send every row that the schema can read.

    The key of an event is the value of the column that is asked for, none where it is missing, else the number of its
    row, counted from 0, as text.
    """
    schema, keys, _ = _checked(settings)
    events: Any = events_of(settings.file, schema, settings.file_options)
    rows = with_keys(events, keys)
    total = 0
    producer = open_producer(settings.connection)

    def sendable() -> Iterator[tuple[bytes | None, bytes]]:
        nonlocal total
        count = 0
        for number, key, value in rows:
            total = number + 1
            if value is not None:
                yield key, value
                count += 1
                if count == settings.limit:
                    return

    try:
        sent = send_rows(producer, settings.topic, sendable(), settings.rate)
    finally:
        producer.close()
        events.close()  # a limit leaves the file open
    return {"topic": settings.topic, "sent": sent.count, "unreadable": total - sent.count, "seconds": sent.seconds}


def _checked(settings: Send) -> tuple[Schema, ColumnKeys | None, Topic]:
    """Return the schema, what makes the keys, and the topic, once nothing is wrong that can be told."""
    schema = _schema(settings)
    keys = None if settings.key is None else ColumnKeys(settings.key, schema)
    if next(events_of(settings.file, schema, settings.file_options), None) is None:
        raise InputError(f"{settings.file}: no rows to send")
    return schema, keys, topics.required(settings.connection, [settings.topic])[settings.topic]


def _schema(settings: Send) -> Schema:
    """Return the schema that gives the columns their types: of a registry's champion, or of a use case.

    That of JSON lines, which are sent as they are, may be empty.
    """
    if settings.registry is None:
        if settings.use_case is None:
            return Schema.from_text("")
        return use_case.find_schema(settings.use_case, settings.use_case_path).environment(SERVING)
    from beam_jobs.registries.opening import open_registry  # brings Beam, whose filesystems read the registry

    champion = open_registry(settings.registry).champion()
    named = artifact.open_artifact(champion, ArtifactKind.BUNDLE).manifest["use_case"]
    if settings.use_case not in (None, named):
        raise UsageError(
            f"bundle {champion.name} is of use case {named!r}, --use-case is {settings.use_case!r}; give one of the two"
        )
    return Schema.load(champion / "schema.pbtxt").environment(SERVING)


def describe(result: dict[str, Any]) -> str:
    """Say how many were sent and how fast."""
    unreadable = (
        f"; {result['unreadable']:,} rows do not fit the schema and were not sent" if result["unreadable"] else ""
    )
    rate = result["sent"] / max(result["seconds"], 1e-9)
    return (
        f"sent {result['sent']:,} events to {result['topic']} in {result['seconds']:.1f} s, {rate:,.0f}/s{unreadable}"
    )
