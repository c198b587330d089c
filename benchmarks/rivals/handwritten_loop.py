"""What a competent user writes without Onegraph: poll, json.loads, score the poll, send, flush, check, commit.

kafka-python on both sides, as Onegraph uses it; the same Scorer, called once per poll. Settings: idempotent producer
with acks=all, 5 ms of linger and batches of 256 kB (its defaults, 0 ms and 16 kB, drain more slowly), polls of up to
4,000 records, manual commits behind checked futures. No validation, no rejected records, no swap of the model.

    python -m benchmarks.rivals.handwritten_loop SERVERS SOURCE PREDICTIONS REGISTRY

runs it as a process of its own, until SIGTERM.
"""

import json
import signal
import sys
import threading
from collections.abc import Mapping
from typing import Any

import kafka
import pyarrow as pa

from models.registry.registry import Registry
from models.scoring.scorer import Scorer


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
        max_poll_records=4_000,
    )
    producer = kafka.KafkaProducer(
        bootstrap_servers=servers, acks="all", enable_idempotence=True, linger_ms=5, batch_size=1 << 18
    )
    places = [kafka.TopicPartition(source, one) for one in sorted(consumer.partitions_for_topic(source))]
    consumer.assign(places)
    count = 0
    while not stop.is_set():
        polled = consumer.poll(timeout_ms=100)
        records = [record for part in polled.values() for record in part]
        if records:
            rows = [json.loads(record.value) for record in records]
            batch = pa.RecordBatch.from_pylist(rows, schema=scorer.schema.arrow_schema)
            scores = scorer.score(batch).scores
            futures = []
            for record, row, score in zip(records, rows, scores, strict=True):
                value = prediction(f"{record.topic}/{record.partition}/{record.offset}", row, score, scorer)
                futures.append(producer.send(predictions, value, key=record.key))
            producer.flush()
            for future in futures:
                future.get(timeout=30)
            consumer.commit()
            count += len(records)
        if until and all(consumer.position(place) >= until[place.partition] for place in places):
            break
    producer.close()
    consumer.close()
    return count


def prediction(place: str, row: Mapping[str, Any], score: Any, scorer: Scorer) -> bytes:
    """Return the value of a prediction, as Onegraph writes it."""
    value = {
        "id": place,
        "trip_start_timestamp": row["trip_start_timestamp"],
        "trip_seconds": row.get("trip_seconds"),
        "trip_miles": row.get("trip_miles"),
        "fare": row.get("fare"),
        "score": float(score),
        "label": int(score >= scorer.threshold),
        "bundle": scorer.bundle_id,
        "event_time": row["trip_start_timestamp"] * 1000,
    }
    return json.dumps(value).encode()


def main() -> None:
    """Run with the arguments of the command line."""
    servers, source, predictions, registry = sys.argv[1:]
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    run(servers, source, predictions, predictions, Scorer.load(Registry(registry).champion()), stop)


if __name__ == "__main__":
    main()
