"""What a Kafka client must do for the jobs, whichever library stands behind it, and how large its pieces are.

`kafka_python` and `librdkafka` implement these protocols with every lossy default of their library set off. Whatever a
library raises comes out as `ServiceError`, one line that names the servers; `Unavailable` if trying again may help.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from beam_jobs.kafka.records import Outgoing, Polled

FIRST_ANSWER_S = 3.0  # how long a command waits for anything to answer there, before it has begun
CONNECT_S = 15.0  # how long a client waits for the first broker, and for the answer to a question
DELIVERY_S = 120.0  # how long a producer tries to send a record
FETCH_BYTES_PER_PARTITION = 1 << 20
FETCH_BYTES = 16 << 20
POLL_BYTES = 8 << 20  # of keys, values and headers, decompressed, that one poll hands out, give or take a record
BATCH_BYTES = 900_000  # of a batch that is sent; Kafka takes 1,048,588 by default
MAX_REQUEST_BYTES = 64 << 20  # the topic's own limit decides, see `topics.Topic.max_message_bytes`


class Consumer(Protocol):
    """Reads assigned partitions of one topic, and a group's committed offsets; never joins the group.

    Not thread safe. `partitions` are those that the topic is known to have; `full` says whether the last poll ended at
    one of its limits.
    """

    partitions: tuple[int, ...]
    full: bool

    def beginning_offsets(self, partitions: Sequence[int]) -> dict[int, int]:
        """Return the first offset that each partition still has."""

    def end_offsets(self, partitions: Sequence[int]) -> dict[int, int]:
        """Return the offset behind the last committed record of each partition."""

    def find_partitions(self) -> tuple[int, ...]:
        """Ask the broker which partitions the topic has by now, and remember them in `partitions`."""

    def committed(self, partitions: Sequence[int]) -> dict[int, int]:
        """Return the group's committed offsets, without the partitions that have none."""

    def go_to(self, offsets: Mapping[int, int]) -> None:
        """Read exactly these partitions, from these offsets; those that are there already keep what was fetched."""

    def poll(self, timeout_s: float, max_records: int, max_bytes: int = POLL_BYTES) -> Polled:
        """Return records as soon as there are any, partitions together, each in order.

        Raises `OffsetsLost` if the log no longer has the next offset. The records that reach `max_bytes` are the
        last ones: one record with kafka-python, with librdkafka those that are taken together, 64 at most.
        """

    def positions(self) -> dict[int, int]:
        """Return the next offset of every assigned partition; it moves past control records and gaps too."""

    def high_waters(self) -> dict[int, int]:
        """Return the end of every partition as the broker's last answer gave it."""

    def pause(self, partition: int) -> None:
        """Stop fetching a partition until the next `go_to`."""

    def close(self) -> None:
        """Close the connections; commits nothing."""


class Delivery(Protocol):
    """Records on their way to one partition; its text names servers, topic and partition."""

    done_at: float  # of time.perf_counter, when the broker had answered

    @property
    def done(self) -> bool:
        """Whether the broker has answered, good or bad."""

    def settled(self, timeout_s: float) -> bool:
        """Wait for the broker's answer so long; return whether it is there, good or bad."""

    def wait(self, timeout_s: float) -> None:
        """Return once the broker has all of it; raises `ServiceError` when it refused any of it or did not answer."""


class Producer(Protocol):
    """Sends records, idempotent and acknowledged by all replicas; thread safe.

    A record that is not acknowledged within `delivery_s` is given up.
    """

    delivery_s: float

    def partition_count(self, topic: str, at_least: int = 0) -> int:
        """Return how many partitions a topic has; raises `ServiceError` if there is no such topic.

        If that is fewer than `at_least`, the broker is asked now and then whether it has grown.
        """

    def send(self, topic: str, partition: int, records: Outgoing, max_batch_bytes: int) -> Sequence[Delivery]:
        """Queue records for a partition, in order; the caller waits for every delivery."""

    def close(self) -> None:
        """Close the connections; what was not waited for may be lost."""
