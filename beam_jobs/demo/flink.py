"""What the demo does differently on Flink: a cluster for it, a job that is named, stopped there and awaited."""

import contextlib
import pathlib
from collections.abc import Iterator
from typing import Any

from beam_jobs.cli import settings
from beam_jobs.runners.flink import stopping
from beam_jobs.services import local_flink
from beam_jobs.stream.job.process import StreamProcess
from beam_jobs.stream.job.worker_modules import WORKER_MODULES
from schemas.errors import OnegraphError


@contextlib.contextmanager
def cluster(given: settings.Demo) -> Iterator[None]:
    """If the demo runs on Flink, use the local cluster; one that does not run is started, and stopped at the end."""
    folder = _folder(given)
    if given.runner != "flink" or any(local_flink.status(folder).pids.values()):
        yield
        return
    local_flink.start(folder, worker_modules=WORKER_MODULES)
    try:
        yield
    finally:
        local_flink.stop(folder)


def options(given: settings.Demo, name: str) -> tuple[str, ...]:
    """Return the streaming job's options that say where and under which name it runs."""
    where = ("--runner", given.runner)
    if given.runner != "flink":
        return where
    return (*where, "--services-folder", given.services_folder, f"--job_name={name}")


@contextlib.contextmanager
def cancelled_on_error(given: settings.Demo, name: str) -> Iterator[None]:
    """Do not leave a job on Flink behind when the demo fails: the command that watches it is not the job."""
    try:
        yield
    except BaseException:
        if given.runner == "flink":
            with contextlib.suppress(OnegraphError):
                rest = local_flink.status(_folder(given)).rest
                stopping.cancel(rest, stopping.choose(rest, name))
        raise


def end(given: settings.Demo, name: str, job: StreamProcess) -> dict[str, Any]:
    """End the streaming job when it has written all that it has read; return its summary."""
    if given.runner != "flink":
        return job.stop()
    rest = local_flink.status(_folder(given)).rest
    stopping.stop(rest, stopping.choose(rest, name))
    return job.summary()


def _folder(given: settings.Demo) -> pathlib.Path:
    return pathlib.Path(given.services_folder) / "flink"
