"""Progress on standard error: what a verb is doing now, rows so far and how fast, and the seconds that a step took.

A step shows itself all the time on a terminal, and by a line a minute elsewhere; only one does at a time: a verb called
by another verb is silent.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner

from beam_jobs.cli import logs

EVERY_S = 60.0
_WIDTH = 66
_LEAST_SHARE = 0.02  # of the work: before it is done, its seconds say little about the rest
_lock = threading.Lock()
_rows = _rejected = 0
_shown = False

Share = Callable[[], float | None]


def advance(rows: int, rejected: int = 0) -> None:
    """Count rows of the step that is shown, and rejected ones, from any thread of this process."""
    global _rows, _rejected
    with _lock:
        _rows += rows
        _rejected += rejected


def share_of(rows: int) -> Share:
    """Return what says which share of so many rows has been counted, for a step that counts them."""
    return lambda: _rows / rows if rows else None


@contextlib.contextmanager
def step(name: str, always: bool = False, share: Share | None = None) -> Iterator[None]:
    """Show a step while it runs and, once it is done, its rows and seconds; a step that fails leaves no line.

    `always` prints the line of the end without a terminal too. `share` says how much of the work is done, 0 to 1, or
    None if that is not known; an end is estimated from it. Within a step that is shown a step is not, and counts its
    rows from none: the one that is shown never tells the same rows twice.
    """
    global _rows, _rejected, _shown
    console = Console(stderr=True, highlight=False)
    if _shown:
        with _lock:
            _rows = _rejected = 0
        yield
        return
    if not logging.getLogger().isEnabledFor(logging.WARNING):
        yield
        return
    terminal = console.is_terminal
    begin, _rows, _rejected, _shown = time.monotonic(), 0, 0, always or terminal

    def state() -> str:
        return so_far(name, _rows, _rejected, time.monotonic() - begin, None if share is None else share())

    try:
        with _moving(console, state) if terminal else _line_a_minute(state):
            yield
    finally:
        _shown = False
    if always or terminal:
        console.print(line(name, _rows, time.monotonic() - begin), markup=False)


def _moving(console: Console, state: Callable[[], str]) -> Live:
    spinner = Spinner("dots")

    def now() -> Spinner:
        spinner.update(text=state())
        return spinner

    return Live(console=console, get_renderable=now, refresh_per_second=8, transient=True)


@contextlib.contextmanager
def _line_a_minute(state: Callable[[], str]) -> Iterator[None]:
    ended = threading.Event()

    def tell() -> None:
        while not ended.wait(EVERY_S):
            logs.say(f"onegraph: {state()}")

    thread = threading.Thread(target=tell, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class NumberedSteps:
    """Steps of a known count, `1/6 build`, each with its seconds on standard error, on a terminal or not."""

    def __init__(self, count: int):
        self._count, self._number = count, 0

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        self._number += 1
        with step(f"{self._number}/{self._count} {name}", always=True):
            yield


def line(name: str, rows: int, seconds: float) -> str:
    """Return a step's line.

    >>> line("read and analyze", 15_002, 13.94)
    'read and analyze, 15,002 rows                                       13.9 s'
    """
    what = f"{name}, {rows:,} rows" if rows else name
    return f"{what:<{_WIDTH}}{seconds:>6.1f} s"


def so_far(name: str, rows: int, rejected: int, seconds: float, share: float | None) -> str:
    """Return the line of a step that goes on.

    >>> so_far("read", 120_000, 3, 5.0, 0.25)
    'read, 120,000 rows, 3 rejected, 24,000 rows/s, 5 s, about 15 s left'
    >>> so_far("train on 10 rows", 0, 0, 61.4, None)
    'train on 10 rows, 61 s'
    """
    parts = [name]
    if rows:
        parts += [f"{rows:,} rows", f"{rejected:,} rejected", f"{rows / max(seconds, 0.1):,.0f} rows/s"]
    parts.append(f"{seconds:.0f} s")
    if share is not None and share >= _LEAST_SHARE:
        parts.append(f"about {seconds * (1 / min(share, 1.0) - 1):.0f} s left")
    return ", ".join(parts)
