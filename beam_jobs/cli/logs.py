"""Log lines and messages to people on standard error, as text or as one JSON object per line.

An object has `time` (ISO 8601, UTC), `level`, `logger`, `message`, `job`, and `exception` if one was logged: its
type and where it was raised, without its text, which may quote what was read. What a terminal would obey is written
as escapes in both forms.
"""

import datetime
import json
import logging
import os
import sys
import traceback

from beam_jobs.reports.terminal_text import shown

FORMATS = TEXT, JSON = ("text", "json")


class _StandardError(logging.StreamHandler):
    """Writes to whatever standard error is when it writes: callers in one process may redirect it between calls."""

    stream = property(lambda self: sys.stderr, lambda self, value: None)


class _JsonLine(logging.Formatter):
    def __init__(self, job: str):
        super().__init__()
        self._job = job

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "job": self._job,
        }
        if record.exc_info and record.exc_info[0]:
            kind, _, where = record.exc_info
            last = traceback.extract_tb(where)[-1:]
            line["exception"] = " ".join([kind.__name__, *(f"at {frame.filename}:{frame.lineno}" for frame in last)])
        return json.dumps(line)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return shown(super().format(record), _LAYOUT)


_LAYOUT = "\n\t"
_PLAIN = _Text("%(asctime)s %(levelname)s %(name)s: %(message)s")
_HANDLER = _StandardError()
_HANDLER.setFormatter(_PLAIN)


def set_up(form: str = TEXT, verb: str = "") -> None:
    """Send the root logger's lines to standard error in this form; `verb` and process id are the name of the job."""
    _HANDLER.setFormatter(_JsonLine(f"{verb}-{os.getpid()}") if form == JSON else _PLAIN)
    if _HANDLER not in logging.getLogger().handlers:
        logging.getLogger().addHandler(_HANDLER)


def say(words: str, level: int = logging.INFO) -> None:
    """Print words to people on standard error as they are, or as a line like the log's if that is JSON."""
    form = _HANDLER.formatter
    if isinstance(form, _JsonLine):
        words = form.format(logging.LogRecord("onegraph", level, "", 0, words.rstrip(), None, None))
    print(shown(words, _LAYOUT), file=sys.stderr, flush=True)
