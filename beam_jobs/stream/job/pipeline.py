"""The scoring stream put together: from the settings of `score_stream` to its pipeline, not yet running."""

import logging
import os
from collections.abc import Mapping

import apache_beam as beam

from beam_jobs.cli.quantities import milliseconds
from beam_jobs.cli.settings import ScoreStream
from beam_jobs.kafka.topics import topics
from beam_jobs.kafka.topics.topics import Topic
from beam_jobs.registries import registry_address
from beam_jobs.registries.kept_registry import KeptCopy
from beam_jobs.runners import runners
from beam_jobs.stream.read.reader import ReadEvents
from beam_jobs.stream.read.source import ReadSettings
from beam_jobs.stream.score.breaker import BreakerSettings
from beam_jobs.stream.score.event_policy import EventPolicy
from beam_jobs.stream.score.formats import Formats
from beam_jobs.stream.score.isolated_scoring import IsolationSettings
from beam_jobs.stream.score.score_settings import ScoreSettings
from beam_jobs.stream.score.scoring_steps import ScoreEvents
from beam_jobs.stream.stream_job import StreamJob, TopicFacts
from beam_jobs.stream.value_format import ValueFormat
from beam_jobs.stream.write.writer import WriteOutcomes
from models.scoring.explanation import Explanation
from schemas.artifacts.signature import TrustedKeys

_log = logging.getLogger(__name__)
_READ_BUDGET_MS = 5_000


def topics_there(settings: ScoreStream) -> dict[str, Topic]:
    """Return the job's topics as the broker has them, made first if that is wanted."""
    if settings.create_topics:
        _create_topics(settings)
    return topics.required(settings.connection, settings.topics)


def stream_job(settings: ScoreStream, name: str, there: Mapping[str, Topic]) -> StreamJob:
    """Return what all steps of the run of this name know; `there` are its topics as the broker has them."""
    return StreamJob(
        name=name,
        servers=settings.connection,
        group=settings.group,
        source=TopicFacts.of(there[settings.source_topic]),
        predictions=TopicFacts.of(there[settings.predictions_topic]),
        rejected=TopicFacts.of(there[settings.rejected_topic]),
        shadow=None if settings.shadow_topic is None else TopicFacts.of(there[settings.shadow_topic]),
        registry=registry_address.absolute(settings.registry),
        runner=settings.runner,
        hold_s=settings.hold_ms / 1000,
    )


def pipeline(settings: ScoreStream, job: StreamJob) -> beam.Pipeline:
    """Return the whole job. All steps are fused: an outcome is written in the bundle that read it."""
    name = f"onegraph-{job.name}".replace("_", "-")  # Dataflow's names have no underscore
    options = runners.pipeline_options(settings.runner, settings.beam_args, streaming=True, job_name=name)
    steps = beam.Pipeline(options=options)
    _ = (
        steps
        | "Read Events" >> ReadEvents(job, read_settings(settings))
        | "Score Events" >> ScoreEvents(job, score_settings(settings))
        | "Write Outcomes" >> WriteOutcomes(job)
    )
    return steps


def read_settings(settings: ScoreStream) -> ReadSettings:
    """Return how the source topic is read."""
    return ReadSettings(
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
    )


def score_settings(settings: ScoreStream) -> ScoreSettings:
    """Return how events are scored."""
    earliest_ms, latest_ms = event_times(settings)
    here = runners.in_this_process(settings.runner)
    folder = os.path.abspath(settings.marker_folder) if settings.marker_folder else ""
    return ScoreSettings(
        trusted=TrustedKeys.of(settings.trusted_keys),
        kept=kept_copy(settings),
        pointer_poll_s=settings.pointer_poll_ms / 1000,
        trial=settings.trial_limits,
        keep_warm=here,
        formats=formats(settings),
        policy=EventPolicy(
            drop_tombstones=settings.tombstones == "drop",
            pass_headers=settings.pass_header,
            earliest_ms=earliest_ms,
            latest_ms=latest_ms,
        ),
        breaker=BreakerSettings(settings.breaker, settings.breaker_share, settings.breaker_events),
        isolation=IsolationSettings(folder, settings.batch_deadline_ms / 1000),
        personal_keys=settings.personal_keys,
        metrics_host=None if here or settings.metrics_port is None else settings.metrics_host,
    )


def kept_copy(settings: ScoreStream) -> KeptCopy | None:
    """Return where what served last is kept, on whichever machine, None if nowhere."""
    if settings.registry_copy is None:
        return None
    return KeptCopy(os.path.abspath(settings.registry_copy), settings.registry_wait_ms / 1000)


def formats(settings: ScoreStream) -> Formats:
    """Return how values are read and predictions written; raises `UsageError` for options that do not go together."""
    values = ValueFormat(settings.value_format, tuple(settings.avro_schema))
    explanation = Explanation.of(settings.contributions, settings.contribution_share, settings.contribution_above)
    return Formats(values=values, with_features=settings.with_features, explanation=explanation)


def start_ms(settings: ScoreStream) -> int | None:
    """Return the time of `--start timestamp`."""
    return None if settings.start_time is None else milliseconds(settings.start_time)


def event_times(settings: ScoreStream) -> tuple[int | None, int | None]:
    """Return the limits of the timestamps of events, in milliseconds."""
    found = [
        None if time is None else milliseconds(time) for time in (settings.event_time_min, settings.event_time_max)
    ]
    return found[0], found[1]


def _create_topics(settings: ScoreStream) -> None:
    servers = settings.connection
    there = topics.describe(servers, [settings.source_topic]).get(settings.source_topic)
    largest = there.max_message_bytes if there else topics.DEFAULT_MESSAGE_BYTES
    partitions = there.partitions if there else settings.partitions
    names = settings.source_topic, settings.predictions_topic, settings.rejected_topic
    wanted = topics.for_scoring(*names, partitions, largest, settings.shadow_topic)
    for name in topics.create(servers, wanted):
        _log.info("made topic %s", name)
