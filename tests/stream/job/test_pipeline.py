"""From the settings of `score_stream` to what its steps get: each option in one place, on a real broker's topics."""

import dataclasses
import os

import cloudpickle
import pytest

from beam_jobs.cli.settings import ScoreStream
from beam_jobs.stream.job import pipeline
from beam_jobs.stream.read.source import ReadSettings
from beam_jobs.stream.score.breaker import BreakerSettings
from beam_jobs.stream.score.event_policy import EventPolicy
from beam_jobs.stream.score.formats import Formats
from beam_jobs.stream.score.isolated_scoring import IsolationSettings
from beam_jobs.stream.score.score_settings import ScoreSettings
from beam_jobs.stream.stream_job import TopicFacts
from beam_jobs.stream.value_format import ValueFormat
from models.isolation.trial import TrialLimits
from models.scoring.explanation import Explanation
from schemas.errors import ServiceError, UsageError


def settings(**changes) -> ScoreStream:
    given = {"bootstrap_servers": "broker:9092", "registry": "registry", "source_topic": "trips"}
    given |= {"predictions_topic": "predictions", "rejected_topic": "rejected"}
    return ScoreStream(**given | changes)


@pytest.fixture
def on_broker(broker, topics):
    """Make settings of a job whose topics exist."""

    def make(**changes):
        names = {"source_topic": topics("trips", partitions=3, message_timestamp_type="LogAppendTime")}
        names |= {"predictions_topic": topics("predictions", max_message_bytes=70_000)}
        names |= {"rejected_topic": topics("rejected", max_message_bytes=2_000_000)}
        return settings(bootstrap_servers=broker, **names | changes)

    return make


def test_the_job_has_the_facts_of_its_topics(on_broker, broker):
    chosen = on_broker(group="scorers", hold_ms=2_500)
    there = pipeline.topics_there(chosen)
    job = pipeline.stream_job(chosen, "score_stream-1-1", there)
    assert (job.name, job.group, job.hold_s, job.runner, job.lease) == (
        "score_stream-1-1",
        "scorers",
        2.5,
        "local",
        None,
    )
    assert job.registry == os.path.abspath("registry")
    assert str(job.servers) == broker
    assert job.source == TopicFacts.of(there[chosen.source_topic])
    assert job.source.broker_time
    assert [topic.max_message_bytes for topic in job.written] == [70_000, 2_000_000]


def test_topics_that_are_missing_are_made_on_request_only(on_broker):
    chosen = on_broker()
    missing = dataclasses.replace(chosen, predictions_topic=f"{chosen.source_topic}.p", shadow_topic=None)
    with pytest.raises(ServiceError, match=f"no topic '{missing.predictions_topic}'"):
        pipeline.topics_there(missing)
    there = pipeline.topics_there(dataclasses.replace(missing, create_topics=True))
    assert there[missing.predictions_topic].partitions == 3, "as many as the source has"


def test_what_is_not_given_is_what_the_steps_have_by_themselves():
    reading, scoring = pipeline.read_settings(settings()), pipeline.score_settings(settings())
    assert reading == ReadSettings()
    assert scoring == ScoreSettings(keep_warm=True, isolation=IsolationSettings("", 60.0))


def test_every_option_of_reading_reaches_the_reader():
    given = settings(
        partition_groups=3,
        start="timestamp",
        start_time="2026-01-01",
        accept_lost_offsets=True,
        until_caught_up=True,
        read_budget_ms=700,
        max_batch=70,
        max_batch_bytes=7_000,
        look_for_partitions_ms=7,
        stall_ms=9,
    )
    assert pipeline.read_settings(given) == ReadSettings(
        partition_groups=3,
        start="timestamp",
        start_ms=1_767_225_600_000,
        accept_lost_offsets=True,
        until_caught_up=True,
        read_budget_s=0.7,
        max_batch=70,
        max_batch_bytes=7_000,
        look_s=0.007,
        stall_s=0.009,
    )


def test_every_option_of_scoring_reaches_the_scorer(tmp_path):
    given = settings(
        runner="flink",
        pointer_poll_ms=50,
        trial_seconds=7.0,
        trial_gib=2.0,
        with_features=True,
        contributions=3,
        value_format="avro",
        avro_schema=("trips.avsc",),
        tombstones="drop",
        pass_header=("traceparent",),
        event_time_min="2026-01-01",
        event_time_max="1767225600001",
        breaker="stop",
        breaker_share=0.5,
        breaker_events=7,
        marker_folder=str(tmp_path),
        batch_deadline_ms=1_500,
        metrics_port=0,
        metrics_host="::1",
    )
    formats = Formats(
        values=ValueFormat("avro", ("trips.avsc",)), with_features=True, explanation=Explanation.of(3, None, None)
    )
    policy = EventPolicy(
        drop_tombstones=True,
        pass_headers=("traceparent",),
        earliest_ms=1_767_225_600_000,
        latest_ms=1_767_225_600_001,
    )
    assert pipeline.score_settings(given) == ScoreSettings(
        pointer_poll_s=0.05,
        trial=TrialLimits(7.0, 2 << 30),
        formats=formats,
        policy=policy,
        breaker=BreakerSettings("stop", 0.5, 7),
        isolation=IsolationSettings(str(tmp_path), 1.5),
        metrics_host="::1",
    )


def test_workers_serve_their_own_measures_only_where_they_are_processes_of_their_own():
    hosts = [
        pipeline.score_settings(settings(runner=runner, metrics_port=port)).metrics_host
        for runner, port in (("local", 0), ("flink", None), ("flink", 0), ("dataflow", 9_464))
    ]
    assert hosts == [None, None, "127.0.0.1", "127.0.0.1"]


@pytest.mark.parametrize("given", [{"start": "timestamp"}, {"start_time": "2026-01-01"}])
def test_a_start_time_and_its_start_go_together(given):
    with pytest.raises(UsageError, match="--start timestamp and --start-time go together"):
        settings(**given).check()


def test_the_steps_of_a_pipeline_carry_one_job(on_broker):
    chosen = on_broker()
    job = pipeline.stream_job(chosen, "score_stream-1-1", pipeline.topics_there(chosen))
    steps = pipeline.pipeline(chosen, job)
    graph = steps.to_runner_api()
    labels = {transform.unique_name for transform in graph.components.transforms.values()}
    assert {"Read Events/Poll", "Score Events/Score", "Write Outcomes/Send and Commit"} <= labels
    assert steps.options.get_all_options()["job_name"] == "onegraph-score-stream-1-1"
    assert cloudpickle.loads(cloudpickle.dumps(job)) == job


def test_of_two_wrong_options_the_format_of_values_is_told_first():
    both = settings(avro_schema=("trips.avsc",), contributions=-1)
    with pytest.raises(UsageError, match="--avro-schema is given, --value-format is json"):
        pipeline.formats(both)
    with pytest.raises(UsageError, match="--contributions"):
        pipeline.formats(dataclasses.replace(both, avro_schema=()))
