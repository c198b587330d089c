"""A pool of Beam worker processes for Flink's EXTERNAL environment, listening on loopback only.

`python -m beam_jobs.runners.flink.worker_processes PORT FOLDER [MODULE ...]` serves until SIGTERM; the folder tells
pools apart in the process list, and in its `tmp/workers` every worker has a folder for temporary files, such as
TensorFlow leaves behind, which is removed when the worker has ended. Unlike Beam's `worker_pool_main` it listens on one
address, lets workers write to the pool's own log instead of a pipe that nothing reads, ends a worker whose pool has
died, and keeps a `fork_server` which has imported the modules and forks the workers, so that they start in a fraction
of a second.
"""

import json
import logging
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import traceback
import uuid
from collections.abc import Sequence
from typing import Any

import grpc
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc
from apache_beam.utils import thread_pool_executor

from beam_jobs.process.loopback import HOST

_log = logging.getLogger(__name__)
_FORK_SERVER = "beam_jobs.runners.flink.fork_server"
_PATIENCE_S = 10.0
_ANSWER_BYTES = 1 << 16


class Worker:
    """One process that the fork server forked, and the pipe that ends it when this process has ended.

    `end` kills a process that takes more than `patience_s`.
    """

    def __init__(
        self, pid: int, handle: int, pipe: int, patience_s: float = _PATIENCE_S, temp: pathlib.Path | None = None
    ):
        self.pid, self._handle, self._pipe, self._patience_s, self._temp = pid, handle, pipe, patience_s, temp

    def terminate(self) -> None:
        """Tell it to end."""
        self._signal(signal.SIGTERM)

    def end(self) -> None:
        """End it, by SIGKILL if SIGTERM does not."""
        self.terminate()
        if not self._ended():
            _log.warning("process %d did not end within %g s and is killed", self.pid, self._patience_s)
            self._signal(signal.SIGKILL)
            self._ended()
        os.close(self._handle)
        os.close(self._pipe)
        if self._temp is not None:
            shutil.rmtree(self._temp, ignore_errors=True)

    def _signal(self, number: int) -> None:
        try:
            signal.pidfd_send_signal(self._handle, number)
        except ProcessLookupError:
            return

    def _ended(self) -> bool:
        poll = select.poll()
        poll.register(self._handle, select.POLLIN)
        return bool(poll.poll(1000 * self._patience_s))


class ForkServer:
    """The process that imports these modules and forks our workers; another one is started when it has died."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules, self._lock = modules, threading.Lock()
        self._start()

    def fork(self, endpoint: str, worker_id: str, temp: pathlib.Path) -> Worker:
        """Return a new worker whose temporary files are in `temp`, which is made.

        Waits until the modules are imported. Raises `OSError` if there can be none.
        """
        with self._lock:
            try:
                return self._ask(endpoint, worker_id, temp)
            except (ConnectionError, BrokenPipeError):
                _log.warning("the fork server, process %d, has died: another one is started", self._process.pid)
                self._end()
                self._start()
                return self._ask(endpoint, worker_id, temp)

    def close(self) -> None:
        """End it. Workers live on."""
        with self._lock:
            self._end()

    def _start(self) -> None:
        self._socket, requests = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with requests:
            command = [sys.executable, "-m", _FORK_SERVER, str(requests.fileno()), *self._modules]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[requests.fileno()])

    def _ask(self, endpoint: str, worker_id: str, temp: pathlib.Path) -> Worker:
        temp.mkdir(parents=True, exist_ok=True)
        workers_end, pipe = os.pipe()
        try:
            request = json.dumps({"endpoint": endpoint, "id": worker_id, "temp": str(temp)}).encode()
            socket.send_fds(self._socket, [request], [workers_end])
            data, handles, _, _ = socket.recv_fds(self._socket, _ANSWER_BYTES, 1)
            if not data:
                raise ConnectionError(f"the fork server, process {self._process.pid}, died before its answer")
            answer = json.loads(data)
            if "error" in answer:
                raise OSError(answer["error"])
        except BaseException:
            os.close(pipe)
            raise
        finally:
            os.close(workers_end)
        return Worker(answer["pid"], handles[0], pipe, temp=temp)

    def _end(self) -> None:
        self._socket.close()
        self._process.terminate()
        self._process.wait()


class WorkerProcesses(beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolServicer):
    """Starts and stops one process per worker that the runner asks for, each with these modules imported.

    `temp` is the folder of their temporary files, which nothing else uses.
    """

    def __init__(self, modules: Sequence[str], temp: pathlib.Path) -> None:
        shutil.rmtree(temp, ignore_errors=True)  # of a pool that was killed
        self._temp = temp
        self._workers: dict[str, Worker] = {}
        self._lock = threading.Lock()
        self._fork_server = ForkServer(modules)

    def StartWorker(self, request: Any, context: Any) -> Any:  # noqa: N802 - Beam's name
        """Fork a worker for the runner; what fails is answered to it."""
        try:
            temp = self._temp / uuid.uuid4().hex
            worker = self._fork_server.fork(request.control_endpoint.url, request.worker_id, temp)
            with self._lock:
                self._workers[request.worker_id] = worker
            _log.info("worker %s is process %d", request.worker_id, worker.pid)
            return beam_fn_api_pb2.StartWorkerResponse()
        except Exception:
            return beam_fn_api_pb2.StartWorkerResponse(error=traceback.format_exc())

    def StopWorker(self, request: Any, context: Any) -> Any:  # noqa: N802 - Beam's name
        """End a worker, if it is one of ours."""
        with self._lock:
            worker = self._workers.pop(request.worker_id, None)
        if worker is not None:
            worker.end()
        return beam_fn_api_pb2.StopWorkerResponse()

    def close(self) -> None:
        """End all workers."""
        with self._lock:
            workers, self._workers = self._workers, {}
        self._fork_server.close()
        for worker in workers.values():
            worker.terminate()
        for worker in workers.values():
            worker.end()


def main(port: int, folder: str, modules: Sequence[str]) -> None:
    """Serve on a port of loopback until SIGTERM or Ctrl-C; workers have these modules imported."""
    pings = [("grpc.http2.max_pings_without_data", 0), ("grpc.http2.max_ping_strikes", 0), ("grpc.so_reuseport", 0)]
    server = grpc.server(thread_pool_executor.shared_unbounded_instance(), options=pings)
    server.add_insecure_port(f"{HOST}:{port}")
    workers = WorkerProcesses(modules, pathlib.Path(folder) / "tmp" / "workers")
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
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
    os._exit(0)  # threads of the library's pool would hold the interpreter
