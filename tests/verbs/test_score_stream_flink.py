"""`score_stream` on a real Flink: a worker is killed, the job is stopped with a savepoint, another takes over."""

import contextlib
import dataclasses
import functools
import itertools
import json
import os
import pathlib
import re
import signal
import sys
import threading
import time

import pytest

from beam_jobs.cli.command_line import main
from beam_jobs.cli.settings import ScoreStream
from beam_jobs.services import background_process, local_flink
from beam_jobs.verbs import score_stream
from schemas.errors import ServiceError
from tests.services.test_local_flink import listening
from tests.support import waiting
from tests.support.kafka_records import committed, end_of, put
from tests.support.present import present
from tests.verbs.test_score_stream import check_every_event_ended, events, send  # noqa: F401

pytestmark = [pytest.mark.needs_flink, pytest.mark.timeout(900)]

RATE = 300
CHECKPOINT_S, BUDGET_S = 3, 0.5
# a start means processes that import TensorFlow, several at a time
wait_until = functools.partial(waiting.wait_until, patience_s=400)
FROM_A_RING = re.compile(rb"sdf_checkpoint:[0-9a-f]{8}:(\d|1[0-5])")  # see our BundleCheckpointHandlers.java


class Job:
    """`score_stream` in a thread of this process, as it would stand in a terminal."""

    def __init__(self, settings: ScoreStream):
        self.result: dict = {}
        self._error: BaseException | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(settings,), daemon=True)
        self._thread.start()

    def _run(self, settings: ScoreStream) -> None:
        try:
            self.result = score_stream.run(settings, self._stop)
        except BaseException as error:
            self._error = error

    def check(self) -> None:
        if self._error is not None:
            raise self._error

    def checked(self) -> bool:
        """Whether it goes on well."""
        self.check()
        return True

    def leave(self) -> dict:
        """As Ctrl-C."""
        self._stop.set()
        return self.ended()

    def ended(self) -> dict:
        self._thread.join(60)
        self.check()
        assert not self._thread.is_alive()
        return self.result


@pytest.fixture
def settings(broker, topics, registry, flink):
    source = topics("trips", partitions=4)
    return ScoreStream(
        runner="flink",
        services_folder=str(flink),
        beam_args=(f"--checkpointing_interval={1000 * CHECKPOINT_S}",),
        bootstrap_servers=broker,
        registry=str(registry),
        group=source,
        source_topic=source,
        predictions_topic=f"{source}.p",
        rejected_topic=f"{source}.r",
        create_topics=True,
        read_budget_ms=int(1000 * BUDGET_S),
    )


@pytest.fixture
def enough():
    """Tells the sender to end, at the latest when the test does."""
    event = threading.Event()
    yield event
    event.set()


def children(pid: int) -> list[int]:
    """The processes that any thread of a process has started."""
    lists = pathlib.Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for found in lists for child in found.read_text().split()]


def names_of_rests(savepoint: str) -> set[bytes]:
    """The names under which a savepoint keeps what is left to read."""
    files = [file for file in pathlib.Path(savepoint.removeprefix("file:")).rglob("*") if file.is_file()]
    return {name for file in files for name in re.findall(rb"sdf_checkpoint:[\w:-]+", file.read_bytes())}


def cycled(values, stop: threading.Event):
    """The values again and again, until `stop` is set."""
    for value in itertools.cycle(values):
        if stop.is_set():
            return
        yield value


def predictions_of(broker, source) -> int:
    with contextlib.suppress(ServiceError):  # no topic yet
        return end_of(broker, f"{source}.p")
    return 0


def behind(broker, source) -> int:
    """How many events are not committed."""
    return end_of(broker, source) - sum(committed(broker, source, source).values())


def note(what: str, since: float) -> None:
    print(f"{what}: {time.monotonic() - since:.1f} s", file=sys.__stderr__)


def test_killed_saved_and_upgraded_loses_nothing(broker, settings, flink, events, enough, capsys):  # noqa: F811
    source = settings.source_topic
    cluster = local_flink.status(flink / "flink")
    put(broker, source, 0, [b"{", *events[:100]])
    began = time.monotonic()
    first = Job(settings)
    wait_until(lambda: first.checked() and predictions_of(broker, source) == 100, "the first predictions")
    note("first predictions", began)
    assert listening(present(cluster.pids["taskmanager"])) == {"127.0.0.1"}
    sender = threading.Thread(target=send, args=(broker, source, cycled(events, enough), RATE), daemon=True)
    sender.start()
    wait_until(
        lambda: cluster.rest.checkpoints(cluster.rest.jobs()[0]["jid"])["counts"]["completed"] > 1, "a checkpoint"
    )
    scored = end_of(broker, f"{source}.p")
    wait_until(lambda: end_of(broker, f"{source}.p") > scored + RATE, "predictions behind it")

    began = time.monotonic()
    [fork_server] = children(present(cluster.pids["workers"]))
    killed = children(fork_server)
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    assert len(killed) == 2
    killed_at = end_of(broker, f"{source}.p")
    wait_until(
        lambda: first.checked() and end_of(broker, f"{source}.p") > killed_at + RATE, "predictions after the kill"
    )
    note("silence after a worker's kill", began)
    wait_until(lambda: behind(broker, source) < 2 * RATE, "catching up")

    began = time.monotonic()
    assert main(["stop", "--savepoint", "--services-folder", str(flink), "--json"]) == 0
    stopped = json.loads(capsys.readouterr().out.splitlines()[-1])
    note("stop with savepoint", began)
    assert stopped["state"] == "FINISHED"
    ended = first.ended()
    assert ended["flink"]["job"] == stopped["job"]
    assert ended["stopped"]
    assert ended["predictions"] > 0
    names = names_of_rests(stopped["savepoint"])
    assert names
    assert all(map(FROM_A_RING.fullmatch, names)), "a name that is never used again: the checkpoints grow for ever"
    scored_by_first = end_of(broker, f"{source}.p")

    began = time.monotonic()
    second = Job(dataclasses.replace(settings, from_savepoint=stopped["savepoint"], max_batch=500))
    wait_until(lambda: second.checked() and end_of(broker, f"{source}.p") > scored_by_first + RATE, "the second job")
    note("upgrade", began)
    job_server = present(cluster.pids["jobserver"])
    os.kill(job_server, signal.SIGKILL)  # it handed the job over and is not needed any more
    assert background_process.ended(job_server, 10_000)
    local_flink.start(cluster.folder)
    second.check()
    left = second.leave()
    assert left["flink"]["state"] == "RUNNING"
    assert left["predictions"] is None
    assert "goes on without this command" in score_stream.describe(left)
    enough.set()
    sender.join(60)
    wait_until(lambda: behind(broker, source) == 0, "catching up")
    assert main(["stop", left["flink"]["job"][:8], "--services-folder", str(flink)]) == 0
    assert "is CANCELED" in capsys.readouterr().out

    ends = check_every_event_ended(broker, source)
    repeated = end_of(broker, f"{source}.p") + 1 - len(ends)
    print(f"{len(ends)} events, {repeated} repeated", file=sys.__stderr__)
    assert 0 <= repeated <= RATE * (2 * CHECKPOINT_S + 2 * BUDGET_S + 1)
