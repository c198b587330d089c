"""A small HTTP server that says how the job of this process is doing; it only reads and shows no configuration.

`/metrics` is for Prometheus, `/healthz` (is it alive, does it poll, can it change generations) and `/readyz` (is a
bundle loaded, are partitions assigned, is the pointer read) for what restarts and routes, `/status` is JSON for
people. That page answers only who names this machine (`metrics_hosts.py`), not a web page that had its own name
resolved to it.
"""

import http.server
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from beam_jobs.monitoring import measures
from beam_jobs.monitoring.job_status import Recent, status
from beam_jobs.monitoring.live_watch import LIVE_WATCH
from beam_jobs.monitoring.metrics_hosts import OwnHosts
from beam_jobs.process.loopback import HOST
from beam_jobs.process.run_files import Announced, WorkerMetrics
from schemas.errors import ServiceError

_log = logging.getLogger(__name__)
_TEXT = "text/plain; charset=utf-8"
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
_LOOK_EVERY_S = 1.0


class MetricsEndpoint:
    """Serves until closed. `port` 0 takes a free one; raises `ServiceError` if the port cannot be had.

    Health asks for a poll within `poll_within_s`, the first one within `first_poll_within_s` of the start; None there
    says that this process may have nothing to poll.
    """

    def __init__(
        self,
        job: str,
        host: str = HOST,
        port: int = 0,
        poll_within_s: float = 60,
        first_poll_within_s: float | None = 300,
        clock: Callable[[], float] = time.time,
    ):
        self._job, self._clock, self._started = job, clock, clock()
        self._poll_within_s, self._first_poll_within_s = poll_within_s, first_poll_within_s
        self._hosts = OwnHosts(host)
        self._recent, self._stop = Recent(measures.STORE), threading.Event()
        try:
            self._server = _Server((host, port), self._answer)
        except (OSError, OverflowError) as error:
            raise ServiceError(
                f"--metrics-port {port}: cannot listen on {host}: {error}; choose another one, or 0 for a free one"
            ) from None
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self._server.server_address[1]}"
        self._threads = [
            threading.Thread(target=self._server.serve_forever, args=(0.1,), name="metrics", daemon=True),
            threading.Thread(target=self._look, name="metrics-rates", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()
        for thread in self._threads:
            thread.join()

    def _look(self) -> None:
        while not self._stop.wait(_LOOK_EVERY_S):
            self._recent.look()

    def _answer(self, path: str, asked: str) -> tuple[int, str, bytes] | None:
        """Return code, content type and body, None if there is no such page; `asked` is the request's Host."""
        if path == "/metrics":
            return 200, _PROMETHEUS, measures.STORE.text()
        if path == "/status" and not self._hosts.has(asked):
            return (
                403,
                _TEXT,
                b"ask for it by an address of this machine, its own name, localhost or the name of --metrics-host\n",
            )
        if path == "/status":
            return 200, "application/json", json.dumps(self._status()).encode()
        troubles = {"/healthz": self._unhealthy, "/readyz": self._unready}.get(path)
        if troubles is None:
            return None
        trouble = troubles()
        return 503 if trouble else 200, _TEXT, f"{trouble or 'ok'}\n".encode()

    def _status(self) -> dict[str, Any]:
        now = self._clock()
        about = {"job": self._job, "pid": os.getpid(), "started": self._started, "now": now}
        return about | status(measures.STORE, self._recent, LIVE_WATCH.history(), now)

    def _unhealthy(self) -> str:
        blocked, polling = LIVE_WATCH.blocked(), self._not_polling()
        return ", ".join(filter(None, [blocked, polling]))

    def _not_polling(self) -> str:
        polled, now = measures.STORE.value("last_poll_seconds"), self._clock()
        alive = max(polled, measures.STORE.value("last_hold_seconds"))  # a restart ends no hold
        if alive:
            return f"the reader last polled {now - polled:.0f} s ago" if now - alive > self._poll_within_s else ""
        if self._first_poll_within_s is None or now - self._started <= self._first_poll_within_s:
            return ""
        return f"no poll in {now - self._started:.0f} s"

    def _unready(self) -> str:
        missing = []
        if not measures.STORE.value("generation"):
            missing.append("no bundle is loaded")
        if not measures.STORE.series("lag_events"):
            missing.append("no partitions are assigned")
        missing += filter(None, [LIVE_WATCH.late()])
        return ", ".join(missing)


def announced_worker(metrics: WorkerMetrics) -> Announced:
    """Announce this worker process, with an endpoint of its own on a free port."""
    endpoint = MetricsEndpoint(metrics.job.name, metrics.host, 0, first_poll_within_s=None)
    announced = Announced(metrics.job, endpoint, "worker")
    if metrics.lease is not None:
        announced.add(lease=metrics.lease)
    return announced


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], answer: Callable[[str, str], tuple[int, str, bytes] | None]):
        self.answer = answer
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        _log.debug("a request failed", exc_info=True)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server
    timeout = 10
    server_version, sys_version = "onegraph", ""

    def do_GET(self) -> None:
        found = self.server.answer(self.path.partition("?")[0], self.headers.get("Host", ""))
        code, kind, body = found or (404, _TEXT, b"there are /metrics, /healthz, /readyz and /status\n")
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the library's name

    def log_message(self, format: str, *arguments: Any) -> None:
        _log.debug(format, *arguments)
