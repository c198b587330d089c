"""`onegraph score_stream`: read events, score them with the live bundle, write predictions and rejected records."""

import contextlib
import itertools
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions

from beam_jobs.cli.settings import ScoreStream
from beam_jobs.kafka.topics import topics
from beam_jobs.monitoring import measures
from beam_jobs.process import process_wide
from beam_jobs.registries.opening import open_registry
from beam_jobs.runners import dataflow, runners
from beam_jobs.runners.in_process.run import run_pipeline
from beam_jobs.stream.job import flink, group, metrics
from beam_jobs.stream.job.pipeline import (
    event_times,
    formats,
    pipeline,
    read_settings,
    start_ms,
    stream_job,
    topic_names,
    topics_there,
)
from beam_jobs.stream.read.source import settle_first
from beam_jobs.stream.stream_job import StreamJob
from models.variants.variants import CHAMPION, SHADOW
from schemas.artifacts.signature import TrustedKeys
from schemas.errors import UsageError
from schemas.rejection_counts import rejections, rejections_text
from schemas.schema import SERVING, Schema

_jobs = itertools.count(1)
_AT_LEAST_1 = (
    "partition_groups", "max_batch", "max_batch_bytes", "read_budget_ms", "pointer_poll_ms", "partitions",
    "batch_deadline_ms", "breaker_events", "hold_ms", "look_for_partitions_ms", "stall_ms",
)  # fmt: skip


def check(settings: ScoreStream) -> None:
    """Refuse what cannot work before anything is read or made."""
    names = topic_names(settings)
    if len(set(names)) != len(names):
        raise UsageError(f"source, predictions, rejected and shadow topic must differ, got {', '.join(names)}")
    for option in _AT_LEAST_1:
        given = getattr(settings, option)
        if given is not None and given < 1:
            raise UsageError(f"--{option.replace('_', '-')} is {given}, wanted 1 or more")
    metrics.check(settings)
    if not 0 <= settings.breaker_share <= 1:
        raise UsageError(f"--breaker-share is {settings.breaker_share}, wanted 0 to 1, as in 0.05")
    options = runners.pipeline_options(settings.runner, settings.beam_args)
    if dataflow.chosen(options):
        dataflow.check_stream(options, settings.registry, settings.bootstrap_servers)
    if runners.is_flink(settings.runner):
        flink.prepared(settings)
    elif settings.from_savepoint is not None:
        raise UsageError(f"--from-savepoint with --runner {settings.runner}: only Flink has savepoints")
    start_ms(settings)
    _ = settings.trial_limits  # raises if they make no sense
    event_times(settings)
    values = formats(settings).values
    registry = open_registry(settings.registry, TrustedKeys.of(settings.trusted_keys))
    for bundle in registry.released().variants.bundles:
        values.decoder(Schema.load(registry.bundle_path(bundle) / "schema.pbtxt").environment(SERVING))
    found = (topics.describe if settings.create_topics else topics.required)(settings.connection, names)
    topics.check_written([found[name] for name in names[1:] if name in found])
    if settings.rejected_topic in found and settings.source_topic in found and not settings.accept_rejected_topic:
        topics.check_rejected(found[settings.source_topic], found[settings.rejected_topic])


def run(settings: ScoreStream, stop: threading.Event | None = None) -> dict[str, Any]:
    """Score until stopped, by SIGTERM, Ctrl-C or `stop`, or until caught up; returns the counts of this run.

    On Flink a stop ends only the watching: the job goes on there.

    Whatever the end, the next run goes on from the group's committed offsets. If an earlier one was killed, events
    behind the last commit are scored again, to the same bytes if the same bundle is live.
    """
    check(settings)
    job = stream_job(settings, f"score_stream-{os.getpid()}-{next(_jobs)}", topics_there(settings))
    options = runners.pipeline_options(settings.runner, settings.beam_args)
    if dataflow.chosen(options):
        return _on_dataflow(settings, job, options)
    stop = process_wide.stop_signal(job.name, stop)
    with (
        _stopped_by_signals(stop),
        metrics.announced(settings, job) as announced,
        group.taken(settings, job, stop) as held,
    ):
        announced.add(lease=held.lease.number)
        if runners.is_flink(settings.runner):
            settings, cluster = flink.prepared(settings)
            became, counted = flink.run(pipeline(settings, held.job), cluster, stop, held.ended)
            ended_well = became["state"] == "FINISHED"
            summary = dict.fromkeys(_summary({})) if counted is None else _summary(counted)  # None: not known
            stopped = not (ended_well and settings.until_caught_up)
            return summary | {"stopped": stopped, "group": settings.group, "flink": became}
        result = run_pipeline(pipeline(settings, held.job))
    return _summary(runners.counters(result)) | {"stopped": stop.is_set(), "group": settings.group}


def _on_dataflow(settings: ScoreStream, job: StreamJob, options: PipelineOptions) -> dict[str, Any]:
    """Hand the job to Dataflow; a template takes no group, and a graph that is only built touches nothing."""
    if not dataflow.submits(options):
        if dataflow.writes_template(options):
            settle_first(job, read_settings(settings))
        return dataflow.submit(pipeline(settings, job))
    with group.taken(settings, job) as held:
        return dataflow.submit(pipeline(settings, held.job))


def describe(result: dict[str, Any]) -> str:
    """Say how many were scored and rejected, and why; of a job on Flink, what became of it."""
    if "flink" in result and result["batches"] is None:
        return flink.describe(result["flink"])
    if "submitted" in result:
        return dataflow.describe(result)
    reasons = rejections_text(result["rejections"])
    dropped = f", {result['dropped']:,} dropped" if result["dropped"] else ""
    end = "stopped" if result["stopped"] else "caught up"
    shares = ", ".join(f"{variant} {count:,}" for variant, count in result["by_variant"].items())
    variants = f" ({shares})" if set(result["by_variant"]) - {CHAMPION} else ""
    return (
        f"{end}: {result['predictions']:,} events scored{variants} in {result['batches']:,} batches, "
        f"{result['rejected']:,} rejected{f' ({reasons})' if reasons else ''}{dropped}; "
        f"offsets of group {result['group']!r} are committed behind them"
    )


def _summary(counters: dict[str, int]) -> dict[str, Any]:
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


@contextlib.contextmanager
def _stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """Set `stop` on SIGTERM and Ctrl-C, the second of which interrupts at once."""

    def on_signal(number: int, frame: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals; the caller has `stop`
        return
    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
