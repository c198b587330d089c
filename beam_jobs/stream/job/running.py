"""A streaming job from its settings to its end: checked, announced, run, summed up. Imports Beam and TensorFlow."""

import contextlib
import itertools
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions

from beam_jobs.cli.settings import ScoreStream
from beam_jobs.monitoring import measures
from beam_jobs.process import process_wide
from beam_jobs.registries.kept_registry import KeptRegistry
from beam_jobs.registries.opening import open_registry
from beam_jobs.runners import dataflow, runners
from beam_jobs.runners.in_process.run import run_pipeline
from beam_jobs.stream.job import flink, group, metrics
from beam_jobs.stream.job.pipeline import (
    formats,
    kept_copy,
    pipeline,
    read_settings,
    stream_job,
    topics_there,
)
from beam_jobs.stream.read.source import settle_first
from beam_jobs.stream.stream_job import StreamJob
from models.registry.pointer import Pointer
from models.variants.variants import SHADOW
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.artifacts.signature import TrustedKeys
from schemas.rejection_counts import rejections
from schemas.schema import SERVING, Schema

_jobs = itertools.count(1)


def check_runner(settings: ScoreStream) -> None:
    """Refuse what the runner cannot work with."""
    options = runners.pipeline_options(settings.runner, settings.beam_args)
    if dataflow.chosen(options):
        dataflow.check_stream(options, settings.registry, settings.bootstrap_servers)
    if runners.is_flink(settings.runner):
        flink.prepared(settings)


def check(settings: ScoreStream) -> Pointer:
    """Refuse what the formats or the registry cannot work with; return what is released there."""
    values = formats(settings).values
    registry = open_registry(settings.registry, TrustedKeys.of(settings.trusted_keys), kept_copy(settings))
    released = registry.released()
    for bundle in released.variants.bundles:
        opened = artifact.open_artifact(registry.bundle_path(bundle), ArtifactKind.BUNDLE)
        values.decoder(Schema.load(opened.path / "schema.pbtxt").environment(SERVING))
        settings.personal_keys.check(opened.manifest, f"bundle {bundle}")
    return released


def keep(settings: ScoreStream, released: Pointer) -> None:
    """Have a launch while the registry is away find what this one found, if `--registry-copy` says where."""
    registry = open_registry(settings.registry, TrustedKeys.of(settings.trusted_keys), kept_copy(settings))
    if isinstance(registry, KeptRegistry):
        registry.keep(released)


def run(settings: ScoreStream, stop: threading.Event | None = None) -> dict[str, Any]:
    """Run a checked job until `stop` is set, by SIGTERM or Ctrl-C too, or it has caught up; return what it did."""
    job = stream_job(settings, f"score_stream-{os.getpid()}-{next(_jobs)}", topics_there(settings))
    options = runners.pipeline_options(settings.runner, settings.beam_args)
    if dataflow.chosen(options):
        return _on_dataflow(settings, job, options)
    stop = process_wide.stop_signal(job.name, stop)
    with (  # in this order: while the job is announced its process listens to SIGTERM
        _stopped_by_signals(stop) as by_signals,
        metrics.announced(settings, job) as announced,
        group.taken(settings, job, stop) as held,
    ):
        here = runners.in_this_process(settings.runner)
        announced.add(lease=held.lease.number, ends_by_sigterm=by_signals and here)
        if runners.is_flink(settings.runner):
            settings, cluster = flink.prepared(settings)
            became, counted = flink.run(pipeline(settings, held.job), cluster, stop, held.ended)
            ended_well = became["state"] == "FINISHED"
            done = dict.fromkeys(summary({})) if counted is None else summary(counted)  # None: not known
            stopped = not (ended_well and settings.until_caught_up)
            return done | {"stopped": stopped, "group": settings.group, "flink": became}
        result = run_pipeline(pipeline(settings, held.job))
        done = summary(runners.counters(result)) | {"stopped": stop.is_set(), "group": settings.group}
        announced.tell(done)
    return done


def summary(counters: dict[str, int]) -> dict[str, Any]:
    """Return what a job did, from its counters as Beam reports them."""
    faults = measures.rejected(counters)
    made = {variant: count for variant, count in measures.by_label(counters, "predictions").items() if count}
    return {
        "predictions": sum(made.values()) - made.get(SHADOW, 0),
        "by_variant": made,
        "shadowed": measures.by_label(counters, "shadowed"),
        "rejected": sum(faults.values()),
        "rejections": rejections(faults),
        "dropped": measures.total(counters, "dropped"),
        "batches": counters.get("batches", 0),
    }


def _on_dataflow(settings: ScoreStream, job: StreamJob, options: PipelineOptions) -> dict[str, Any]:
    """Hand the job to Dataflow; a template takes no group, and a graph that is only built touches nothing."""
    if not dataflow.submits(options):
        if dataflow.writes_template(options):
            settle_first(job, read_settings(settings))
        return dataflow.submit(pipeline(settings, job))
    with group.taken(settings, job) as held:
        return dataflow.submit(pipeline(settings, held.job))


@contextlib.contextmanager
def _stopped_by_signals(stop: threading.Event) -> Iterator[bool]:
    """Set `stop` on SIGTERM and Ctrl-C; says whether it can.

    A Ctrl-C once it is set interrupts at once; another SIGTERM, as a second `onegraph stop` sends, waits on.
    """

    def on_signal(number: int, frame: Any) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield False  # only the main thread may handle signals; the caller has `stop`
        return
    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield True
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
