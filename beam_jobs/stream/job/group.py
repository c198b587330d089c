"""The consumer group of a streaming job: taken at its start, given back at its end."""

import contextlib
import dataclasses
import threading
from collections.abc import Iterator

from beam_jobs.cli.settings import ScoreStream
from beam_jobs.kafka.groups import lease as group_lease
from beam_jobs.kafka.groups.position_note import Lease
from beam_jobs.process import process_wide
from beam_jobs.runners import runners
from beam_jobs.stream.job import pipeline
from beam_jobs.stream.read.source import settle_start
from beam_jobs.stream.stream_job import StreamJob
from beam_jobs.stream.write.writer import positions, positions_key


@dataclasses.dataclass
class Held:
    """The group of a job that runs; `job` has its lease.

    `goes_on` says that the job may run on behind the end of this process: on Flink and Dataflow it does until its end
    is known, however the watching ends. Only then is the group given back.
    """

    job: StreamJob
    goes_on: bool

    @property
    def lease(self) -> Lease:
        """The lease with which the job has its group."""
        assert self.job.lease is not None
        return self.job.lease

    def ended(self) -> None:
        """Say that the job has certainly ended."""
        self.goes_on = False


@contextlib.contextmanager
def taken(settings: ScoreStream, job: StreamJob, stop: threading.Event | None = None) -> Iterator[Held]:
    """Hold the group for a job while the block runs; raises `ServiceError` if another job has it.

    `stop` ends the waiting for a job that may still have it. Going on from a savepoint says that the job before has
    ended: nothing is waited for then.
    """
    outlives = not runners.in_this_process(settings.runner)
    wanted = group_lease.new_lease(job.name, outlives)
    group_lease.hold(wanted)
    try:
        at_once = settings.from_savepoint is not None
        lease = settle_start(job, pipeline.read_settings(settings), wanted, at_once, stop)
        held = Held(dataclasses.replace(job, lease=lease), goes_on=outlives)
        key = positions_key(held.job)
        ours = process_wide.borrow(key, lambda: positions(held.job))
        try:
            ours.adopt()
            yield held
        finally:
            if not held.goes_on:
                ours.release()
            process_wide.give_back(key)
    finally:
        group_lease.let_go(wanted)
