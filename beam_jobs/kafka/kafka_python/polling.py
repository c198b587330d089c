"""Polls of kafka-python that end at so many bytes; by itself the library counts records only.

What it has fetched stays compressed, and it unpacks one batch of one partition at a time: what a poll hands out is what
takes memory. It reaches into the library's fetcher, hence the narrow version range in setup.py and a test.
"""

import functools
import itertools
from typing import Any

from kafka.consumer.fetcher import Fetcher

_KEY_SIZE, _VALUE_SIZE, _HEADER_SIZE = 10, 11, 12  # fields of ConsumerRecord; -1 if there is none


class ByteBudget:
    """How many bytes the next polls of one consumer may hand out; the record that uses them up is the last one."""

    def __init__(self, fetcher: Any):
        self.left = 0
        self._append = fetcher._append
        fetcher._append = self._appended
        fetcher.PartitionRecords = functools.partial(_BoundedRecords, self)

    def _appended(self, drained: Any, part: Any, max_records: int, update_offsets: bool) -> int:
        """Take records of a partition; say that all were taken that are wanted once the bytes are used up."""
        count = self._append(drained, part, max_records, update_offsets)
        return count if self.left > 0 else max_records


class _BoundedRecords(Fetcher.PartitionRecords):
    def __init__(self, budget: ByteBudget, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        self._budget = budget

    def take(self, n: int | None = None) -> list[Any]:
        """Return up to `n` records; what is wrong behind them is raised by the next call, as the library's own does."""
        self._maybe_raise_next_inline_exception()
        records: list[Any] = []
        left = self._budget.left
        try:
            for record in itertools.islice(self.record_iterator, 0, n):
                records.append(record)
                left -= record[_KEY_SIZE] + record[_VALUE_SIZE] + record[_HEADER_SIZE]
                if left <= 0:
                    break
        except Exception as error:
            if not records:
                raise
            self._next_inline_exception = error
        self._budget.left = left
        return records
