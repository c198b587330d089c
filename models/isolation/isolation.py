"""Which values of a batch crash or hang native code: found in a child process, so that this one lives.

The child is a fresh program, not a fork (forking is unsafe once TensorFlow's threads run), and it is started again
after every value that ends it. First the whole batch is tried, for a process dies of other things too. Then value by
value, the child saying which one it begins: one death finds one culprit. Values that are deadly only together are
halved until the group is small; those that are slow only together until each part has time to spare.
"""

import contextlib
import dataclasses
import json
import multiprocessing
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from schemas.errors import OnegraphError
from schemas.rejection import Reason

_SLICE_S = 1.0  # how long one look at the child takes
Probe = Callable[[Sequence[bytes | None]], object]
# The path comes first: what the child imports, it finds where this process does.
_CHILD = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1])\n"
    "from models.isolation import isolation_child; isolation_child.main()"
)


@dataclasses.dataclass(frozen=True)
class Findings:
    """What a child found: `culprits` by index, and the other indices, ascending, as parts to score one by one.

    One part is all of them, unless they are slow only together.
    """

    culprits: dict[int, Reason]
    parts: list[list[int]]


def find_culprits(
    make_probe: Callable[[], Probe],
    values: Sequence[bytes | None],
    deadline_s: float,
    start_s: float = 300.0,
    most: int = 16,
    alive: Callable[[], None] = lambda: None,
) -> Findings:
    """Find the values that end the process that scores them, NATIVE_CRASH or TIMEOUT, and how to score the others.

    `make_probe` is pickled and called in the child, within `start_s`; the probe that it returns does with values what
    this process would do, within `deadline_s` for the batch and for each single value. What a probe raises does not
    count: that is no crash. Values that are too slow only together come in parts that take half of `deadline_s` at
    most, or are single. `alive` is called again and again meanwhile. Raises `OnegraphError` if the child cannot
    start, and if more than `most` values are culprits: then it is not the records.
    """
    with _Children(make_probe, start_s, deadline_s, alive) as children:
        together = children.try_together(values, deadline_s)
        if together is None:
            return Findings({}, [list(range(len(values)))])
        culprits: dict[int, Reason] = {}
        left = list(range(len(values)))
        while left and (found := children.try_one_by_one([values[row] for row in left])):
            index, reason = found
            culprits[left[index]] = reason
            left = left[index + 1 :]
            _check_number(culprits, values, most)
        rest = [row for row in range(len(values)) if row not in culprits]
        parts: list[list[int]] = []
        waiting = _halves(rest) if together is Reason.TIMEOUT and not culprits else [rest]
        while waiting:
            group = waiting.pop()
            how = children.try_together([values[row] for row in group], deadline_s / 2) if len(group) > 1 else None
            if how is None:
                parts.append(group)
            elif how is Reason.TIMEOUT:
                waiting += _halves(group)
            else:
                deadly = _deadly_group(children, values, group)
                if not deadly:  # it hung on what the child had done before
                    parts.append(group)
                    continue
                culprits |= dict.fromkeys(deadly, Reason.NATIVE_CRASH)
                _check_number(culprits, values, most)
                waiting.append([row for row in group if row not in culprits])
        return Findings(culprits, parts)


def _halves(group: list[int]) -> list[list[int]]:
    """Return a group in two, the first half last: who works from the end of a list takes it first."""
    middle = len(group) // 2
    return [group[middle:], group[:middle]] if middle else [group]


def _deadly_group(children: "_Children", values: Sequence[bytes | None], group: list[int]) -> list[int]:
    """Return a small part of a group that crashes together; none if the group does not do it again."""
    deadly: list[int] = []
    waiting = [group]
    while waiting:
        group = waiting.pop()
        reason = children.try_together([values[row] for row in group], children.deadline_s)
        if reason is Reason.NATIVE_CRASH:
            deadly = group
            waiting = _halves(group) if len(group) > 1 else []
        elif reason is Reason.TIMEOUT and len(group) > 1:  # too slow to tell
            waiting += _halves(group)
    return deadly


def _check_number(culprits: dict[int, Reason], values: Sequence[bytes | None], most: int) -> None:
    if len(culprits) > most:
        raise OnegraphError(
            f"more than {most} of {len(values)} records crash or hang the process that scores them; this is not the "
            "records' fault: roll the bundle back, or compare the installed libraries with its manifest"
        )


class _Children:
    """The child of the moment: started when needed, replaced when dead."""

    def __init__(self, make_probe: Callable[[], Probe], start_s: float, deadline_s: float, alive: Callable[[], None]):
        self._setup = pickle.dumps((make_probe, start_s, deadline_s))
        self._start_s, self.deadline_s, self._alive = start_s, deadline_s, alive
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._end()

    def try_together(self, values: Sequence[bytes | None], deadline_s: float) -> Reason | None:
        """Return why the child did not survive these values at once, None if it did."""
        self._ask([list(values)])
        while not isinstance(answer := self._answer(deadline_s), Reason):
            if answer == "done":
                return None
        return answer

    def try_one_by_one(self, values: Sequence[bytes | None]) -> tuple[int, Reason] | None:
        """Return the index of the first value that the child did not survive and why, None if it survived all."""
        self._ask([[value] for value in values])
        index = 0
        while not isinstance(answer := self._answer(self.deadline_s), Reason):
            if answer == "done":
                return None
            index = int(answer)
        return index, answer

    def _ask(self, groups: list[list[bytes | None]]) -> None:
        if self._process is None:
            self._start()
        with contextlib.suppress(OSError):  # a child that died meanwhile shows in its answer
            self._channel.send_bytes(pickle.dumps(groups))

    def _start(self) -> None:
        self._channel, child_end = multiprocessing.Pipe()
        self._folder = tempfile.TemporaryDirectory(prefix="onegraph-isolation-")  # for the files of one that is killed
        command = [sys.executable, "-c", _CHILD, json.dumps(sys.path), self._folder.name, str(child_end.fileno())]
        # What native code prints before it aborts may quote a record.
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(
            command, stdin=quiet, stdout=quiet, stderr=quiet, pass_fds=[child_end.fileno()], close_fds=True
        )
        child_end.close()
        with contextlib.suppress(OSError):
            self._channel.send_bytes(self._setup)
        answer = self._answer(self._start_s)
        if answer != "ready":
            self._end()
            raise OnegraphError(
                f"the process that looks for deadly records did not start within {self._start_s:g} s: {answer}; "
                "see whether the bundle loads with `onegraph registry verify`, and how much memory is free"
            )

    def _answer(self, timeout_s: float) -> str | Reason:
        """Return the child's next word, or how it ended; then it is gone."""
        try:
            while not self._channel.poll(min(timeout_s, _SLICE_S)):
                self._alive()
                timeout_s -= _SLICE_S
                if timeout_s <= 0:
                    reason = Reason.TIMEOUT
                    break
            else:
                self._alive()
                return self._channel.recv_bytes().decode()
        except (EOFError, OSError):
            reason = Reason.NATIVE_CRASH
        self._end()
        return reason

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._channel.close()
            self._folder.cleanup()
            self._process = None
