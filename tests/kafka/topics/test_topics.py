"""The topics of a scoring job, on a real broker."""

import dataclasses

import pytest

from beam_jobs.kafka.topics import topics as job_topics
from schemas.errors import ServiceError
from tests.support.kafka_records import put, read


def names(topics):
    unique = topics("unique")
    return f"{unique}.source", f"{unique}.predictions", f"{unique}.rejected"


def test_made_once_with_what_the_job_needs(broker, topics):
    source, predictions, rejected = wanted = names(topics)
    specified = job_topics.for_scoring(source, predictions, rejected, partitions=3, source_bytes=100_000)
    assert job_topics.create(broker, specified) == list(wanted)
    assert job_topics.create(broker, specified) == []
    source, predictions, rejected = (job_topics.required(broker, wanted)[name] for name in wanted)
    assert {topic.partitions for topic in (source, predictions, rejected)} == {3}
    assert source.settings["message.timestamp.type"] == "LogAppendTime"
    assert predictions.settings["message.timestamp.type"] == "LogAppendTime"
    assert rejected.max_message_bytes == source.max_message_bytes + (64 << 10) == 165_536
    assert rejected.settings["retention.ms"] == "-1"


def test_rejected_records_keep_any_time(broker, topics):
    source, predictions, rejected = wanted = names(topics)
    job_topics.create(broker, job_topics.for_scoring(source, predictions, rejected, partitions=1, source_bytes=100_000))
    times = [-1, 0, 1, 1_400_269_500_000, 253_402_300_799_999]
    put(broker, wanted[2], 0, [b"x"] * len(times), timestamps_ms=times)
    assert [one.timestamp_ms for one in read(broker, wanted[2])] == times


def test_topics_that_are_there_stay_as_they_are(broker, topics):
    mine = topics("mine", partitions=5)
    made = job_topics.create(broker, job_topics.for_scoring(mine, f"{mine}.p", f"{mine}.r", 2, 100_000))
    assert made == [f"{mine}.p", f"{mine}.r"]
    assert job_topics.required(broker, [mine])[mine].partitions == 5


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, None),
        ({"max.message.bytes": "999999"}, None),
        ({"max.message.bytes": "165535"}, "max.message.bytes is 165535, wanted 165536"),
        ({"retention.ms": "604800000"}, "retention.ms is 604800000, wanted -1"),
        ({"message.timestamp.type": "LogAppendTime"}, "message.timestamp.type is LogAppendTime, wanted CreateTime"),
        ({"message.timestamp.after.max.ms": "3600000"}, "message.timestamp.after.max.ms is 3600000, wanted 92233"),
    ],
)
def test_a_rejected_topic_that_would_not_keep_its_records_is_refused(settings, said):
    source, _, rejected = job_topics.for_scoring("source", "predictions", "rejected", 1, 100_000)
    rejected = dataclasses.replace(rejected, settings=dict(rejected.settings) | settings)
    if said is None:
        job_topics.check_rejected(source, rejected)
        return
    with pytest.raises(
        ServiceError, match="topic 'rejected' would not keep every rejected record as it is: "
    ) as caught:
        job_topics.check_rejected(source, rejected)
    assert said in str(caught.value)


@pytest.mark.parametrize("policy", ["compact", "compact,delete"])
def test_a_compacted_topic_is_refused_where_it_is_written_to(broker, topics, policy):
    fine, compacted = topics("predictions"), topics("compacted", cleanup_policy=policy)
    found = job_topics.required(broker, [fine, compacted])
    job_topics.check_written([found[fine]])
    with pytest.raises(
        ServiceError, match=rf"^topic '{compacted}': cleanup.policy is .*compact.*, wanted delete: "
    ) as why:
        job_topics.check_written([found[fine], found[compacted]])
    assert "kafka-configs.sh --alter --add-config cleanup.policy=delete" in str(why.value)


def test_topics_are_made_uncompacted_whatever_the_clusters_default_but_for_the_source():
    source, *written = job_topics.for_scoring("source", "predictions", "rejected", 1, 100_000, "shadow")
    assert "cleanup.policy" not in source.settings
    assert [topic.settings["cleanup.policy"] for topic in written] == ["delete"] * 3


def test_a_rejected_topic_of_kafkas_own_settings_is_refused(broker, topics):
    found = job_topics.required(broker, [topics("source"), topics("rejected", retention_ms=604_800_000)])
    with pytest.raises(ServiceError, match=r"max\.message\.bytes is 1048588, wanted 1114124; |retention\.ms is"):
        job_topics.check_rejected(*found.values())


def test_the_missing_one_is_named(broker, topics):
    there = topics("there")
    assert list(job_topics.describe(broker, [there, "nowhere"])) == [there]
    with pytest.raises(ServiceError, match=f"{broker}: no topic 'nowhere'"):
        job_topics.required(broker, [there, "nowhere"])
