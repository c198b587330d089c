"""A fork server: the process that Beam workers are forked from. It has imported what they need, so they start at once.

`python -m beam_jobs.runners.flink.fork_server DESCRIPTOR [MODULE ...]` is started by `worker_processes` with its end of
a socket pair and the modules to import. A fork copies one thread only, so nothing that keeps threads of its own may
have begun before it: this process imports and does nothing else, no channel of gRPC, no operation of TensorFlow, and
refuses to fork if Python knows of a second thread. Threads of OpenBLAS and jemalloc, which come with an import, know
how to be forked.

A request is one packet, `{"endpoint": ..., "id": ..., "temp": FOLDER}`, with the end of a pipe that becomes the
worker's standard input: the worker ends when the pipe's other end is closed. The answer is `{"pid": ...}` with a handle
on that process (a pidfd), or `{"error": ...}`. Workers do not depend on the fork server, only on their pipe; the fork
server ends when the socket's other end is closed.
"""

import contextlib
import gc
import importlib
import json
import logging
import os
import socket
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

_log = logging.getLogger(__name__)
_PACKET_BYTES = 1 << 16
_REAP_S = 1.0  # how often it looks for workers that have ended
_WORKER = "beam_jobs.runners.flink.worker"
_NAME = "onegraph-worker"  # of a worker in ps and top, 15 letters at most
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def main(descriptor: int, modules: Iterable[str]) -> None:
    """Import these modules, then fork a worker for every request until the socket's other end is closed."""
    began = time.monotonic()
    for module in (_WORKER, *modules):
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # the collector would write to, and so copy, every page that workers share
    _log.info("workers are forked from process %d, ready after %.1f s", os.getpid(), time.monotonic() - began)
    workers: dict[int, str] = {}
    with socket.socket(fileno=descriptor) as requests:
        requests.settimeout(_REAP_S)
        while True:
            try:
                data, pipes, _, _ = socket.recv_fds(requests, _PACKET_BYTES, 1)
            except TimeoutError:
                _reap(workers)
                continue
            if not data:
                return
            _reap(workers)
            answer(requests, json.loads(data), pipes[0], workers)


def answer(requests: socket.socket, request: Mapping[str, str], pipe: int, workers: dict[int, str]) -> None:
    """Fork the worker of a request and answer it; the worker's id goes into `workers`, by its pid.

    `pipe` becomes the worker's standard input and is closed here.
    """
    handles = []
    try:
        pid = _forked(requests, request, pipe)
        handles.append(os.pidfd_open(pid))  # the pid is still the worker's: only this process can reap it
        workers[pid] = request["id"]
        reply: dict[str, Any] = {"pid": pid}
    except Exception:
        reply = {"error": traceback.format_exc()}
    os.close(pipe)
    socket.send_fds(requests, [json.dumps(reply).encode()], handles)
    for handle in handles:
        os.close(handle)


def _forked(requests: socket.socket, request: Mapping[str, str], pipe: int) -> int:
    if threading.active_count() > 1:
        raise RuntimeError(f"threads {threading.enumerate()} run here: a fork would lose them with the locks they hold")
    pid = os.fork()
    if pid == 0:
        _work(requests, request, pipe)
    return pid


def _work(requests: socket.socket, request: Mapping[str, str], pipe: int) -> NoReturn:
    from beam_jobs.runners.flink import worker

    code = 70
    try:
        requests.close()
        os.dup2(pipe, 0)
        os.close(pipe)
        with contextlib.suppress(OSError), open("/proc/self/comm", "w") as name:
            name.write(_NAME)
        tempfile.tempdir = request["temp"]
        worker.main(request["endpoint"], request["id"])
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # threads of the library's pool would hold the interpreter


def _reap(workers: dict[int, str]) -> None:
    """Wait for the workers that have ended and say how they did."""
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            code = os.waitstatus_to_exitcode(status)
            how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
            _log.info("worker %s, process %d, ended %s", workers.pop(pid, "?"), pid, how)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    main(int(sys.argv[1]), sys.argv[2:])
    os._exit(0)
