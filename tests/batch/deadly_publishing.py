"""Runs that are killed while they publish in an object store: `python -m tests.batch.deadly_publishing`.

One process after the other makes a set, killed before its first change of the store from publishing on, before its
second, and so on until one comes to its end: at `shelf://new/N`, and at `shelf://old/N` and `shelf://older/N`, where a
set is already.
"""

import dataclasses
import os
import signal
from collections.abc import Callable
from typing import Any

from beam_jobs.batch.file_job import new_directory
from beam_jobs.batch.written_files import REJECTED, UnnamedFile, Written
from beam_jobs.file_runs import existing
from beam_jobs.stored.outgoing import Outgoing
from tests.support.object_store import ShelfFileSystem

MOST = 100


def make(address: str, rows: str, deadly: int = 0, during: Callable[[], None] | None = None) -> None:
    """Make a set of two shards that says what rows it has; killed at that change of the store, if there are as many.

    `during` is done before it is published.
    """
    settings = Settings(output=address, existing="rebuild")
    with existing.replaced(settings) as fresh, new_directory(fresh.output, "training_set", {"code": rows}) as made:
        files = []
        for number in range(2):
            file = Outgoing(f"{made.work}/{number}-{rows}")
            file.here.write_text(f"{rows} {number}")
            files.append(UnnamedFile(file.path, (0, number), 1, file.finish()))
        (made.path / "statistics").mkdir()
        (made.path / "statistics" / "train.pb").write_text(rows)
        if during:
            during()
        if deadly:
            _kill_at(deadly)
        made.complete(Written({REJECTED: files}), {})


@dataclasses.dataclass(frozen=True)
class Settings:
    """What of a verb's settings says where it writes."""

    output: str
    existing: str


def _kill_at(deadly: int) -> None:
    done = [0]

    def counted(change: Any) -> Any:
        def changing(*given: Any, **more: Any) -> Any:
            done[0] += 1
            if done[0] == deadly:
                os.kill(os.getpid(), signal.SIGKILL)
            return change(*given, **more)

        return changing

    for name in ("create", "rename", "delete"):
        setattr(ShelfFileSystem, name, counted(getattr(ShelfFileSystem, name)))


def main() -> None:
    """Start one process per change and wait for its end."""
    for address, before in (("shelf://new", False), ("shelf://old", True), ("shelf://older", True)):
        for deadly in range(1, MOST):
            if before:
                make(f"{address}/{deadly}", "before")
            child = os.fork()
            if not child:
                make(f"{address}/{deadly}", "after", deadly=deadly)
                os._exit(0)
            if not os.waitpid(child, 0)[1]:
                break


if __name__ == "__main__":
    main()
