"""A pool of Beam worker processes for Flink's EXTERNAL environment, listening on loopback only.

`python -m beam_jobs.runners.flink.worker_processes PORT FOLDER` serves until SIGTERM. Unlike Beam's
`worker_pool_main` it listens on one address, lets workers write to the pool's own log instead of a pipe that nobody
reads, ends a worker whose pool has died, and keeps a `fork_server` from which workers are forked, so that they start
in a fraction of a second.
"""

import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from typing import Any

import grpc
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc
from apache_beam.utils import thread_pool_executor

from beam_jobs.runners.in_process.worker_threads import HOST

_log = logging.getLogger(__name__)
_PATIENCE_S = 10
_ANSWER_BYTES = 1 << 16


class Worker:
    """One process that the nursery forked, and the life line that ends it when this process is no more."""

    def __init__(self, pid: int, handle: int, life_line: int):
        self.pid, self._handle, self._life_line = pid, handle, life_line

    def terminate(self) -> None:
        """Tell it to end."""
        self._signal(signal.SIGTERM)

    def end(self) -> None:
        """Have it ended, by SIGKILL where it takes its time, and let go of it."""
        self.terminate()
        if not self._ended(_PATIENCE_S):
            _log.warning("process %d did not end within %d s and is killed", self.pid, _PATIENCE_S)
            self._signal(signal.SIGKILL)
            self._ended(_PATIENCE_S)
        os.close(self._handle)
        os.close(self._life_line)

    def _signal(self, number: int) -> None:
        try:
            signal.pidfd_send_signal(self._handle, number)
        except ProcessLookupError:
            return

    def _ended(self, patience_s: float) -> bool:
        poll = select.poll()
        poll.register(self._handle, select.POLLIN)
        return bool(poll.poll(1000 * patience_s))


class Nursery:
    """The process that forks our workers; another one is started when it has died."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._start()

    def fork(self, endpoint: str, worker_id: str) -> Worker:
        """Return a new worker; waits until the nursery has imported what it needs. Raises `OSError` where it cannot."""
        with self._lock:
            try:
                return self._ask(endpoint, worker_id)
            except (ConnectionError, BrokenPipeError):
                _log.warning("the process that workers are forked from, %d, has died: another one", self._process.pid)
                self._end()
                self._start()
                return self._ask(endpoint, worker_id)

    def close(self) -> None:
        """End it. Workers live on."""
        with self._lock:
            self._end()

    def _start(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-m", "beam_jobs.runners.flink.fork_server", str(theirs.fileno())]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])

    def _ask(self, endpoint: str, worker_id: str) -> Worker:
        theirs, ours = os.pipe()
        try:
            socket.send_fds(self._socket, [json.dumps({"endpoint": endpoint, "id": worker_id}).encode()], [theirs])
            data, handles, _, _ = socket.recv_fds(self._socket, _ANSWER_BYTES, 1)
            if not data:
                raise ConnectionError(f"process {self._process.pid}, which forks workers, died before its answer")
            answer = json.loads(data)
            if "error" in answer:
                raise OSError(answer["error"])
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        return Worker(answer["pid"], handles[0], ours)

    def _end(self) -> None:
        self._socket.close()
        self._process.terminate()
        self._process.wait()


class WorkerProcesses(beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolServicer):
    """Starts and stops one process per worker that the runner asks for."""

    def __init__(self) -> None:
        self._workers: dict[str, Worker] = {}
        self._lock = threading.Lock()
        self._nursery = Nursery()

    def StartWorker(self, request: Any, context: Any) -> Any:  # noqa: N802 - Beam's name
        try:
            worker = self._nursery.fork(request.control_endpoint.url, request.worker_id)
            with self._lock:
                self._workers[request.worker_id] = worker
            _log.info("worker %s is process %d", request.worker_id, worker.pid)
            return beam_fn_api_pb2.StartWorkerResponse()
        except Exception:
            return beam_fn_api_pb2.StartWorkerResponse(error=traceback.format_exc())

    def StopWorker(self, request: Any, context: Any) -> Any:  # noqa: N802 - Beam's name
        with self._lock:
            worker = self._workers.pop(request.worker_id, None)
        if worker is not None:
            worker.end()
        return beam_fn_api_pb2.StopWorkerResponse()

    def close(self) -> None:
        """End all workers."""
        with self._lock:
            workers, self._workers = self._workers, {}
        self._nursery.close()
        for worker in workers.values():
            worker.terminate()
        for worker in workers.values():
            worker.end()


def main(port: int) -> None:
    """Serve on a port of loopback until SIGTERM or Ctrl-C."""
    pings = [("grpc.http2.max_pings_without_data", 0), ("grpc.http2.max_ping_strikes", 0), ("grpc.so_reuseport", 0)]
    server = grpc.server(thread_pool_executor.shared_unbounded_instance(), options=pings)
    server.add_insecure_port(f"{HOST}:{port}")
    workers = WorkerProcesses()
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(workers, server)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    server.start()
    _log.info("serving on %s:%d", HOST, port)
    stopped.wait()
    server.stop(grace=1).wait()
    workers.close()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    main(int(sys.argv[1]))
    os._exit(0)  # threads of the library's pool would hold the interpreter
