"""`onegraph score_stream`: read events, score them with the live bundle, write predictions and rejected records."""

import contextlib
import itertools
import logging
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import apache_beam as beam

from beam_jobs import dataflow, flink_stream, job_metrics, measures, process_wide, remote_registry, runners, topics
from beam_jobs.breaker import BreakerSettings
from beam_jobs.event_policy import EventPolicy
from beam_jobs.isolated_scoring import IsolationSettings
from beam_jobs.kafka_reader import ReadEvents
from beam_jobs.kafka_source import TIMESTAMP, Source, milliseconds
from beam_jobs.kafka_writer import WriteOutcomes
from beam_jobs.rejected_records import RECORD_OVERHEAD
from beam_jobs.scoring_steps import ScoreEvents, Scoring
from beam_jobs.settings import ScoreStream
from beam_jobs.value_format import ValueFormat
from models.explanation import Explanation
from models.variants import CHAMPION, SHADOW
from schemas.errors import UsageError
from schemas.schema import SERVING, Schema

_log = logging.getLogger(__name__)
_jobs = itertools.count(1)
_BATCH_BYTES = 900_000
_AT_LEAST_1 = (
    "partition_groups", "max_batch", "read_budget_ms", "pointer_poll_ms", "partitions", "batch_deadline_ms",
    "breaker_events", "hold_ms",
    "look_for_partitions_ms", "stall_ms",
)  # fmt: skip
_READ_BUDGET_MS = 5_000


def check(settings: ScoreStream) -> None:
    """Refuse what cannot work before anything is read or made."""
    names = _topics(settings)
    if len(set(names)) != len(names):
        raise UsageError(f"source, predictions, rejected and shadow topic must differ, got {', '.join(names)}")
    for option in _AT_LEAST_1:
        given = getattr(settings, option)
        if given is not None and given < 1:
            raise UsageError(f"--{option.replace('_', '-')} is {given}, wanted 1 or more")
    job_metrics.check(settings)
    if not 0 <= settings.breaker_share <= 1:
        raise UsageError(f"--breaker-share is {settings.breaker_share}, wanted 0 to 1, as in 0.05")
    options = runners.pipeline_options(settings.runner, settings.beam_args)
    if dataflow.chosen(options):
        dataflow.check_stream(options, settings.registry, settings.bootstrap_servers)
    if runners.is_flink(settings.runner):
        flink_stream.prepared(settings)
    elif settings.from_savepoint is not None:
        raise UsageError(f"--from-savepoint with --runner {settings.runner}: only Flink has savepoints")
    _start_ms(settings)
    _event_times(settings)
    values = _values(settings)
    _explanation(settings)
    registry = remote_registry.open_registry(settings.registry)
    for bundle in registry.released().variants.bundles:
        values.decoder(Schema.load(registry.bundle_path(bundle) / "schema.pbtxt").environment(SERVING))
    found = (topics.describe if settings.create_topics else topics.required)(settings.connection, names)
    if settings.rejected_topic in found and settings.source_topic in found and not settings.accept_rejected_topic:
        topics.check_rejected(found[settings.source_topic], found[settings.rejected_topic])


def run(settings: ScoreStream, stop: threading.Event | None = None) -> dict[str, Any]:
    """Score until stopped, by SIGTERM, Ctrl-C or `stop`, or until caught up; returns the counts of this run.

    On Flink a stop ends only the watching: the job goes on there.

    Whatever the end, the next run goes on from the group's committed offsets. Where an earlier one was killed, events
    behind the last commit are scored again, to the same bytes if the same bundle is live.
    """
    check(settings)
    job = f"score_stream-{os.getpid()}-{next(_jobs)}"
    if dataflow.chosen(runners.pipeline_options(settings.runner, settings.beam_args)):
        return dataflow.submit(pipeline(settings, job))
    stop = process_wide.stop_signal(job, stop)
    with _stopped_by_signals(stop), job_metrics.announced(settings, job):
        if runners.is_flink(settings.runner):
            settings, cluster = flink_stream.prepared(settings)
            became, counted = flink_stream.run(pipeline(settings, job), cluster, stop)
            ended_well = became["state"] == "FINISHED"
            summary = _summary(counted) if ended_well else dict.fromkeys(_summary({}))  # only then are there counts
            stopped = not (ended_well and settings.until_caught_up)
            return summary | {"stopped": stopped, "group": settings.group, "flink": became}
        result = runners.run_pipeline(pipeline(settings, job))
    return _summary(runners.counters(result)) | {"stopped": stop.is_set(), "group": settings.group}


def pipeline(settings: ScoreStream, job: str) -> beam.Pipeline:
    """Return the whole job, not yet running. All steps are fused: an outcome is written in the bundle that read it."""
    if settings.create_topics:
        _create_topics(settings)
    limits = topics.required(settings.connection, _topics(settings))
    source = Source(
        servers=settings.connection,
        topic=settings.source_topic,
        group=settings.group,
        job=job,
        partition_groups=settings.partition_groups,
        start=settings.start,
        start_ms=_start_ms(settings),
        accept_lost_offsets=settings.accept_lost_offsets,
        look_s=settings.look_for_partitions_ms / 1000,
        stall_s=settings.stall_ms / 1000,
        until_caught_up=settings.until_caught_up,
        read_budget_s=(settings.read_budget_ms or _READ_BUDGET_MS) / 1000,
        max_batch=settings.max_batch,
        broker_time=limits[settings.source_topic].broker_time,
    )
    policy = EventPolicy(
        settings.tombstones == "drop",
        limits[settings.predictions_topic].max_message_bytes,
        _breaker(settings),
        job,
        settings.pass_header,
        *_event_times(settings),
    )
    scoring = Scoring(
        registry=remote_registry.absolute(settings.registry),
        pointer_poll_s=settings.pointer_poll_ms / 1000,
        with_features=settings.with_features,
        values=_values(settings),
        isolation=_isolation(settings),
        explanation=_explanation(settings),
        policy=policy,
        metrics=job_metrics.of_workers(settings, job),
        shadow_bytes=limits[settings.shadow_topic].max_message_bytes if settings.shadow_topic else None,
    )
    write = WriteOutcomes(
        settings.connection,
        settings.predictions_topic,
        settings.rejected_topic,
        settings.source_topic,
        settings.group,
        min(_BATCH_BYTES, *(limits[name].max_message_bytes - RECORD_OVERHEAD for name in _topics(settings)[1:])),
        limits[settings.source_topic].broker_time,
        limits[settings.rejected_topic].max_message_bytes,
        settings.hold_ms / 1000,
        job,
        settings.shadow_topic,
    )
    name = f"onegraph-{job}".replace("_", "-")  # Dataflow's names have no underscore
    options = runners.pipeline_options(settings.runner, settings.beam_args, streaming=True, job_name=name)
    steps = beam.Pipeline(options=options)
    steps | "Read Events" >> ReadEvents(source) | "Score Events" >> ScoreEvents(scoring) | "Write Outcomes" >> write
    return steps


def describe(result: dict[str, Any]) -> str:
    """Say how many were scored and rejected, and why; of a job on Flink, what became of it."""
    if "flink" in result and result["batches"] is None:
        return flink_stream.describe(result["flink"])
    if "submitted" in result:
        return dataflow.describe(result)
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(result["rejected_by_reason"].items()))
    dropped = f", {result['dropped']:,} dropped" if result["dropped"] else ""
    end = "stopped" if result["stopped"] else "caught up"
    shares = ", ".join(f"{variant} {count:,}" for variant, count in result["by_variant"].items())
    variants = f" ({shares})" if set(result["by_variant"]) - {CHAMPION} else ""
    return (
        f"{end}: {result['predictions']:,} events scored{variants} in {result['batches']:,} batches, "
        f"{result['rejected']:,} rejected{f' ({reasons})' if reasons else ''}{dropped}; "
        f"offsets of group {result['group']!r} are committed behind them"
    )


def _values(settings: ScoreStream) -> ValueFormat:
    return ValueFormat(settings.value_format, tuple(settings.avro_schema))


def _breaker(settings: ScoreStream) -> BreakerSettings:
    return BreakerSettings(
        settings.breaker, settings.breaker_share, settings.breaker_events, limit_s=settings.hold_ms / 1000
    )


def _explanation(settings: ScoreStream) -> Explanation | None:
    return Explanation.of(settings.contributions, settings.contribution_share, settings.contribution_above)


def _isolation(settings: ScoreStream) -> IsolationSettings:
    folder = os.path.abspath(settings.marker_folder) if settings.marker_folder else ""
    group = "/".join([settings.bootstrap_servers, settings.source_topic, settings.group])
    return IsolationSettings(folder, group, settings.batch_deadline_ms / 1000)


def _event_times(settings: ScoreStream) -> tuple[int | None, int | None]:
    found = [
        None if time is None else milliseconds(time) for time in (settings.event_time_min, settings.event_time_max)
    ]
    return found[0], found[1]


def _start_ms(settings: ScoreStream) -> int | None:
    if (settings.start_time is None) == (settings.start == TIMESTAMP):
        raise UsageError("--start timestamp and --start-time go together, got one of them")
    return None if settings.start_time is None else milliseconds(settings.start_time)


def _topics(settings: ScoreStream) -> tuple[str, ...]:
    names = settings.source_topic, settings.predictions_topic, settings.rejected_topic
    return names if settings.shadow_topic is None else (*names, settings.shadow_topic)


def _create_topics(settings: ScoreStream) -> None:
    servers = settings.connection
    there = topics.describe(servers, [settings.source_topic]).get(settings.source_topic)
    largest = there.max_message_bytes if there else topics.DEFAULT_MESSAGE_BYTES
    partitions = there.partitions if there else settings.partitions
    names = settings.source_topic, settings.predictions_topic, settings.rejected_topic
    wanted = topics.for_scoring(*names, partitions, largest, settings.shadow_topic)
    for name in topics.create(servers, wanted):
        _log.info("made topic %s", name)


def _summary(counters: dict[str, int]) -> dict[str, Any]:
    reasons = measures.by_label(counters, "rejected")
    made = {variant: count for variant, count in measures.by_label(counters, "predictions").items() if count}
    return {
        "predictions": sum(made.values()) - made.get(SHADOW, 0),
        "by_variant": made,
        "shadowed": measures.by_label(counters, "shadowed"),
        "rejected": sum(reasons.values()),
        "rejected_by_reason": reasons,
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
