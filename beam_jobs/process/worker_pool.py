"""Processes that do parts of this one's work, each a call at a time: `pool_worker` at their end.

What a call needs that is dear to make, such as a graph that is loaded, is a `Task`: a small value that every process
prepares once. A process ends when this one does, however it ends.
"""

import concurrent.futures
import contextlib
import dataclasses
import os
import pickle
import queue
import socket
import subprocess
import sys
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from typing import Any, Protocol

from beam_jobs.process import installation
from schemas.errors import OnegraphError

_PROGRAM = "beam_jobs.process.pool_worker"
_AHEAD_HERE, _AHEAD_PER_WORKER = 2, 2

_pools: dict[str, "WorkerPool"] = {}


class Task(Protocol):
    """What is to be done, as a value that can be pickled."""

    def prepare(self) -> Callable[[Any], Any]:
        """Return the function of one element; called once in every process that takes part."""


class WorkerPool:
    """So many processes with these modules imported, forked from one that has imported them. `name` finds it again."""

    def __init__(self, workers: int, modules: Sequence[str]):
        self.name = uuid.uuid4().hex
        self.workers = workers
        self._threads = concurrent.futures.ThreadPoolExecutor(workers, "pool")
        self._idle: queue.SimpleQueue[Connection] = queue.SimpleQueue()
        pairs = [socket.socketpair() for _ in range(workers)]
        theirs = [pair[1].fileno() for pair in pairs]
        command = [sys.executable, "-m", _PROGRAM, ",".join(map(str, theirs)), *modules]
        environment = os.environ | installation.child_environment()
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=theirs, env=environment)
        self._connections = [Connection(ours.detach()) for ours, _ in pairs]
        for _, other in pairs:
            other.close()
        for connection in self._connections:
            self._idle.put(connection)
        _pools[self.name] = self

    def submit(self, key: str, task: bytes, element: Any) -> "concurrent.futures.Future[Any]":
        """Have a process do a pickled task, known by its key, with an element; raises what that raised."""
        return self._threads.submit(self._call, key, task, element)

    def close(self) -> None:
        """End the processes; calls that no process has begun are dropped."""
        _pools.pop(self.name, None)
        self._threads.shutdown(wait=False, cancel_futures=True)
        for connection in self._connections:
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as same:
                same.shutdown(socket.SHUT_RDWR)  # who waits for an answer is told
        self._threads.shutdown()
        for connection in self._connections:
            connection.close()
        self._process.wait()

    def _call(self, key: str, task: bytes, element: Any) -> Any:
        connection = self._idle.get()
        try:
            connection.send_bytes(pickle.dumps((key, task, element), pickle.HIGHEST_PROTOCOL))
            failed, result = pickle.loads(connection.recv_bytes())
        except (EOFError, OSError):
            raise OnegraphError(
                "a worker process has ended, as one does that the machine has no memory for; run again with fewer "
                "--workers"
            ) from None
        finally:
            self._idle.put(connection)
        if failed:
            raise result
        return result


@contextlib.contextmanager
def worker_pool(workers: int, modules: Sequence[str]) -> Iterator[str | None]:
    """Have a pool within the block and yield its name; None, and no process, for one worker: this process."""
    if workers == 1:
        yield None
        return
    pool = WorkerPool(workers, modules)
    try:
        yield pool.name
    finally:
        pool.close()


@dataclasses.dataclass(frozen=True)
class SharedTask:
    """A task and the pool that does it, which exists in the process that made it.

    Elsewhere, and without a pool, it is done where it is opened.
    """

    task: Task
    pool: str | None
    key: str = dataclasses.field(default_factory=lambda: uuid.uuid4().hex)

    def open(self) -> "OpenTask":
        """Return what takes elements."""
        pool = None if self.pool is None else _pools.get(self.pool)
        return _Here(self.task) if pool is None else _InPool(self, pool)


class OpenTask:
    """Takes elements and gives their results in the order of the elements, a few elements later."""

    _ahead: int

    def __init__(self) -> None:
        self._waiting: deque[concurrent.futures.Future[Any]] = deque()

    def begin(self) -> None:
        """Get ready for elements."""

    def _submit(self, element: Any) -> "concurrent.futures.Future[Any]":
        raise NotImplementedError

    def take(self, element: Any) -> Iterator[Any]:
        """Take an element and yield the results that are due."""
        self._waiting.append(self._submit(element))
        while len(self._waiting) > self._ahead:
            yield self._waiting.popleft().result()

    def rest(self) -> Iterator[Any]:
        """Yield the results of all elements."""
        while self._waiting:
            yield self._waiting.popleft().result()


class _Here(OpenTask):
    """In a thread of this process: decoding and TensorFlow leave the interpreter to others for most of their time."""

    _ahead = _AHEAD_HERE

    def __init__(self, task: Task):
        super().__init__()
        self._call = task.prepare()

    def begin(self) -> None:
        self._waiting.clear()
        self._thread = concurrent.futures.ThreadPoolExecutor(1)

    def _submit(self, element: Any) -> "concurrent.futures.Future[Any]":
        return self._thread.submit(self._call, element)

    def rest(self) -> Iterator[Any]:
        yield from super().rest()
        self._thread.shutdown()


class _InPool(OpenTask):
    def __init__(self, shared: SharedTask, pool: WorkerPool):
        super().__init__()
        self._key, self._task, self._pool = shared.key, pickle.dumps(shared.task), pool
        self._ahead = _AHEAD_PER_WORKER * pool.workers

    def begin(self) -> None:
        self._waiting.clear()

    def _submit(self, element: Any) -> "concurrent.futures.Future[Any]":
        return self._pool.submit(self._key, self._task, element)
