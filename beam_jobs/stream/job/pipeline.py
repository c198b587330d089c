"""The scoring stream put together: from the settings of `score_stream` to its pipeline, not yet running."""

import logging
import os
from collections.abc import Mapping

import apache_beam as beam

from beam_jobs.cli.settings import ScoreStream
from beam_jobs.kafka.client import BATCH_BYTES
from beam_jobs.kafka.groups.position_note import Lease
from beam_jobs.kafka.topics import topics
from beam_jobs.kafka.topics.topics import Topic
from beam_jobs.registries import registry_address
from beam_jobs.runners import runners
from beam_jobs.stream.job import metrics
from beam_jobs.stream.read.reader import ReadEvents
from beam_jobs.stream.read.source import TIMESTAMP, Source, milliseconds
from beam_jobs.stream.rejected_records import RECORD_OVERHEAD
from beam_jobs.stream.score.breaker import BreakerSettings
from beam_jobs.stream.score.event_policy import EventPolicy
from beam_jobs.stream.score.isolated_scoring import IsolationSettings
from beam_jobs.stream.score.scoring_steps import ScoreEvents, Scoring
from beam_jobs.stream.value_format import ValueFormat
from beam_jobs.stream.write.writer import Sink, WriteOutcomes
from models.scoring.explanation import Explanation
from schemas.artifacts.signature import TrustedKeys
from schemas.errors import UsageError

_log = logging.getLogger(__name__)
_READ_BUDGET_MS = 5_000


def topics_there(settings: ScoreStream) -> dict[str, Topic]:
    """Return the job's topics as the broker has them, made first where that is wanted."""
    if settings.create_topics:
        _create_topics(settings)
    return topics.required(settings.connection, topic_names(settings))


def pipeline(settings: ScoreStream, job: str, there: Mapping[str, Topic], lease: Lease | None = None) -> beam.Pipeline:
    """Return the whole job. All steps are fused: an outcome is written in the bundle that read it.

    `there` are the topics as the broker has them; `lease` is the one with which the job holds its group.
    """
    name = f"onegraph-{job}".replace("_", "-")  # Dataflow's names have no underscore
    options = runners.pipeline_options(settings.runner, settings.beam_args, streaming=True, job_name=name)
    steps = beam.Pipeline(options=options)
    _ = (
        steps
        | "Read Events" >> ReadEvents(source(settings, job, there))
        | "Score Events" >> ScoreEvents(scoring(settings, job, there, lease))
        | "Write Outcomes" >> WriteOutcomes(sink(settings, job, there, lease))
    )
    return steps


def source(settings: ScoreStream, job: str, there: Mapping[str, Topic]) -> Source:
    """Return what the reader is told; `there` are the topics as the broker has them."""
    return Source(
        servers=settings.connection,
        topic=settings.source_topic,
        group=settings.group,
        job=job,
        partition_groups=settings.partition_groups,
        start=settings.start,
        start_ms=start_ms(settings),
        accept_lost_offsets=settings.accept_lost_offsets,
        look_s=settings.look_for_partitions_ms / 1000,
        stall_s=settings.stall_ms / 1000,
        until_caught_up=settings.until_caught_up,
        read_budget_s=(settings.read_budget_ms or _READ_BUDGET_MS) / 1000,
        max_batch=settings.max_batch,
        max_batch_bytes=settings.max_batch_bytes,
        broker_time=there[settings.source_topic].broker_time,
        topic_id=there[settings.source_topic].id,
    )


def scoring(settings: ScoreStream, job: str, there: Mapping[str, Topic], lease: Lease | None) -> Scoring:
    """Return what the scorer is told."""
    policy = EventPolicy(
        settings.tombstones == "drop",
        there[settings.predictions_topic].max_message_bytes,
        _breaker(settings),
        job,
        settings.pass_header,
        *event_times(settings),
    )
    return Scoring(
        registry=registry_address.absolute(settings.registry),
        trusted=TrustedKeys.of(settings.trusted_keys),
        pointer_poll_s=settings.pointer_poll_ms / 1000,
        with_features=settings.with_features,
        trial=settings.trial_limits,
        keep_warm=runners.in_this_process(settings.runner),
        values=value_format(settings),
        isolation=_isolation(settings),
        explanation=explanation(settings),
        policy=policy,
        metrics=metrics.of_workers(settings, job, lease),
        shadow_bytes=there[settings.shadow_topic].max_message_bytes if settings.shadow_topic else None,
    )


def sink(settings: ScoreStream, job: str, there: Mapping[str, Topic], lease: Lease | None) -> Sink:
    """Return what the writer is told; no batch is larger than the smallest topic takes."""
    written = topic_names(settings)[1:]
    return Sink(
        servers=settings.connection,
        predictions_topic=settings.predictions_topic,
        rejected_topic=settings.rejected_topic,
        shadow_topic=settings.shadow_topic,
        source_topic=settings.source_topic,
        group=settings.group,
        max_batch_bytes=min(BATCH_BYTES, *(there[name].max_message_bytes - RECORD_OVERHEAD for name in written)),
        rejected_bytes=there[settings.rejected_topic].max_message_bytes,
        broker_time=there[settings.source_topic].broker_time,
        hold_s=settings.hold_ms / 1000,
        job=job,
        topic_id=there[settings.source_topic].id,
        lease=lease,
    )


def topic_names(settings: ScoreStream) -> tuple[str, ...]:
    """Return the topics of the job: source, predictions, rejected and, if any, that of the shadows."""
    names = settings.source_topic, settings.predictions_topic, settings.rejected_topic
    return names if settings.shadow_topic is None else (*names, settings.shadow_topic)


def value_format(settings: ScoreStream) -> ValueFormat:
    """Return how the values of the events are to be read."""
    return ValueFormat(settings.value_format, tuple(settings.avro_schema))


def explanation(settings: ScoreStream) -> Explanation | None:
    """Return which predictions say why; raises `UsageError` where the options contradict each other."""
    return Explanation.of(settings.contributions, settings.contribution_share, settings.contribution_above)


def start_ms(settings: ScoreStream) -> int | None:
    """Return the time of `--start timestamp`; raises `UsageError` where one option stands without the other."""
    if (settings.start_time is None) == (settings.start == TIMESTAMP):
        raise UsageError("--start timestamp and --start-time go together, got one of them")
    return None if settings.start_time is None else milliseconds(settings.start_time)


def event_times(settings: ScoreStream) -> tuple[int | None, int | None]:
    """Return the limits of the timestamps of events, in milliseconds."""
    found = [
        None if time is None else milliseconds(time) for time in (settings.event_time_min, settings.event_time_max)
    ]
    return found[0], found[1]


def _breaker(settings: ScoreStream) -> BreakerSettings:
    return BreakerSettings(
        settings.breaker, settings.breaker_share, settings.breaker_events, limit_s=settings.hold_ms / 1000
    )


def _isolation(settings: ScoreStream) -> IsolationSettings:
    folder = os.path.abspath(settings.marker_folder) if settings.marker_folder else ""
    group = "/".join([settings.bootstrap_servers, settings.source_topic, settings.group])
    return IsolationSettings(folder, group, settings.batch_deadline_ms / 1000)


def _create_topics(settings: ScoreStream) -> None:
    servers = settings.connection
    there = topics.describe(servers, [settings.source_topic]).get(settings.source_topic)
    largest = there.max_message_bytes if there else topics.DEFAULT_MESSAGE_BYTES
    partitions = there.partitions if there else settings.partitions
    names = settings.source_topic, settings.predictions_topic, settings.rejected_topic
    wanted = topics.for_scoring(*names, partitions, largest, settings.shadow_topic)
    for name in topics.create(servers, wanted):
        _log.info("made topic %s", name)
