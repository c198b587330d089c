"""One streaming job as all of its steps know it: its name, where Kafka is, its topics and its group, its registry."""

import dataclasses
from typing import Self

from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.groups.position_note import Lease
from beam_jobs.kafka.topics.topics import DEFAULT_MESSAGE_BYTES, Topic
from beam_jobs.process.run_files import Job


@dataclasses.dataclass(frozen=True)
class TopicFacts:
    """What the steps know of a topic, as the job's start found it; `id` is None if the broker has no ids.

    `broker_time` says that the topic has LogAppendTime, so that its timestamps tell how long events waited.
    """

    name: str
    id: str | None = None
    max_message_bytes: int = DEFAULT_MESSAGE_BYTES
    broker_time: bool = False

    @classmethod
    def of(cls, topic: Topic) -> Self:
        """Return the facts of a topic that the broker described."""
        return cls(topic.name, topic.id, topic.max_message_bytes, topic.broker_time)


@dataclasses.dataclass(frozen=True, kw_only=True)
class StreamJob:
    """What several steps need; plain values that travel to workers, never a secret.

    `name` is that of one run: the stop signal and what the run's DoFns share in a process go by it. `registry` is
    absolute. Offsets are committed while `lease` is the group's, if there is one. A broker that is down, and a
    breaker that has tripped, are waited for `hold_s` at most.
    """

    name: str
    servers: Connection | str
    group: str
    source: TopicFacts
    predictions: TopicFacts
    rejected: TopicFacts
    shadow: TopicFacts | None = None
    registry: str
    runner: str
    lease: Lease | None = None
    hold_s: float = 300.0

    @property
    def written(self) -> tuple[TopicFacts, ...]:
        """The topics that the job writes to."""
        always = self.predictions, self.rejected
        return always if self.shadow is None else (*always, self.shadow)

    @property
    def reads(self) -> str:
        """What tells the job's events and group from those of others; the same for every run that goes on there."""
        return f"{self.servers}/{self.source.name}/{self.group}"

    @property
    def about(self) -> Job:
        """What the job says about itself on the machines where it runs."""
        return Job(
            name=self.name,
            source_topic=self.source.name,
            group=self.group,
            registry=self.registry,
            runner=self.runner,
        )
