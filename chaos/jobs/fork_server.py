"""A fork server of the streaming job's processes: `python -m chaos.jobs.fork_server`.

It imports everything once and forks a process for every start of the job: so a successor is there at once, and a kill
costs no import. A line of standard input is one of

    {"start": OPTIONS OF score_stream, "log": FILE, "temporary": FOLDER}
    {"arm": PID, "point": POINT, "count": N}     the process kills itself when it passes the point for the Nth time

and a line of standard output says what became of it: `{"pid": PID}`, `{"ended": PID, "code": CODE}`. It ends, and
every process with it, when its standard input does: nothing outlives the suite. The points are those of `chaos.plan`;
the product has no hook for any of this.
"""

import json
import logging
import os
import select
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn

from chaos.plan import ACKNOWLEDGED, COMMITTED, MID_BUNDLE, SENT

_UNTIL_SENT_S = 0.005  # so long after the send the broker has the bytes, and its answer was not looked at yet
_WAIT_S = 0.02


class _Armed:
    """One point and how often it may still be passed."""

    def __init__(self) -> None:
        self.point, self.left = "", 0

    def passed(self, point: str) -> None:
        if point == self.point:
            self.left -= 1
            if self.left <= 0:
                if point == SENT:
                    time.sleep(_UNTIL_SENT_S)
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


def main() -> None:
    """Serve until standard input ends."""
    from beam_jobs.cli import command_line
    from beam_jobs.kafka.groups import positions
    from beam_jobs.kafka.kafka_python import producer as kafka_python
    from beam_jobs.kafka.librdkafka import producer as librdkafka
    from beam_jobs.runners import failures
    from beam_jobs.stream.job import running
    from models.live import live

    del command_line, running  # imported before the first fork
    for library in (kafka_python, librdkafka):
        _between(library.Producer, "send", MID_BUNDLE, SENT)
    _between(positions.GroupPositions, "commit", ACKNOWLEDGED, COMMITTED)
    logging.getLogger(live.__name__).setLevel(logging.INFO)
    logging.getLogger(failures.__name__).setLevel(logging.DEBUG)  # it shows what a failure came from
    _answer(ready=os.getpid())
    children: dict[int, int] = {}  # pid to the pipe that leads to it
    rest = b""
    while True:
        if select.select([0], [], [], _WAIT_S)[0]:
            data = os.read(0, 1 << 16)
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                _carry_out(json.loads(line), children)
        _reap(children)


def _carry_out(order: dict[str, Any], children: dict[int, int]) -> None:
    if "start" in order:
        ours, to_child = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(to_child)
            for pipe in children.values():
                os.close(pipe)
            _run_job(order["start"], order["log"], order["temporary"], ours)
        os.close(ours)
        children[pid] = to_child
        _answer(pid=pid)
    elif order["arm"] in children:
        os.write(children[order["arm"]], f"{order['count']} {order['point']}\n".encode())


def _reap(children: dict[int, int]) -> None:
    for pid in list(children):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            os.close(children.pop(pid))
            _answer(ended=pid, code=os.waitstatus_to_exitcode(status))


def _run_job(argv: list[str], log: str, temporary: str, orders: int) -> NoReturn:
    from beam_jobs.cli import command_line

    code = 70
    try:
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        for stream in (1, 2):
            os.dup2(out, stream)
        tempfile.tempdir = temporary
        threading.Thread(target=_listen, args=(orders,), daemon=True).start()
        code = command_line.main(["score_stream", *argv])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _listen(orders: int) -> None:
    with os.fdopen(orders) as lines:
        for line in lines:
            count, _, point = line.strip().partition(" ")
            _armed.point, _armed.left = point, int(count)
    os._exit(9)  # the fork server has ended


def _answer(**what: Any) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    main()
    os._exit(0)
