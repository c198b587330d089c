"""Workers that train one model together, each on a part of the rows: who they are, and what they tell each other.

They meet at a tracker, which the first of them starts. What they say goes over XGBoost's collective, which is part of
the library and needs nothing else; a family of another library may use it for its own sums. Every worker makes the same
calls in the same order.
"""

import atexit
import contextlib
import dataclasses
import math
import os
import socket
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from schemas.errors import InputError, OnegraphError

_EVERYWHERE = "0.0.0.0"
_LOOK_AGAIN_S = 0.2
_DIGITS = 6
_LONGEST_MESSAGE_S = 600
"""What one worker waits for another within a round; one that has ended is noticed at once."""


class WorkerLost(OnegraphError):
    """Another worker of a team has ended or does not answer."""


@dataclasses.dataclass(frozen=True)
class Team:
    """`workers` processes of which this is number `rank`; they meet at `host`, `port`, for at most `patience_s`."""

    rank: int = 0
    workers: int = 1
    host: str = ""
    port: int = 0
    patience_s: float = 600.0

    def part(self, rows: int) -> range:
        """Return which of so many rows are this worker's: parts lie one behind the other and differ by one row at most.

        >>> [Team(rank, 3).part(10) for rank in range(3)]
        [range(0, 3), range(3, 6), range(6, 10)]
        """
        return range(rows * self.rank // self.workers, rows * (self.rank + 1) // self.workers)

    def total(self, values: Sequence[float]) -> list[float]:
        """Return the sums of what every worker says."""
        return [float(value) for value in self.summed(np.array(values, np.float64))]

    def summed(self, values: np.ndarray) -> np.ndarray:
        """Return the sums of every worker's array, number by number, the same bits for all; arrays of one shape."""
        if self.workers == 1:
            return values
        from xgboost import collective

        return collective.allreduce(values, collective.Op.SUM)

    def mean(self, values: np.ndarray, weight: np.ndarray) -> float:
        """Return the weighted mean of what all parts' rows have, [rows] each.

        >>> ALONE.mean(np.array([1.0, 4.0]), np.array([2.0, 1.0]))
        2.0
        """
        total, weights = self.total([np.multiply(values, weight, dtype=np.float64).sum(), weight.sum(dtype=np.float64)])
        return total / weights

    def joined(self, values: np.ndarray) -> np.ndarray:
        """Return what the rows of all parts have, one part behind the other; `values` is what this part's have."""
        return values if self.workers == 1 else np.concatenate(self.gathered(values))

    def gathered(self, value: Any) -> list[Any]:
        """Return what every worker says, the first one's first; a plain value."""
        if self.workers == 1:
            return [value]
        from xgboost import collective

        said: list[Any] = []
        for rank in range(self.workers):
            said += collective.broadcast([value] if rank == self.rank else [], rank)
        return said

    def of_first(self, value: Any) -> Any:
        """Return what the first worker says; what the others say does not count."""
        if self.workers == 1:
            return value
        from xgboost import collective

        return collective.broadcast([value] if self.rank == 0 else [], 0)[0]


ALONE = Team()
"""One process that trains on all rows."""


_LOST = "worker {}: another worker has ended or does not answer; start all of them again"
_WORDS = ("socket", "allreduce", "allgather", "broadcast", "coll_c_api", "comm.cc", "tracker")


@contextlib.contextmanager
def together(team: Team) -> Iterator[None]:
    """Have the workers of a team joined within the block.

    Raises `WorkerLost` if not all come in time, or one ends before the others. A worker that fails does not say
    goodbye, so that the others notice it at once; its process then ends with the exit code of what failed.
    """
    if team.workers == 1:
        yield
        return
    from xgboost import collective
    from xgboost.core import XGBoostError

    ends = time.monotonic() + team.patience_s
    code, kept = [1], list[Any]()
    atexit.register(_end_process, code, kept)
    try:
        tracker = _tracker(team, ends) if team.rank == 0 else None
        kept.append(tracker)
        _join(team, ends)
        if collective.get_rank() != team.rank:
            raise WorkerLost(f"worker {team.rank} was made number {collective.get_rank()}; is a number given twice?")
        yield
        collective.finalize()
        if tracker is not None:
            tracker.wait_for(_LONGEST_MESSAGE_S)
    except OnegraphError as error:
        code[0] = error.exit_code
        raise
    except XGBoostError as error:
        if not is_lost(error):
            raise
        raise WorkerLost(_LOST.format(team.rank)) from None
    atexit.unregister(_end_process)


def _end_process(code: list[int], kept: list[Any]) -> None:
    """End a process that failed within a team: XGBoost's threads that are left crash where Python takes leave.

    Until then the tracker is kept: one that is freed while workers are missing prints a stack.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code[0])


def is_lost(error: Exception) -> bool:
    """Say whether an exception of XGBoost's means that another worker is gone."""
    text = str(error).lower()
    return any(word in text for word in _WORDS)


def _tracker(team: Team, ends: float) -> Any:
    """Return the tracker, running; a port that an earlier one has just left is waited for."""
    from xgboost.core import XGBoostError
    from xgboost.tracker import RabitTracker

    address = _address(team)
    while True:
        try:
            tracker = RabitTracker(team.workers, address, team.port, sortby="task", timeout=math.ceil(team.patience_s))
            tracker.start()
            return tracker
        except XGBoostError as error:
            if "Cannot assign" in str(error) and address != _EVERYWHERE:  # the address is one before this machine
                address = _EVERYWHERE
            elif time.monotonic() > ends or "already in use" not in str(error):
                why = "is taken" if "already in use" in str(error) else "cannot be listened on"
                raise InputError(
                    f"port {team.port} of {address}, where the workers meet, {why}; give another"
                ) from None
            time.sleep(_LOOK_AGAIN_S)


def _join(team: Team, ends: float) -> None:
    """Join; XGBoost itself gives up after a few tries if the first worker is not there yet."""
    from xgboost import collective
    from xgboost.core import XGBoostError

    address = _address(team)
    while True:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                collective.init(
                    dmlc_tracker_uri=address,
                    dmlc_tracker_port=team.port,
                    dmlc_task_id=f"{team.rank:0{_DIGITS}}",
                    dmlc_retry=1,
                    dmlc_timeout=_LONGEST_MESSAGE_S,
                )
            return
        except XGBoostError as error:
            if time.monotonic() > ends or "connect to the tracker" not in str(error):
                raise WorkerLost(
                    f"worker {team.rank}: not all of {team.workers} workers came to {team.host}:{team.port} within "
                    f"{team.patience_s:g} s; look at the others, then start all of them again"
                ) from None
        time.sleep(_LOOK_AGAIN_S)


def _address(team: Team) -> str:
    """Return the address of the host where the workers meet; one without a name yet is waited for by who starts us."""
    try:
        return str(socket.getaddrinfo(team.host, team.port, socket.AF_INET)[0][4][0])
    except OSError as error:
        raise InputError(
            f"worker {team.rank}: host {team.host!r} has no address ({error.strerror}); is it that of worker 0?"
        ) from None
