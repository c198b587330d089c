"""A running job chosen among a cluster's, and ended: at once, or with a savepoint that another goes on from."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from beam_jobs.runners.flink.rest import ENDED, FlinkRest
from schemas.errors import ServiceError

_TASKS_S = 60.0  # so long a job may take until all its tasks work


@dataclasses.dataclass(frozen=True)
class EndedJob:
    """A job that was ended: its id, its name, the state that it ended in, and where its savepoint is, if it has one."""

    job: str
    name: str
    state: str
    savepoint: str | None = None


def choose(rest: FlinkRest, wanted: str | None) -> dict[str, Any]:
    """Return the running job of an id, the beginning of one, or a name; the only running one if nothing is wanted.

    Raises `ServiceError` if none or several fit.
    """
    return chosen(rest.jobs(), wanted, rest.address)


def chosen(jobs: Sequence[dict[str, Any]], wanted: str | None, address: str) -> dict[str, Any]:
    """Return what `choose` does, of these jobs, as `FlinkRest.jobs` lists those of the cluster at `address`."""
    running = [job for job in jobs if job["state"] not in ENDED]
    if wanted is None:
        fitting = running
    else:
        fitting = [job for job in running if wanted in (job["jid"], job["name"])]
        fitting = fitting or [job for job in running if job["jid"].startswith(wanted)]
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(f"{job['jid']} ({job['name']})" for job in fitting or running)
    if fitting:
        raise ServiceError(f"Flink at {address} runs {len(fitting)} such jobs, name one by its id: {listed}")
    for job in jobs:
        if wanted is not None and wanted in (job["jid"], job["name"]):
            raise ServiceError(f"Flink job {job['jid']} ({job['name']}) is {job['state']} already")
    if wanted is None or not running:
        raise ServiceError(f"Flink at {address} runs no job")
    raise ServiceError(f"Flink at {address} runs no job {wanted!r}; it runs {listed}")


def cancel(rest: FlinkRest, job: dict[str, Any]) -> EndedJob:
    """End a job at once; what it did since its last checkpoint counts no more."""
    return EndedJob(job["jid"], job["name"], rest.cancel(job["jid"]))


def stop(rest: FlinkRest, job: dict[str, Any], savepoint_folder: str | None = None) -> EndedJob:
    """End a job when all that it has read is written, with a savepoint; without a folder in the cluster's own one."""
    rest.wait_for_tasks(job["jid"], _TASKS_S)
    savepoint = rest.stop(job["jid"], savepoint_folder)
    return EndedJob(job["jid"], job["name"], rest.state(job["jid"]), savepoint)
