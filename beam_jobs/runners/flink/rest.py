"""The little of Flink's REST interface that we use: is it there, which jobs run, cancel, stop with a savepoint."""

import json
import pathlib
import time
import urllib.error
import urllib.request
from typing import Any

from schemas.errors import ServiceError

_POLL_S = 0.05
ENDED = frozenset({"FINISHED", "CANCELED", "FAILED"})


def at_work(job: dict[str, Any]) -> bool:
    """Say whether a job as `FlinkRest.jobs` lists it has all its tasks at work; RUNNING alone does not mean it."""
    tasks = job["tasks"]
    return job["state"] == "RUNNING" and tasks["running"] + tasks["finished"] == tasks["total"]


class FlinkRest:
    """One cluster's REST interface; `address` is "host:port" or a URL. Every call raises `ServiceError` in one line."""

    def __init__(self, address: str, timeout_s: float = 30):
        self.address, self._timeout_s = address.rstrip("/").removeprefix("http://"), timeout_s
        self._base = self.address if "://" in self.address else f"http://{self.address}"

    def overview(self) -> dict[str, Any]:
        """Return the cluster's `taskmanagers`, `slots-total`, `slots-available`, `jobs-running`, `flink-version`."""
        return self._call("/overview")

    def task_managers(self) -> set[str]:
        """Return the ids of the TaskManagers that are registered; one that was killed stays for a while."""
        return {manager["id"] for manager in self._call("/taskmanagers")["taskmanagers"]}

    def jobs(self) -> list[dict[str, Any]]:
        """Return every job that the cluster remembers with `jid`, `name`, `state`, `start-time` (ms), newest first."""
        return sorted(self._call("/jobs/overview")["jobs"], key=lambda job: -job["start-time"])

    def state(self, job: str) -> str:
        """Return a job's state in Flink's words: INITIALIZING, CREATED, RUNNING, RESTARTING, FINISHED, ..."""
        return self._call(f"/jobs/{job}")["state"]

    def wait_for_end(self, job: str, timeout_s: float) -> str:
        """Wait until a job has ended; returns its state then."""
        deadline = time.monotonic() + timeout_s
        while (state := self.state(job)) not in ENDED:
            if time.monotonic() > deadline:
                raise ServiceError(
                    f"Flink job {job} is {state} after {timeout_s:g} s, wanted {' or '.join(sorted(ENDED))}; "
                    "look into the cluster's logs"
                )
            time.sleep(_POLL_S)
        return state

    def wait_for_tasks(self, job: str, timeout_s: float) -> None:
        """Wait until every task of a running job works; a worker that imports what it needs takes its time."""
        deadline = time.monotonic() + timeout_s
        while True:
            listed = next((other for other in self.jobs() if other["jid"] == job), None)
            if listed is None or listed["state"] in ENDED:
                raise ServiceError(f"Flink job {job} is {listed['state'] if listed else 'not known any more'}")
            if at_work(listed):
                return
            if time.monotonic() > deadline:
                raise ServiceError(f"Flink job {job} has not all its tasks at work after {timeout_s:g} s; try again")
            time.sleep(_POLL_S)

    def cancel(self, job: str, timeout_s: float = 60) -> str:
        """Cancel a job and return the state that it ended in; what it did since its last checkpoint counts no more."""
        self._call(f"/jobs/{job}", method="PATCH")
        return self.wait_for_end(job, timeout_s)

    def stop(self, job: str, folder: str | pathlib.Path | None, timeout_s: float = 120) -> str:
        """Write a savepoint, end the job exactly there, and return its location; `folder` None is the cluster's own.

        Flink's own drain is not for us: a splittable DoFn that is never done keeps it waiting for ever.
        """
        body: dict[str, Any] = {"drain": False}
        if folder is not None:
            local = "://" not in str(folder)
            body["targetDirectory"] = pathlib.Path(folder).absolute().as_uri() if local else str(folder)
        location = self._written(job, self._call(f"/jobs/{job}/stop", body), timeout_s)
        self.wait_for_end(job, timeout_s)
        return location

    def _written(self, job: str, request: dict[str, Any], timeout_s: float) -> str:
        deadline = time.monotonic() + timeout_s
        while True:
            answer = self._call(f"/jobs/{job}/savepoints/{request['request-id']}")
            if answer["status"]["id"] == "COMPLETED":
                break
            if time.monotonic() > deadline:
                raise ServiceError(f"Flink job {job}: no savepoint after {timeout_s:g} s; look into the cluster's logs")
            time.sleep(_POLL_S)
        operation = answer["operation"]
        if "failure-cause" in operation:
            cause = operation["failure-cause"]["stack-trace"].strip().splitlines()
            causes = [line.strip() for line in cause if line.startswith("Caused by: ")] or [cause[0].strip()]
            raise ServiceError(f"Flink job {job}: no savepoint: {causes[-1]}; the job runs on")
        return operation["location"]

    def exceptions(self, job: str) -> dict[str, Any]:
        """Return what made a job fail: `root-exception`, a Java stack trace or None, and more."""
        return self._call(f"/jobs/{job}/exceptions")

    def failures(self, job: str) -> list[str]:
        """Return why a job failed, each time that it was started again, the newest first: Java stack traces."""
        history = self.exceptions(job).get("exceptionHistory") or {}
        return [entry["stacktrace"] for entry in history.get("entries", [])]

    def checkpoints(self, job: str) -> dict[str, Any]:
        """Return the `counts` of a job's checkpoints and, under `latest`, the newest `completed` one and more."""
        return self._call(f"/jobs/{job}/checkpoints")

    def _call(self, path: str, body: dict[str, Any] | None = None, method: str | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._base}/v1{path}", data, method=method)
        request.add_header("Content-Type", "application/json")
        try:
            # no proxy: a variable of the environment must not send a loopback call elsewhere
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(request, timeout=self._timeout_s) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            with error:
                why = _first_line(error.read())
            raise ServiceError(f"Flink at {self.address} answers {error.code} to {path}: {why}") from None
        except (OSError, ValueError) as error:
            raise ServiceError(
                f"Flink at {self.address} does not answer: {getattr(error, 'reason', error)}; "
                "is it up? `onegraph services status`"
            ) from None


def _first_line(body: bytes) -> str:
    try:
        return json.loads(body)["errors"][0].strip().splitlines()[0]
    except (ValueError, LookupError, TypeError, AttributeError):
        return "no reason given"
