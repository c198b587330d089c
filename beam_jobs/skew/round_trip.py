"""Raw records through a real broker: sent as events to topics made for this, scored there, read back."""

import json
import uuid
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.libraries.choice import open_producer
from beam_jobs.kafka.topics import topics
from beam_jobs.kafka.topics.contents import read_topic
from beam_jobs.kafka.topics.sending import send_rows

_PARTITIONS = 4


class Topics(NamedTuple):
    """The topics of one round trip."""

    source: str
    predictions: str
    rejected: str


def round_trip(
    servers: Connection, events: Iterable[tuple[str, bytes]], score: Callable[[Topics], object]
) -> list[tuple[str, dict[str, Any]]]:
    """Send (id, event) pairs, have `score` make predictions of all of them; return (id, prediction) pairs.

    The topics are gone afterwards.
    """
    made = uuid.uuid4().hex[:8]
    names = Topics(*(f"check-skew-{made}-{part}" for part in Topics._fields))
    topics.create(servers, topics.for_scoring(*names, _PARTITIONS, topics.DEFAULT_MESSAGE_BYTES))
    try:
        producer = open_producer(servers)
        try:
            send_rows(producer, names.source, ((name.encode(), event) for name, event in events))
        finally:
            producer.close()
        score(names)
        sent = {
            f"{names.source}/{event.partition}/{event.offset}": str(event.key, "utf-8")
            for event in read_topic(servers, names.source)
            if event.key is not None
        }
        found = (record.value for record in read_topic(servers, names.predictions))
        predictions = (json.loads(value) for value in found if value is not None)
        return [(sent[one["id"]], one) for one in predictions]  # a prediction may have another key
    finally:
        topics.delete(servers, names)
