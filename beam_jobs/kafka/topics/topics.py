"""The topics of the streaming job: what they must be like, what they are like, and how to make them."""

import dataclasses
from collections.abc import Mapping, Sequence

from kafka import errors
from kafka.admin import ConfigResource, ConfigResourceType

from beam_jobs.kafka.client import CONNECT_S, FIRST_ANSWER_S
from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.errors import missing_topic, not_allowed, unusable_topic
from beam_jobs.kafka.kafka_python.commits import known_id
from beam_jobs.kafka.kafka_python.translation import admin_client
from schemas.errors import ServiceError

DEFAULT_MESSAGE_BYTES = 1_048_588  # the largest that Kafka takes by default
HEADROOM_BYTES = 64 << 10  # what our headers may add to a rejected record, with much to spare
_FOREVER = str(2**63 - 1)
_SIZE = "max.message.bytes"
_TIME = "message.timestamp.type"
_CLEANUP = "cleanup.policy"


@dataclasses.dataclass(frozen=True)
class Topic:
    """A topic; `settings` are Kafka's own names and values, of an existing topic all of them.

    `id` is that of an existing topic, None if the broker has no ids (before Kafka 2.8).
    """

    name: str
    partitions: int
    settings: Mapping[str, str]
    id: str | None = None

    @property
    def max_message_bytes(self) -> int:
        """The largest batch that the topic takes."""
        return int(self._given()[_SIZE])

    @property
    def broker_time(self) -> bool:
        """Whether the broker stamps its records itself, with the time at which they came."""
        return self._given().get(_TIME) == "LogAppendTime"

    @property
    def cleanup_policy(self) -> str:
        """What the broker does with old records: `delete`, `compact`, or both."""
        return self._given().get(_CLEANUP) or "delete"

    def _given(self) -> Mapping[str, str]:
        if not self.settings:  # the client library hides a broker's refusal
            raise not_allowed("the brokers", "DescribeConfigs of", self.name)
        return self.settings


def describe(servers: Connection | str, names: Sequence[str]) -> dict[str, Topic]:
    """Return the topics of these names that exist.

    Jobs and commands begin here: a server that does not answer within `FIRST_ANSWER_S` is named in a `ServiceError`.
    """
    with admin_client(servers, "describing topics", CONNECT_S, FIRST_ANSWER_S) as admin:
        counts, ids = {}, {}
        for topic in admin.describe_topics(list(names)):
            if topic["error_code"] == 0:
                counts[topic["name"]] = len(topic["partitions"])
                ids[topic["name"]] = known_id(topic.get("topic_id"))
            elif topic["error_code"] != errors.UnknownTopicOrPartitionError.errno:
                raise unusable_topic(servers, topic["name"], topic["error_code"])
        if not counts:
            return {}
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in counts]
        settings = admin.describe_configs(resources, config_filter="all")["topic"]
    return {
        name: Topic(name, count, {key: entry["value"] for key, entry in settings[name].items()}, ids[name])
        for name, count in counts.items()
    }


def required(servers: Connection | str, names: Sequence[str]) -> dict[str, Topic]:
    """Return the topics of these names; raises `ServiceError` naming the first that is missing, and names like it."""
    found = describe(servers, names)
    for name in names:
        if name not in found:
            raise missing_topic(servers, name, topic_names(servers))
    return found


def topic_names(servers: Connection | str) -> list[str]:
    """Return the names of all topics that this user may see."""
    with admin_client(servers, "listing topics", CONNECT_S, FIRST_ANSWER_S) as admin:
        return sorted(admin.list_topics())


def for_scoring(
    source: str, predictions: str, rejected: str, partitions: int, source_bytes: int, shadow: str | None = None
) -> list[Topic]:
    """Return the topics of a scoring job as `--create-topics` makes them; that of its shadows is as `predictions`.

    Source and predictions carry the broker's time (LogAppendTime): latency is the difference of the two, and old event
    times cannot make retention delete what just came. Rejected records keep the time of their event, however old or
    absurd: both limits on it are off, and retention by time too, since it would count from that time; cut the topic by
    size (`retention.bytes`) or by deleting records. They are at most the source's largest plus our headers.
    """
    broker_time = {_TIME: "LogAppendTime"}
    written = {_CLEANUP: "delete"}  # whatever is the cluster's own default
    event_time = {
        _CLEANUP: "delete",
        _TIME: "CreateTime",
        "message.timestamp.before.max.ms": _FOREVER,
        "message.timestamp.after.max.ms": _FOREVER,
        "retention.ms": "-1",
        _SIZE: str(source_bytes + HEADROOM_BYTES),
    }
    return [
        Topic(source, partitions, broker_time | {_SIZE: str(source_bytes)}),
        Topic(predictions, partitions, broker_time | written),
        Topic(rejected, partitions, event_time),
        *([Topic(shadow, partitions, broker_time | written)] if shadow is not None else []),
    ]


def check_written(topics: Sequence[Topic]) -> None:
    """Raise `ServiceError` if an existing topic that a job writes to is compacted, alone or besides deletion.

    Its broker takes no record without a key, and drops all but the newest record of a key. The source may be one.
    """
    for topic in topics:
        policy = topic.cleanup_policy
        if "compact" in policy:
            raise ServiceError(
                f"topic {topic.name!r}: {_CLEANUP} is {policy}, wanted delete: a compacted topic takes no record "
                f"without a key and loses those before a key's last; set it with kafka-configs.sh --alter --add-config "
                f"{_CLEANUP}=delete, or take another topic"
            )


def check_rejected(source: Topic, rejected: Topic) -> None:
    """Raise `ServiceError` if an existing topic would lose rejected records, or refuse or change them."""
    wanted = for_scoring(source.name, "", rejected.name, 1, source.max_message_bytes)[-1].settings
    bad = [
        f"{name} is {rejected.settings.get(name)}, wanted {value}"
        for name, value in wanted.items()
        if not _as_good(name, rejected.settings.get(name), value)
    ]
    if bad:
        raise ServiceError(
            f"topic {rejected.name!r} would not keep every rejected record as it is: {'; '.join(bad)}. Set them with "
            "kafka-configs.sh --alter, take a topic that --create-topics makes, or give --accept-rejected-topic"
        )


def _as_good(name: str, found: str | None, wanted: str) -> bool:
    if found is None or found == wanted:
        return found is not None or name.startswith("message.timestamp.")  # older brokers have no such limit
    return name == _SIZE and int(found) >= int(wanted)


def create(servers: Connection | str, wanted: Sequence[Topic]) -> list[str]:
    """Make those topics that do not exist, with as many replicas as the cluster's default; return their names."""
    there = describe(servers, [topic.name for topic in wanted])
    new = {
        topic.name: {"num_partitions": topic.partitions, "configs": dict(topic.settings)}
        for topic in wanted
        if topic.name not in there
    }
    if not new:
        return []
    try:
        with admin_client(servers, f"creating topics {', '.join(new)}", CONNECT_S) as admin:
            admin.create_topics(new, wait_for_metadata=True)
    except ServiceError:
        if not set(new) <= set(describe(servers, list(new))):  # else another job was faster
            raise
    return list(new)


def delete(servers: Connection | str, names: Sequence[str]) -> None:
    """Delete the topics of these names that exist, with all that they hold."""
    there = list(describe(servers, names))
    if not there:
        return
    with admin_client(servers, f"deleting topics {', '.join(there)}", CONNECT_S) as admin:
        admin.delete_topics(there)
