"""A pool of Beam worker processes for Flink's EXTERNAL environment, listening on loopback only.

`python -m beam_jobs.worker_processes PORT FOLDER` serves until SIGTERM. Unlike Beam's `worker_pool_main` it listens
on one address, starts the very Python that runs it, lets workers write to the pool's own log instead of a pipe that
nobody reads, and ends a worker whose pool has died.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
import traceback
from typing import Any

import grpc
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc
from apache_beam.utils import thread_pool_executor

from beam_jobs.worker_pool import HOST

_log = logging.getLogger(__name__)
_PATIENCE_S = 10


class WorkerProcesses(beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolServicer):
    """Starts and stops one process per worker that the runner asks for."""

    def __init__(self) -> None:
        self._processes: dict[str, subprocess.Popen] = {}
        self._lock = threading.Lock()

    def StartWorker(self, request: Any, context: Any) -> Any:  # noqa: N802 - Beam's name
        try:
            command = [sys.executable, "-m", "beam_jobs.flink_worker", request.control_endpoint.url, request.worker_id]
            with self._lock:
                # its standard input is the pool's life line: it ends when the pool does, however that comes
                self._processes[request.worker_id] = subprocess.Popen(command, stdin=subprocess.PIPE)
            _log.info("worker %s is process %d", request.worker_id, self._processes[request.worker_id].pid)
            return beam_fn_api_pb2.StartWorkerResponse()
        except Exception:
            return beam_fn_api_pb2.StartWorkerResponse(error=traceback.format_exc())

    def StopWorker(self, request: Any, context: Any) -> Any:  # noqa: N802 - Beam's name
        with self._lock:
            process = self._processes.pop(request.worker_id, None)
        if process is not None:
            _end(process)
        return beam_fn_api_pb2.StopWorkerResponse()

    def close(self) -> None:
        """End all workers."""
        with self._lock:
            processes, self._processes = self._processes, {}
        for process in processes.values():
            process.terminate()
        for process in processes.values():
            _end(process)


def _end(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        _log.warning("process %d did not end within %d s and is killed", process.pid, _PATIENCE_S)
        process.kill()
        process.wait()


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
