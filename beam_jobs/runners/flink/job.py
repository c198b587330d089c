"""A job that was handed to Flink: submitted, found there, watched until it ends or the watching is stopped.

Flink runs it whether this process lives or not, so a signal ends only the watching.
"""

import contextlib
import logging
import re
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import apache_beam as beam
import grpc
from apache_beam.options.pipeline_options import GoogleCloudOptions

from beam_jobs.runners import failures, runners
from beam_jobs.runners.flink.rest import ENDED, FlinkRest, at_work
from schemas.errors import OnegraphError, ServiceError

_log = logging.getLogger(__name__)
_POLL_S = 0.5
_LAST_WORD_S = 10.0
_SAME_CAUSE, _BUSY_TIMES = 3, 10
_BUSY = "Heartbeat of TaskManager"
_NUMBER = re.compile(r"[0-9a-f]*\d[0-9a-f]*")


class FlinkJob:
    """One submitted job of that name; `result` is Beam's. `id` is Flink's own, None if `rest` is not known.

    `say` takes a line for people at every turn. With `rest`, waits until the cluster lists a job of the name that is
    none of the `older` ids; raises the `OnegraphError` for which it does not come.
    """

    def __init__(
        self,
        name: str,
        result: Any,
        rest: FlinkRest | None,
        say: Callable[[str], None],
        older: Collection[str] = (),
    ):
        self.name = name
        self.id: str | None = None
        self._result, self._rest, self._say = result, rest, say
        self._error: Exception | None = None
        self._follower = threading.Thread(target=self._follow, name="flink-job", daemon=True)
        self._follower.start()
        if rest is not None:
            self.id = self._found(rest, older)

    def watch(self, stop: threading.Event, ended: Callable[[], None]) -> str:
        """Return the state that the job ended in, or "RUNNING" as soon as `stop` is set and it goes on by itself.

        `ended` is called once Flink has said that the job has ended, and only then: whatever else is raised, the job
        may go on. Raises the `OnegraphError` that made it fail. While Flink restarts a failed job, the cause is said
        once.
        """
        if self._rest is None or self.id is None:
            return self._watch_beam(stop, ended)
        rest, shown, cause, silent = self._rest, "", "", False
        while not stop.wait(_POLL_S):
            try:
                known = {job["jid"]: _state(job) for job in rest.jobs()}
                last = failure(rest, self.id) if self.id in known else ""
            except ServiceError as error:
                if not silent:
                    self._say(f"{error}; the job is watched again when it does")
                silent = True
                continue
            silent = False
            if self.id not in known:
                raise ServiceError(
                    f"Flink at {rest.address} does not know job {self.id} any more, its JobManager was started anew; "
                    "hand the job in again with --from-savepoint and its last checkpoint"
                )
            state = known[self.id]
            if state in ENDED:
                ended()
            if state == "FAILED":
                raise failures.as_ours(last or "no reason given")
            if state in ENDED:
                return state
            if last and last != cause:
                self._say(f"job {self.id} failed and is started again by Flink: {failures.as_ours(last)}")
            cause = last
            if state != shown:
                self._say(f"job {self.id} ({self.name}) is {state}")
            shown = state
        return "RUNNING"

    def finish(self) -> str:
        """Return the state that a batch job ended in; end one that fails for the same cause again and again.

        A cause that a worker names as an error of ours does not go away: it is raised at once. Others are raised at the
        third time, that a machine is too busy to answer at the tenth. What interrupts the waiting ends the job.
        """
        if self._rest is None or self.id is None:
            return self._watch_beam(threading.Event(), lambda: None)
        rest, shown = self._rest, ""
        try:
            while True:
                time.sleep(_POLL_S)
                listed = next((job for job in rest.jobs() if job["jid"] == self.id), None)
                if listed is None:
                    raise ServiceError(f"Flink at {rest.address} does not know job {self.id} any more; run it again")
                state = _state(listed)
                if state == "FAILED":
                    raise failures.as_ours(failure(rest, self.id) or "no reason given")
                if state in ENDED:
                    return state
                self._give_up_on(rest.failures(self.id))
                if state != shown:
                    self._say(f"job {self.id} ({self.name}) is {state}")
                shown = state
        except BaseException:
            with contextlib.suppress(ServiceError):
                rest.cancel(self.id)
            raise

    def _give_up_on(self, causes: Sequence[str]) -> None:
        """Raise if the newest cause, which stands first, will not go away."""
        if not causes:
            return
        errors = [failures.as_ours(cause) for cause in causes]
        patience = _BUSY_TIMES if _BUSY in causes[0] else _SAME_CAUSE
        same = sum(_cause(error) == _cause(errors[0]) for error in errors)
        if type(errors[0]) is not OnegraphError:
            raise errors[0]
        if same >= patience:
            raise OnegraphError(f"Flink started the job {same} times, and it failed for one cause: {errors[0]}")

    def counters(self) -> dict[str, int] | None:
        """Return our counters of a job that ended, None if the job server does not tell them."""
        self._follower.join(_LAST_WORD_S)
        try:
            return runners.counters(self._result) or None
        except Exception as error:  # a job server that went away, or a job that was cancelled
            _log.warning("the counters of job %s are not known: %s: %s", self.id, type(error).__name__, error)
            return None

    def _found(self, rest: FlinkRest, older: Collection[str]) -> str:
        while True:
            submitted = self._follower.is_alive()  # asked first: a job that has ended is listed all the same
            for job in reversed(rest.jobs()):
                if job["name"] == self.name and job["jid"] not in older:
                    return job["jid"]
            if not submitted:
                raise self._why()
            time.sleep(_POLL_S / 5)

    def _watch_beam(self, stop: threading.Event, ended: Callable[[], None]) -> str:
        self._say(f"job {self.name} is handed over; its state comes from the job server")
        while not stop.wait(_POLL_S):
            if not self._follower.is_alive():
                if self._error is not None:
                    raise self._why()
                ended()
                return "FINISHED"
        return "RUNNING"

    def _why(self) -> OnegraphError:
        return failures.as_ours(str(self._error or "Flink did not take the job; see the job server's log"))

    def _follow(self) -> None:
        try:
            with _quiet():
                self._result.wait_until_finish()
        except Exception as error:
            self._error = error


def submit(pipeline: beam.Pipeline, rest: FlinkRest | None, say: Callable[[str], None]) -> FlinkJob:
    """Hand a pipeline over and return its job; raises the `OnegraphError` for which Flink does not take it."""
    name = pipeline.options.view_as(GoogleCloudOptions).job_name
    older = set() if rest is None else {job["jid"] for job in rest.jobs()}
    say(f"handing job {name} to Flink{'' if rest is None else f' at {rest.address}'}")
    with failures.in_one_line():
        result = _ending_silently(pipeline.run())
    return FlinkJob(name, result, rest, say, older)


def failure(rest: FlinkRest, job: str) -> str:
    """Return why a job failed last, as Flink has it with Beam's traces inside; empty if it never did."""
    return rest.exceptions(job).get("root-exception") or ""


def _cause(error: OnegraphError) -> str:
    """Return what an error says without its numbers, which are others each time."""
    return _NUMBER.sub("0", str(error))


def _state(job: dict[str, Any]) -> str:
    return "STARTING" if job["state"] == "RUNNING" and not at_work(job) else job["state"]


def _ending_silently(result: Any) -> Any:
    """Let the job server's messages end with the server; Beam's thread that reads them would print a stack trace."""

    def while_it_lasts(messages: Iterator[Any]) -> Iterator[Any]:
        with contextlib.suppress(grpc.RpcError):
            yield from messages

    result._message_stream = while_it_lasts(result._message_stream)
    return result


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep off the root logger what Beam writes there of every message of the job server, stack traces and all."""

    def other(record: logging.LogRecord) -> bool:
        return record.module != "portable_runner" or logging.getLogger().isEnabledFor(logging.INFO)

    logging.getLogger().addFilter(other)
    try:
        yield
    finally:
        logging.getLogger().removeFilter(other)
