"""`onegraph stop`: end a streaming job of this machine, or one on Flink, at once or with a savepoint."""

import dataclasses
import pathlib
from typing import Any

from beam_jobs.cli.settings import Stop
from beam_jobs.process import local_jobs
from beam_jobs.process.local_jobs import LocalJob
from beam_jobs.runners.flink import cluster, stopping
from beam_jobs.runners.flink.rest import ENDED, FlinkRest
from beam_jobs.services import local_flink
from schemas.errors import OnegraphError, ServiceError, UsageError
from schemas.rejection_counts import rejected_text


@dataclasses.dataclass(frozen=True)
class _FlinkJob:
    """A job that runs on a cluster, as Flink lists it."""

    rest: FlinkRest
    job: dict[str, Any]


def check(settings: Stop) -> LocalJob | _FlinkJob:
    """Return the job that is meant; refuse what does not name one that runs."""
    local = [] if settings.flink_only else local_jobs.running(settings.job, settings.group)
    if len(local) == 1 and (settings.job or settings.group):
        return local[0]
    if settings.group is None:
        rest, down = _flink(settings)
    else:
        rest, down = None, "--group names no job on Flink"
    on_flink = [] if rest is None or not local else [one for one in rest.jobs() if one["state"] not in ENDED]
    if len(local) + len(on_flink) > 1:
        flink_ids = [f"Flink job {one['jid']} ({one['name']})" for one in on_flink]
        several = "; ".join([*map(str, local), *flink_ids])
        raise ServiceError(f"{len(local) + len(on_flink)} jobs run, name one by its id or --group: {several}")
    if local:
        return local[0]
    if rest is None:
        raise ServiceError(_none(settings, down))
    return _FlinkJob(rest, stopping.choose(rest, settings.job))


def plan(settings: Stop) -> list[str]:
    """Say which job would end, and how."""
    job = check(settings)
    if isinstance(job, LocalJob):
        return [f"would end {job} by SIGTERM, wait up to {settings.wait_seconds:g} s for its commit"]
    how = "with a savepoint" if settings.savepoint or settings.drain else "at once, without a savepoint"
    return [f"would end Flink job {job.job['jid']} ({job.job['name']}) {how}"]


def run(settings: Stop) -> dict[str, Any]:
    """End the job and return what it was and what it says of its end; of one on Flink its state and its savepoint.

    Raises `ServiceError` if a local job does not end in time, and `OnegraphError` if it ended without saying that all
    went well.
    """
    job = check(settings)
    if isinstance(job, LocalJob):
        said = local_jobs.end(job, settings.wait_seconds)
        if said is None:
            raise OnegraphError(f"{job} has ended, but not well: its own last line says why; it goes on where it was")
        about = {name: job.about[name] for name in ("runner", "name", "group", "source_topic")}
        return {"pid": job.pid, **about, "summary": said}
    if settings.savepoint or settings.drain:
        ended = stopping.stop(job.rest, job.job, settings.savepoint_folder)
    else:
        ended = stopping.cancel(job.rest, job.job)
    return dataclasses.asdict(ended) | {"runner": "flink", "drained": settings.drain}


def describe(result: dict[str, Any]) -> str:
    """Say what became of the job and how to go on."""
    if result["runner"] != "flink":
        return _local_end(result)
    job = f"Flink job {result['job']} ({result['name']}) is {result['state']}"
    if result["drained"]:
        return (
            f"{job}: all that it had read is written and committed; a new one goes on from the group's committed "
            f"offsets, or with --from-savepoint {result['savepoint']}"
        )
    if result["savepoint"]:
        return f"{job}; go on there: onegraph score_stream --runner flink --from-savepoint {result['savepoint']}"
    return f"{job}; a new one goes on from the group's committed offsets and may repeat a little"


def _local_end(result: dict[str, Any]) -> str:
    did = result["summary"]
    return (
        f"stopped: process {result['pid']}, {did['predictions']:,} events scored, "
        f"{rejected_text(did['rejected'], did['rejections'])}, offsets of group {result['group']!r} committed"
    )


def _flink(settings: Stop) -> tuple[FlinkRest | None, str]:
    """Return the cluster that is meant, or none and why; raises if it is one that people name."""
    beam_args = () if settings.flink_master is None else (f"--flink_master={settings.flink_master}",)
    folder = pathlib.Path(settings.services_folder) / "flink"
    try:
        rest = cluster.find(beam_args, lambda: local_flink.cluster(folder)).rest
    except ServiceError as error:
        if settings.flink_master is not None or settings.savepoint or settings.drain:
            raise
        why = str(error).partition(";")[0]  # how it is repaired is no news to who wants to stop something
        return None, f"{why}; --flink-master names a cluster elsewhere"
    if rest is None:
        raise UsageError(f"--flink-master {settings.flink_master}: wanted host:port of Flink's REST interface")
    return rest, ""


def _none(settings: Stop, down: str) -> str:
    wanted = f" {settings.job!r}" if settings.job else ""
    wanted += f" of group {settings.group!r}" if settings.group else ""
    others = "; ".join(map(str, local_jobs.running()))
    there = f"; there run {others}" if others else ""
    return f"no streaming job{wanted} runs on this machine{there}; {down}"
