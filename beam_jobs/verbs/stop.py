"""`onegraph stop`: end a job on Flink, at once or with a savepoint that another job goes on from."""

from collections.abc import Sequence
from typing import Any

from beam_jobs.cli.settings import Stop
from beam_jobs.runners.flink import cluster
from beam_jobs.runners.flink.rest import ENDED, FlinkRest
from schemas.errors import ServiceError, UsageError

_TASKS_S = 60.0


def check(settings: Stop) -> tuple[FlinkRest, dict[str, Any]]:
    """Return the cluster and the job that is meant; refuse what does not name one that runs."""
    if settings.savepoint and settings.drain:
        raise UsageError("--savepoint and --drain: give one of them")
    if settings.savepoint_folder is not None and not (settings.savepoint or settings.drain):
        raise UsageError("--savepoint-folder without --savepoint: nothing would be written there")
    beam_args = () if settings.flink_master is None else (f"--flink_master={settings.flink_master}",)
    rest = cluster.find(beam_args, settings.services_folder).rest
    if rest is None:
        raise UsageError(f"--flink-master {settings.flink_master}: wanted host:port of Flink's REST interface")
    return rest, choose(rest.jobs(), settings.job, rest.address)


def run(settings: Stop) -> dict[str, Any]:
    """End the job and return what it was, the state that it ended in, and where its savepoint is."""
    rest, job = check(settings)
    savepoint = None
    if settings.savepoint or settings.drain:
        rest.wait_for_tasks(job["jid"], _TASKS_S)
        savepoint = rest.stop(job["jid"], settings.savepoint_folder)
        state = rest.state(job["jid"])
    else:
        state = rest.cancel(job["jid"])
    return {"job": job["jid"], "name": job["name"], "state": state, "savepoint": savepoint, "drained": settings.drain}


def describe(result: dict[str, Any]) -> str:
    """Say what became of the job and how to go on."""
    job = f"Flink job {result['job']} ({result['name']}) is {result['state']}"
    if result["drained"]:
        return (
            f"{job}: all that it had read is written and committed; a new one goes on from the group's committed "
            f"offsets, or with --from-savepoint {result['savepoint']}"
        )
    if result["savepoint"]:
        return f"{job}; go on there: onegraph score_stream --runner flink --from-savepoint {result['savepoint']}"
    return f"{job}; a new one goes on from the group's committed offsets and may repeat a little"


def choose(jobs: Sequence[dict[str, Any]], wanted: str | None, where: str) -> dict[str, Any]:
    """Return the running job of an id, the beginning of one, or a name; the only running one where nothing is wanted.

    `jobs` are as Flink's REST interface lists them. Raises `ServiceError` where none or several fit.
    """
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
        raise ServiceError(f"Flink at {where} runs {len(fitting)} such jobs, name one by its id: {listed}")
    for job in jobs:
        if wanted is not None and wanted in (job["jid"], job["name"]):
            raise ServiceError(f"Flink job {job['jid']} ({job['name']}) is {job['state']} already")
    if wanted is None or not running:
        raise ServiceError(f"Flink at {where} runs no job")
    raise ServiceError(f"Flink at {where} runs no job {wanted!r}; it runs {listed}")
