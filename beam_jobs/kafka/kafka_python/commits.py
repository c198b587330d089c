"""Commits that outlast the broker's own patience, and the topic's id, asked of a kafka-python consumer.

A broker forgets a committed offset of a group without members `offsets.retention.minutes` (7 days by default) after its
last commit, unless the commit said how long it is to be kept. Versions 2 to 4 of the request can; kafka-python sends a
later one. The topic's id tells a topic from one that was made anew under its name (Kafka 2.8 and later).
"""

import time
import types
import uuid
from collections.abc import Mapping
from typing import Any

from kafka import KafkaConsumer, TopicPartition, errors
from kafka.protocol.consumer import OffsetCommitRequest
from kafka.protocol.metadata import MetadataRequest
from kafka.structs import OffsetAndMetadata

KEPT_DAYS = 365
_KEPT_MS = KEPT_DAYS * 24 * 3_600_000
_LAST_THAT_KEEPS = 4
_LAST = 8  # later ones are for another kind of group
_NO_ID = str(uuid.UUID(int=0))


def ask_to_keep(consumer: KafkaConsumer) -> None:
    """Have a consumer that joins no group say how long its commits are to be kept, if the broker takes that."""
    coordinator = consumer._coordinator
    coordinator._send_offset_commit_request = types.MethodType(_send, coordinator)


def topic_id(consumer: KafkaConsumer, topic: str, timeout_s: float) -> str | None:
    """Ask the broker for the id of the topic of that name now; None if it has no ids.

    Raises kafka-python's errors; `UnknownTopicOrPartitionError` if there is no such topic.
    """
    request = MetadataRequest(
        topics=[MetadataRequest.MetadataRequestTopic(name=topic)], allow_auto_topic_creation=False
    )
    manager = consumer._manager

    async def ask() -> Any:
        return await manager.wait_for(manager.send(request), 1_000 * timeout_s)

    [found] = consumer._net.run(ask).topics
    if found.error_code == errors.UnknownTopicOrPartitionError.errno:
        raise errors.UnknownTopicOrPartitionError(topic)
    return known_id(found.topic_id)


def known_id(given: uuid.UUID | str | None) -> str | None:
    """Return a topic's id as text, None for that of a broker without ids."""
    return None if given is None or str(given) == _NO_ID else str(given)


async def _send(coordinator: Any, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
    node = coordinator.coordinator()
    if node is None:
        raise errors.CoordinatorNotAvailableError()
    began = time.monotonic()
    request = _request(coordinator, offsets, _LAST_THAT_KEEPS)
    try:
        try:
            answer = await coordinator._manager.send(request, node_id=node)
        except errors.IncompatibleBrokerVersion:  # it takes none that keeps: as long as the broker likes, then
            request = _request(coordinator, offsets, _LAST)
            answer = await coordinator._manager.send(request, node_id=node)
    except Exception as error:
        coordinator._failed_request(node, request, error)
        raise
    coordinator._handle_offset_commit_response(offsets, began, answer)


def _request(coordinator: Any, offsets: Mapping[TopicPartition, OffsetAndMetadata], last: int) -> OffsetCommitRequest:
    of_topic = OffsetCommitRequest.OffsetCommitRequestTopic
    of_partition = of_topic.OffsetCommitRequestPartition
    topics: dict[str, list[Any]] = {}
    for tp, at in offsets.items():
        wanted = of_partition(partition_index=tp.partition, committed_offset=at.offset, committed_metadata=at.metadata)
        topics.setdefault(tp.topic, []).append(wanted)
    return OffsetCommitRequest(
        max_version=last,
        group_id=coordinator.group_id,
        generation_id_or_member_epoch=-1,
        member_id="",
        retention_time_ms=_KEPT_MS,
        topics=[of_topic(name=name, partitions=partitions) for name, partitions in topics.items()],
    )
