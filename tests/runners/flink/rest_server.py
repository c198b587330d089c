"""A small server that answers as Flink's REST interface does, with jobs that a test gives."""

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

from beam_jobs.runners.flink.rest import FlinkRest


def listed(jid: str, name: str, state: str, at_work: bool = True, started: int = 0) -> dict[str, Any]:
    """A job as the overview lists it, with one task."""
    tasks = {"total": 1, "running": int(at_work), "finished": 0}
    return {"jid": jid, "name": name, "state": state, "start-time": started, "tasks": tasks}


class RestServer(http.server.ThreadingHTTPServer):
    """Has `jobs`, `failures` by job id, their `history`, all that was `asked`; a request ends a job as on Flink."""

    daemon_threads = True

    def __init__(self, jobs: list[dict[str, Any]], failures: dict[str, str], no_savepoint: str | None):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.jobs, self.failures, self.no_savepoint = jobs, failures, no_savepoint
        self.asked: list[str] = []
        self.history: list[str] = []
        self.savepoint_folder: str | None = None

    def client(self) -> FlinkRest:
        return FlinkRest(f"127.0.0.1:{self.server_address[1]}", timeout_s=10)

    def answer(self, method: str, path: str, body: dict[str, Any]) -> Any:
        self.asked.append(f"{method} {path}")
        match path.strip("/").split("/"):
            case ["overview"]:
                return {"taskmanagers": 1}
            case ["jobs", "overview"]:
                return {"jobs": self.jobs}
            case ["jobs", jid]:
                job = self._job(jid)
                if job is not None and method == "PATCH":
                    job["state"] = "CANCELED"
                return job
            case ["jobs", jid, "exceptions"]:
                history = [{"stacktrace": cause} for cause in self.history]
                return {"root-exception": self.failures.get(jid), "exceptionHistory": {"entries": history}}
            case ["jobs", _, "stop"]:
                self.savepoint_folder = body.get("targetDirectory", "file:/savepoints")
                return {"request-id": "1"}
            case ["jobs", jid, "savepoints", "1"]:
                if self.no_savepoint is not None:
                    operation: dict[str, Any] = {"failure-cause": {"stack-trace": f"no\n{self.no_savepoint}\n"}}
                else:
                    job = self._job(jid)
                    assert job is not None
                    job["state"] = "FINISHED"
                    operation = {"location": f"{self.savepoint_folder}/savepoint-1"}
                return {"status": {"id": "COMPLETED"}, "operation": operation}
        return None

    def _job(self, jid: str) -> dict[str, Any] | None:
        return next((job for job in self.jobs if job["jid"] == jid), None)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: RestServer

    def _answer(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        path = self.path.removeprefix("/v1")
        found = self.server.answer(self.command, path, body)
        code, answer = (404, {"errors": [f"no job {path.rpartition('/')[2]}"]}) if found is None else (200, found)
        self.send_response(code)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    do_GET = do_POST = do_PATCH = _answer  # noqa: N815 - the library's names

    def log_message(self, format: str, *arguments: Any) -> None:
        return


@contextlib.contextmanager
def rest_server(
    jobs: list[dict[str, Any]], failures: dict[str, str] | None = None, no_savepoint: str | None = None
) -> Iterator[RestServer]:
    """Serve within the block."""
    with RestServer(jobs, failures or {}, no_savepoint) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
