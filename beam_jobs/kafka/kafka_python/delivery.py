"""A batch on its way over kafka-python, and what a broker's refusal of it means."""

import time
from typing import Any

from kafka import errors

from beam_jobs.kafka import client
from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.errors import not_acknowledged, refused_records
from beam_jobs.kafka.records import Outgoing


class Delivery(client.Delivery):
    """A batch on its way to one partition: some of `records`, the first of which is in row `first`."""

    def __init__(self, servers: Connection | str, batch: Any, records: Outgoing, first: int):
        self._servers, self._batch = servers, batch
        self._records, self._first = records, first
        self.done_at = 0.0
        batch.produce_future.add_both(self._answered)

    def _answered(self, _: Any) -> None:
        self.done_at = time.perf_counter()

    @property
    def done(self) -> bool:
        return self._batch.produce_future.is_done

    def settled(self, timeout_s: float) -> bool:
        return bool(self._batch.produce_future.wait(timeout_s)) and self.done

    def __str__(self) -> str:
        return f"{self._servers}: a batch for {self._partition}"

    @property
    def _partition(self) -> str:
        sent_to = self._batch.topic_partition
        return f"topic {sent_to.topic!r} partition {sent_to.partition}"

    def wait(self, timeout_s: float) -> None:
        future = self._batch.produce_future
        if not future.wait(timeout_s) or not future.is_done:
            raise not_acknowledged(f"{self._servers}: {self._partition}", timeout_s)
        _, _, error_of = future.value if future.succeeded() else (None, None, lambda _: future.exception)
        if error_of is not None:
            raise self._refused([error_of(row) for row in range(self._batch.record_count)])

    def _refused(self, found: list[Any]) -> Exception:
        # One that was only beside a bad one has an error of no kind; that of the whole batch is the same for all.
        bad = [row for row, error in enumerate(found) if type(error) is not errors.KafkaError] or [0]
        first, last = (0, len(found) - 1) if all(error is found[0] for error in found) else (bad[0], bad[0])
        error = found[bad[0]]
        said = error.args[0] if error.args and error.args[0] else getattr(error, "description", "")
        return refused_records(
            f"{self._servers}: {self._partition}",
            self._records.source(self._first + first),
            self._records.source(self._first + last),
            f"{type(error).__name__}: {said}",
        )
