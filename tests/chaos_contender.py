"""The streaming job as the chaos suite starts it: `python -m tests.chaos_contender OPTIONS OF score_stream`.

It imports everything, says "ready", and begins at the line "go": so a successor can stand by. A later line
"arm COUNT POINT" makes the process kill itself with SIGKILL when it passes that point of `chaos_plan` for the
COUNTth time. It ends when its standard input does: nothing outlives the suite. The product has no hook for any of it.
"""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.chaos_plan import ACKNOWLEDGED, COMMITTED, MID_BUNDLE, SENT

_ON_ITS_WAY_S = 0.005  # so long after the send the broker has the bytes, and nobody has looked at its answer


class _Armed:
    """One point and how often it may still be passed."""

    def __init__(self) -> None:
        self.point, self.left = "", 0

    def passed(self, point: str) -> None:
        if point == self.point:
            self.left -= 1
            if self.left <= 0:
                if point == SENT:
                    time.sleep(_ON_ITS_WAY_S)
                os.kill(os.getpid(), signal.SIGKILL)


_armed = _Armed()


def _between(owner: Any, name: str, before: str, after: str) -> None:
    """Let a method pass one point before and one after it."""
    method: Callable[..., Any] = getattr(owner, name)

    def passing(*arguments: Any, **named: Any) -> Any:
        _armed.passed(before)
        result = method(*arguments, **named)
        _armed.passed(after)
        return result

    setattr(owner, name, passing)


def _listen(lines: Any, go: threading.Event) -> None:
    for line in lines:
        word, _, rest = line.strip().partition(" ")
        if word == "go":
            go.set()
        elif word == "arm":
            count, _, point = rest.partition(" ")
            _armed.point, _armed.left = point, int(count)
    os._exit(9)


def main(argv: list[str]) -> int:
    from beam_jobs import command_line, kafka_client, score_stream  # noqa: F401 - the job is imported before "go"

    _between(kafka_client.Producer, "send", MID_BUNDLE, SENT)
    _between(kafka_client.Consumer, "commit", ACKNOWLEDGED, COMMITTED)
    go = threading.Event()
    threading.Thread(target=_listen, args=(sys.stdin, go), daemon=True).start()
    print("ready", flush=True)
    go.wait()
    logging.getLogger("models.live").setLevel(logging.INFO)
    logging.getLogger("beam_jobs.runners").setLevel(logging.DEBUG)  # where a failure came from
    return command_line.main(["score_stream", *argv])


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)
