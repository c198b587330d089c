"""`onegraph simulate`: card transactions with their frauds, of any number, to a file or to a topic.

Arrow and NumPy are imported when transactions are made.
"""

import collections
import datetime
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from beam_jobs.cli import progress
from beam_jobs.cli.settings import Simulate
from beam_jobs.kafka.libraries.choice import open_producer
from beam_jobs.kafka.topics import topics
from beam_jobs.kafka.topics.sending import send_rows

if TYPE_CHECKING:
    import pyarrow as pa

_KEY = "CUSTOMER_ID"
_SCENARIOS = ("none", "large amount", "terminal taken over", "card copied")


def check(settings: Simulate) -> None:
    """Refuse a topic that is not there; what else can be wrong, the settings tell."""
    if settings.topic is not None:
        topics.required(settings.connection, [settings.topic])


def plan(settings: Simulate) -> list[str]:
    """Say what would be made, and where it would go; nothing is."""
    check(settings)
    size = f"{settings.days:,} days" if settings.rows is None else f"{settings.rows:,} rows"
    where = f"written to {settings.output}" if settings.topic is None else f"sent to topic {settings.topic}"
    who = f"{settings.customers:,} customers at {settings.terminals:,} terminals"
    return [f"{size} of {who}, seed {settings.seed}, would be {where}"]


def run(settings: Simulate) -> dict[str, Any]:
    """Make the transactions, in the memory of some days, and write or send them; return how many frauds there are."""
    check(settings)
    counts: collections.Counter[int] = collections.Counter()
    last = [0]
    with progress.step("simulate"):
        counted = _counted(_batches(settings), counts, last)
        where = _write(settings, counted) if settings.topic is None else _send(settings, counted)
    frauds = {_SCENARIOS[scenario]: counts[scenario] for scenario in (1, 2, 3)}
    return {**where, "rows": counts.total(), "days": last[0], "frauds": sum(frauds.values()), "scenarios": frauds}


def describe(result: dict[str, Any]) -> str:
    """Return the result for people."""
    rows, frauds = result["rows"], result["frauds"]
    kinds = ", ".join(f"{count:,} {name}" for name, count in result["scenarios"].items())
    if "topic" in result:
        where = f"{result['topic']}: sent {rows:,} transactions in {result['seconds']:.1f} s"
    else:
        where = f"{result['path']}: {rows:,} transactions"
    return f"{where}, {result['days']:,} days; {frauds:,} frauds, {frauds / max(rows, 1):.2%}: {kinds}"


def _batches(settings: Simulate) -> "Iterator[pa.RecordBatch]":
    from beam_jobs.simulation.card_transactions import CardTransactions
    from beam_jobs.simulation.tables import batches

    world = CardTransactions(settings.customers, settings.terminals, settings.seed)
    first_day = datetime.date.fromisoformat(settings.first_day)
    yield from batches(world, first_day, settings.day_limit, settings.rows, settings.features)


def _counted(
    made: "Iterator[pa.RecordBatch]", counts: collections.Counter[int], last: list[int]
) -> "Iterator[pa.RecordBatch]":
    for batch in made:
        counts.update(batch.column("TX_FRAUD_SCENARIO").to_pylist())
        if batch.num_rows:
            last[0] = batch.column("TX_TIME_DAYS")[-1].as_py() + 1
        progress.advance(batch.num_rows)
        yield batch


def _write(settings: Simulate, made: "Iterator[pa.RecordBatch]") -> dict[str, Any]:
    from beam_jobs.simulation.written import new_file

    with new_file(str(settings.output)) as write:
        for batch in made:
            write(batch)
    return {"path": settings.output}


def _send(settings: Simulate, made: "Iterator[pa.RecordBatch]") -> dict[str, Any]:
    from beam_jobs.batch.event_files import json_events
    from beam_jobs.simulation.written import plain

    def events() -> Iterator[tuple[bytes, bytes]]:
        for batch in made:
            keys = (str(key).encode() for key in batch.column(_KEY).to_pylist())
            yield from zip(keys, json_events(plain(batch)), strict=True)

    producer = open_producer(settings.connection)
    try:
        sent = send_rows(producer, str(settings.topic), events(), settings.rate)
    finally:
        producer.close()
    return {"topic": settings.topic, "seconds": sent.seconds}
