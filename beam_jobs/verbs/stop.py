"""`onegraph stop`: end a job on Flink, at once or with a savepoint that another job goes on from."""

import dataclasses
import pathlib
from typing import Any

from beam_jobs.cli.settings import Stop
from beam_jobs.runners.flink import cluster, stopping
from beam_jobs.runners.flink.rest import FlinkRest
from beam_jobs.services import local_flink
from schemas.errors import UsageError


def check(settings: Stop) -> tuple[FlinkRest, dict[str, Any]]:
    """Return the cluster and the job that is meant; refuse what does not name one that runs."""
    if settings.savepoint and settings.drain:
        raise UsageError("--savepoint and --drain: give one of them")
    if settings.savepoint_folder is not None and not (settings.savepoint or settings.drain):
        raise UsageError("--savepoint-folder without --savepoint: nothing would be written there")
    beam_args = () if settings.flink_master is None else (f"--flink_master={settings.flink_master}",)
    folder = pathlib.Path(settings.services_folder) / "flink"
    rest = cluster.find(beam_args, lambda: local_flink.cluster(folder)).rest
    if rest is None:
        raise UsageError(f"--flink-master {settings.flink_master}: wanted host:port of Flink's REST interface")
    return rest, stopping.choose(rest, settings.job)


def run(settings: Stop) -> dict[str, Any]:
    """End the job and return what it was, the state that it ended in, and where its savepoint is."""
    rest, job = check(settings)
    if settings.savepoint or settings.drain:
        ended = stopping.stop(rest, job, settings.savepoint_folder)
    else:
        ended = stopping.cancel(rest, job)
    return dataclasses.asdict(ended) | {"drained": settings.drain}


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
