"""The hand-written loop over confluent-kafka: poll, decode, score the poll, produce, flush, check, commit.

The same Scorer, called once per poll. Settings: idempotent producer with acks=all, 5 ms of linger and batches of
256 kB, a poll that takes what is there up to 4,000 records, delivery reports checked, manual commits behind them;
everything else is librdkafka's default. `decode` is json.loads, row by row, or Arrow's JSON reader over the whole poll,
which is faster and takes for granted that every value is one good object. No validation, no rejected records, no swap
of the model.
"""

import io
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import confluent_kafka as confluent
import pyarrow as pa
import pyarrow.json

from benchmarks.rivals.handwritten_loop import prediction
from models.scoring.scorer import Scorer

MOST = 4_000
SHOWN = ["trip_start_timestamp", "trip_seconds", "trip_miles", "fare"]
Decode = Callable[[Sequence[bytes], pa.Schema], tuple[pa.RecordBatch, list[dict[str, Any]]]]


def decode_json(values: Sequence[bytes], schema: pa.Schema) -> tuple[pa.RecordBatch, list[dict[str, Any]]]:
    """Return the values as columns and as rows."""
    rows = [json.loads(value) for value in values]
    return pa.RecordBatch.from_pylist(rows, schema=schema), rows


def decode_arrow(values: Sequence[bytes], schema: pa.Schema) -> tuple[pa.RecordBatch, list[dict[str, Any]]]:
    """Return the values as columns, and what a prediction shows of them as rows."""
    parse = pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    read = pyarrow.json.ReadOptions(use_threads=False, block_size=1 << 26)
    table = pyarrow.json.read_json(io.BytesIO(b"\n".join(values)), read_options=read, parse_options=parse)
    (batch,) = table.select(schema.names).combine_chunks().to_batches()
    return batch, batch.select(SHOWN).to_pylist()


def run(
    servers: str,
    source: str,
    predictions: str,
    group: str,
    scorer: Scorer,
    stop: threading.Event,
    until: Mapping[int, int] | None = None,
    decode: Decode = decode_json,
) -> int:
    """Score until stopped, or until the offsets in `until` are reached; returns the number of events."""
    consumer = confluent.Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    producer = confluent.Producer(
        {
            "bootstrap.servers": servers,
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 5,
            "batch.size": 1 << 18,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    partitions = consumer.list_topics(source, timeout=30).topics[source].partitions
    consumer.assign([confluent.TopicPartition(source, one) for one in partitions])
    reached = dict.fromkeys(partitions, 0)
    failed: list[Any] = []

    def delivered(error: Any, _: Any) -> None:
        if error is not None:
            failed.append(error)

    count = 0
    while not stop.is_set():
        first = consumer.poll(0.1)
        records: list[Any] = [] if first is None else [first, *consumer.consume(MOST - 1, 0)]
        for record in records:
            if record.error():
                raise confluent.KafkaException(record.error())
        if records:
            batch, rows = decode([record.value() for record in records], scorer.schema.arrow_schema)
            scores = scorer.score(batch).scores
            for record, row, score in zip(records, rows, scores, strict=True):
                place = f"{source}/{record.partition()}/{record.offset()}"
                value = prediction(place, row, score, scorer)
                producer.produce(predictions, value, key=record.key(), on_delivery=delivered)
                reached[record.partition()] = record.offset() + 1
            if producer.flush(30) or failed:
                raise SystemExit(f"not sent: {failed[:1]}")
            consumer.commit(asynchronous=False)
            count += len(records)
        if until and all(reached[partition] >= end for partition, end in until.items()):
            break
    consumer.close()
    return count
