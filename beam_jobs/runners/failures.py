"""Why a pipeline failed, in one line: what runners and workers raise, with traces in Python and Java, made ours."""

import contextlib
import logging
import re
from collections.abc import Iterator

from schemas.errors import OnegraphError

_log = logging.getLogger(__name__)

_JAVA_FRAME = re.compile(r"at [\w.$<>/@-]+\(.*\)|\.\.\. \d+ more$")
_STEP = re.compile(r" \[while running .*", re.DOTALL)  # what Beam puts behind a message, with the step's name


@contextlib.contextmanager
def in_one_line() -> Iterator[None]:
    """Turn what a pipeline raises within the block into an `OnegraphError` of one line."""
    try:
        yield
    except OnegraphError as error:
        raise type(error)(_STEP.sub("", str(error))) from None
    except Exception as error:
        _log.debug("pipeline failed", exc_info=True)
        raise as_ours(str(error)) from None


def as_ours(text: str) -> OnegraphError:
    """Return the error that a runner's text is about: the `OnegraphError` that a worker raised, if one is in it.

    >>> as_ours("Error from SDK harness: Traceback\\nschemas.errors.InputError: no such file [while running 'Read']")
    InputError('no such file')
    """
    kinds = {kind.__name__: kind for kind in _kinds(OnegraphError)}
    lines = [_STEP.sub("", line.strip()) for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not _JAVA_FRAME.match(line)]
    for line in reversed(lines):
        name, _, message = line.partition(": ")
        if message and name.rpartition(".")[2] in kinds:
            return kinds[name.rpartition(".")[2]](message)
    return OnegraphError(f"the pipeline failed: {lines[-1] if lines else 'no reason given'}; see the log with -v -v")


def _kinds(kind: type[OnegraphError]) -> Iterator[type[OnegraphError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)
