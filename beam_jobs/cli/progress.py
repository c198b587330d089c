"""Progress on standard error: what a verb is doing now, rows so far, and the seconds that each step took.

A step shows itself only on a terminal and only if no other step does: a verb called by another verb is silent.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Iterator

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner

_WIDTH = 66
_lock = threading.Lock()
_rows = 0
_shown = False


def advance(rows: int) -> None:
    """Count rows of the step that is shown, from any thread of this process."""
    global _rows
    with _lock:
        _rows += rows


@contextlib.contextmanager
def step(name: str, always: bool = False) -> Iterator[None]:
    """Show a step while it runs and, once it is done, its rows and seconds; a step that fails leaves no line.

    `always` prints the line of the end without a terminal too.
    """
    global _rows, _shown
    console = Console(stderr=True, highlight=False)
    if _shown or not (always or console.is_terminal) or not logging.getLogger().isEnabledFor(logging.WARNING):
        yield
        return
    begin, _rows, _shown = time.monotonic(), 0, True
    spinner = Spinner("dots")

    def now() -> Spinner:
        spinner.update(text=line(name, _rows, time.monotonic() - begin))
        return spinner

    moving = Live(console=console, get_renderable=now, refresh_per_second=8, transient=True)
    try:
        with moving if console.is_terminal else contextlib.nullcontext():
            yield
    finally:
        _shown = False
    console.print(line(name, _rows, time.monotonic() - begin), markup=False)


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
