"""One event at a time, as Kafka's tutorials show it: iterate, json.loads, a batch of one row, score, send.

kafka-python on both sides and the same Scorer. Settings: idempotent producer with acks=all and 5 ms of linger, futures
checked and offsets committed every 500 events. No validation, no rejected records, no swap of the model.
"""

import json
import threading
from collections.abc import Mapping
from typing import Any

import kafka
import pyarrow as pa

from benchmarks.rivals.handwritten_loop import prediction
from models.scoring.scorer import Scorer

COMMIT_EVERY = 500


def run(
    servers: str,
    source: str,
    predictions: str,
    group: str,
    scorer: Scorer,
    stop: threading.Event,
    until: Mapping[int, int] | None = None,
) -> int:
    """Score until stopped, or until the offsets in `until` are reached; returns the number of events."""
    consumer = kafka.KafkaConsumer(
        bootstrap_servers=servers,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        consumer_timeout_ms=100,
    )
    producer = kafka.KafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True, linger_ms=5)
    places = [kafka.TopicPartition(source, one) for one in sorted(consumer.partitions_for_topic(source))]
    consumer.assign(places)
    count = 0
    futures: list[Any] = []

    def settle() -> None:
        producer.flush()
        for future in futures:
            future.get(timeout=30)
        futures.clear()
        consumer.commit()

    while not stop.is_set():
        for record in consumer:
            row = json.loads(record.value)
            batch = pa.RecordBatch.from_pylist([row], schema=scorer.schema.arrow_schema)
            (score,) = scorer.score(batch).scores
            place = f"{record.topic}/{record.partition}/{record.offset}"
            futures.append(producer.send(predictions, prediction(place, row, score, scorer), key=record.key))
            count += 1
            if len(futures) == COMMIT_EVERY:
                settle()
            if stop.is_set():
                break
        settle()
        if until and all(consumer.position(place) >= until[place.partition] for place in places):
            break
    producer.close()
    consumer.close()
    return count
