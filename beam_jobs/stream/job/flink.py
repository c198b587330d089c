"""`score_stream` on Flink: its settings with Flink's defaults, the job handed over and watched, what to say of it."""

import dataclasses
import logging
import pathlib
import threading
from collections.abc import Callable
from typing import Any

import apache_beam as beam

from beam_jobs.cli import logs
from beam_jobs.cli.settings import ScoreStream
from beam_jobs.runners.flink import cluster as flink_cluster
from beam_jobs.runners.flink.job import submit
from beam_jobs.services import local_flink

_READ_BUDGET_MS = 1_000  # a checkpoint, and so a savepoint and a stop, waits for it


def prepared(settings: ScoreStream) -> tuple[ScoreStream, flink_cluster.Cluster]:
    """Return the settings with what Flink wants, all of which people can override, and the cluster, which answers."""
    ours = flink_cluster.streaming_args(settings.beam_args, settings.until_caught_up, settings.from_savepoint)
    folder = pathlib.Path(settings.services_folder) / "flink"
    cluster = flink_cluster.find(settings.beam_args, lambda: local_flink.cluster(folder))
    beam_args = (*settings.beam_args, *cluster.beam_args, *ours)
    budget = settings.read_budget_ms or _READ_BUDGET_MS
    return dataclasses.replace(settings, beam_args=beam_args, read_budget_ms=budget), cluster


def run(
    pipeline: beam.Pipeline, cluster: flink_cluster.Cluster, stop: threading.Event, ended: Callable[[], None]
) -> tuple[dict[str, Any], dict[str, int] | None]:
    """Hand the job over and watch it until it ends or `stop` is set, which ends the watching and not the job.

    Returns what became of it, and its counters if it has finished and they are known, else None. `ended` is called
    once the job has certainly ended, before anything is raised.
    """
    job = submit(pipeline, cluster.rest, _say)
    state = job.watch(stop, ended)
    rest = None if cluster.rest is None else cluster.rest.address
    became = {"job": job.id, "name": job.name, "state": state, "rest": rest}
    return became, job.counters() if state == "FINISHED" else None


def describe(became: dict[str, Any]) -> str:
    """Say what became of the job and what can be done about it."""
    job = f"Flink job {became['job'] or became['name']}"
    if became["state"] == "FINISHED":
        return f"{job} is FINISHED; how many events it scored is not known"
    if became["state"] != "RUNNING":
        return f"{job} is {became['state']}"
    stop = f"`onegraph stop {became['job'] or became['name']}`"
    return f"{job} goes on without this command; {stop} ends it, with --savepoint so that another can go on there"


def _say(line: str) -> None:
    if logging.getLogger().isEnabledFor(logging.WARNING):
        logs.say(f"onegraph score_stream: {line}")
