"""What an exception of code that a user wrote says: one line, with the line of the file that it came from."""

import pathlib
import traceback

from schemas.errors import OnegraphError

_LONGEST = 300  # letters of an exception's words that are shown


def in_one_line(error: BaseException, file: str | pathlib.Path, where: str, what: str) -> str:
    """Return what an exception says, and at which line of a file: `c.py line 3: what NameError: ...`.

    Only for exceptions that saw no data, since their own words are in it.

    >>> in_one_line(ValueError("no\\nroot"), "c.py", "mine/c.py", "label() ended in ")
    'mine/c.py: label() ended in ValueError: no root'
    """
    if isinstance(error, SyntaxError) and error.filename is not None:
        line = error.lineno if _same(error.filename, file) else None
        said = f"{type(error).__name__}: {error.msg}"
    else:
        line = line_in(traceback.extract_tb(error.__traceback__), file)
        said = str(error) if isinstance(error, OnegraphError) else f"{type(error).__name__}: {error}"
        what = "" if isinstance(error, OnegraphError) else what
    at = f" line {line}" if line else ""
    words = " ".join(said.split()).removesuffix(":")
    return f"{where}{at}: {what}{words if len(words) <= _LONGEST else words[:_LONGEST] + ' ...'}"


def line_in(frames: traceback.StackSummary, file: str | pathlib.Path) -> int | None:
    """Return the innermost line of a file among the frames of a stack, None if it has none."""
    return next((frame.lineno for frame in reversed(frames) if _same(frame.filename, file)), None)


def _same(one: str, other: str | pathlib.Path) -> bool:
    return pathlib.Path(one).absolute() == pathlib.Path(other).absolute()
