"""The consumer group of a streaming job: taken at its start, given back at its end."""

import contextlib
import dataclasses
import threading
from collections.abc import Iterator, Mapping

from beam_jobs.cli.settings import ScoreStream
from beam_jobs.kafka.groups import lease as group_lease
from beam_jobs.kafka.groups.position_note import Lease
from beam_jobs.kafka.topics.topics import Topic
from beam_jobs.process import process_wide
from beam_jobs.runners import runners
from beam_jobs.stream.job import pipeline
from beam_jobs.stream.read.source import settle_start
from beam_jobs.stream.write.writer import positions, positions_key


@dataclasses.dataclass
class Held:
    """The group of a job that runs.

    `goes_on` says that the job may run on behind the end of this process: on Flink and Dataflow it does until its end
    is known, however the watching ends. Only then is the group given back.
    """

    lease: Lease
    goes_on: bool

    def ended(self) -> None:
        """Say that the job has certainly ended."""
        self.goes_on = False


@contextlib.contextmanager
def taken(
    settings: ScoreStream, job: str, there: Mapping[str, Topic], stop: threading.Event | None = None
) -> Iterator[Held]:
    """Hold the group for a job while the block runs; raises `ServiceError` where another job has it.

    `stop` ends the waiting for a job that may still have it. Whoever goes on from a savepoint says with it that the job
    before has ended, and waits for nobody.
    """
    outlives = not runners.in_this_process(settings.runner)
    wanted = group_lease.new_lease(job, outlives)
    group_lease.hold(wanted)
    try:
        at_once = settings.from_savepoint is not None
        lease = settle_start(pipeline.source(settings, job, there), wanted, at_once, stop)
        held = Held(lease, goes_on=outlives)
        sink = pipeline.sink(settings, job, there, held.lease)
        key = positions_key(sink)
        ours = process_wide.borrow(key, lambda: positions(sink))
        try:
            ours.adopt()
            yield held
        finally:
            if not held.goes_on:
                ours.release()
            process_wide.give_back(key)
    finally:
        group_lease.let_go(wanted)
