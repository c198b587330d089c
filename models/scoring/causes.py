"""Why rows could not be scored, for the log: the kind of the failure and where it was raised, never its text.

The text of an exception may quote a value. Each cause is logged the 1st, 10th, 100th ... time, so that a bad producer
does not fill the log.
"""

import logging
import pathlib
import re
import threading
import traceback
from collections import Counter

_log = logging.getLogger(__name__)
_MOST = 100  # causes that are counted apart; the others count as one
_OTHERS = "other causes"
_ROOT = pathlib.Path(__file__).parents[2]
_LAYERS = ("schemas", "transforms", "models", "beam_jobs")  # the packages below it that are ours
# What TensorFlow puts behind the text of an error, which may quote a value and is not looked at.
_NODE = re.compile(r"\[\[(?:\{\{node )?([\w./>-]+)(?:\}\})?\]\]\s*\[Op:[^\[\]]*\]\s*\Z")


class Causes:
    """The causes of one bundle. Safe for threads."""

    def __init__(self, whose: str):
        self._whose, self._lock = whose, threading.Lock()
        self._times: Counter[tuple[str, str]] = Counter()

    def tell(self, what: str, error: BaseException) -> None:
        """Count a failure, and log it if it is the 1st, 10th ... of its kind; `what` says what failed, in words."""
        cause = what, where_raised(error)
        with self._lock:
            if cause not in self._times and len(self._times) >= _MOST:
                cause = what, _OTHERS
            self._times[cause] += 1
            times = self._times[cause]
        if str(times).strip("0") == "1":
            _log.warning("bundle %s: %s: %s, time %d", self._whose, what, cause[1], times)


def where_raised(error: BaseException) -> str:
    """Return the type of an exception, and the node of the graph or else the file and line where it was raised.

    >>> try:
    ...     int("secret")
    ... except ValueError as error:
    ...     print(where_raised(error).split(":")[0])
    ValueError at <doctest models.scoring.causes.where_raised[0]>
    """
    node = _NODE.search(str(error)) if type(error).__module__.startswith("tensorflow.") else None
    if node:
        return f"{type(error).__name__} at node {node[1]}"
    frames = traceback.extract_tb(error.__traceback__)[-1:]
    where = [f"{_shown(frame.filename)}:{frame.lineno}" for frame in frames]
    return " at ".join([type(error).__name__, *where])


def _shown(file: str) -> str:
    """Return a file of ours from its layer on, any other with the folder that it is in.

    >>> _shown(__file__), _shown("/usr/lib/python3/json/decoder.py")
    ('models/scoring/causes.py', 'json/decoder.py')
    """
    path = pathlib.Path(file)
    parts = path.relative_to(_ROOT).parts if path.is_relative_to(_ROOT) else ()
    return "/".join(parts if parts[:1] and parts[0] in _LAYERS else path.parts[-2:])
