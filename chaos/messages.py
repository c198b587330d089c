"""The messages of one seed: mostly good trips, about 2 % bad ones whose reason of rejection is known by construction.

Every message has a key of a closed set and, in a header, its number: what was sent is told apart without the payload.
"""

import dataclasses
import random
import threading
import time
from collections.abc import Callable, Sequence

from beam_jobs.kafka.kafka_python.producer import Producer
from beam_jobs.kafka.partitions import partition_of_key
from beam_jobs.kafka.records import Outgoing

NUMBER = "chaos.number"
BAD_SHARE = 0.02
_BATCH_BYTES = 1_500_000
_TICK_S = 0.02
_LARGE = (1 << 20) + 1

Spoil = Callable[[bytes], bytes | None]
# Reason and how a good event is spoiled into one that must be rejected for it; `event` is a JSON object without spaces.
SPOILED: Sequence[tuple[str, Spoil]] = (
    ("JSON_SYNTAX", lambda event: event[:-1]),
    ("JSON_SYNTAX", lambda event: event + b"x"),
    ("JSON_SYNTAX", lambda event: b""),
    ("JSON_DUP_KEY", lambda event: b'{"trip_start_hour":1,' + event[1:]),
    ("JSON_DEPTH", lambda event: event[:-1] + b',"deep":' + b"[" * 1000 + b"]" * 1000 + b"}"),
    ("TOMBSTONE", lambda event: None),
    ("ENCODING", lambda event: event[:-1] + b',"note":"\xff"}'),
    ("TYPE", lambda event: b"[" + event + b"]"),
    ("TYPE", lambda event: _replaced(event, b'"trip_start_day":', b'"text"')),
    ("NUM_NONFINITE", lambda event: _replaced(event, b'"fare":', b"1e400")),
    ("NUM_NONFINITE", lambda event: _replaced(event, b'"fare":', b"NaN")),
    ("INT_RANGE", lambda event: _replaced(event, b'"trip_start_hour":', b"9223372036854775808")),
    ("RANGE", lambda event: _replaced(event, b'"trip_start_month":', b"13")),
    ("TIME_RANGE", lambda event: _replaced(event, b'"trip_start_timestamp":', b"0")),
    ("REQUIRED", lambda event: b"{}"),
)


def _replaced(event: bytes, field: bytes, value: bytes) -> bytes:
    """Return the event with another value of a number field.

    >>> _replaced(b'{"a":1,"b":2}', b'"b":', b"x")
    b'{"a":1,"b":x}'
    """
    start = event.index(field) + len(field)
    end = min(place for place in (event.find(b",", start), event.find(b"}", start)) if place >= 0)
    return event[:start] + value + event[end:]


@dataclasses.dataclass(frozen=True)
class Message:
    """What is sent; `reason` is None for an event that must be scored."""

    number: int
    key: bytes
    value: bytes | None
    reason: str | None


def messages(seed: int, count: int, keys: int, events: Sequence[bytes]) -> list[Message]:
    """Return the messages of a seed; the same seed, the same messages."""
    chance = random.Random(f"messages-{seed}")
    made = []
    for number in range(count):
        key, event = b"key-%d" % chance.randrange(keys), chance.choice(events)
        if chance.random() < BAD_SHARE:
            reason, spoil = chance.choice(SPOILED)
            made.append(Message(number, key, spoil(event), reason))
        else:
            made.append(Message(number, key, event, None))
    large = chance.randrange(count)
    made[large] = Message(large, made[large].key, b" " * _LARGE + b"{}", "TOO_LARGE")
    return made


class MessageSender:
    """Sends messages at a rate, in a thread, never beyond what was allowed so far; sends again what got no answer.

    A batch without an answer may be in the topic twice then. That is why the topic itself is the truth.
    """

    def __init__(self, servers: str, topic: str, partitions: int, made: Sequence[Message], rate: float):
        self._servers, self._topic, self.partitions = servers, topic, partitions
        self._made, self._rate = made, rate
        self._allowed = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)
        self.sent = 0
        self.failures = 0

    def start(self) -> None:
        """Begin to send what is allowed."""
        self._thread.start()

    def allow(self, count: int) -> None:
        """Let the first `count` messages go."""
        self._allowed = min(max(self._allowed, count), len(self._made))

    @property
    def count(self) -> int:
        """How many there are in all."""
        return len(self._made)

    @property
    def allowed(self) -> int:
        """How many may go by now."""
        return self._allowed

    def finish(self, timeout_s: float) -> None:
        """Let everything go and wait until the broker has it."""
        self.allow(len(self._made))
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise AssertionError(f"only {self.sent} of {len(self._made)} messages were sent in {timeout_s:g} s")

    def stop(self) -> None:
        """Send no more, whatever is left."""
        self._stop.set()
        self._thread.join(60)

    def _run(self) -> None:
        producer = None
        credit, last = 0.0, time.monotonic()
        while self.sent < len(self._made) and not self._stop.is_set():
            time.sleep(_TICK_S)
            now = time.monotonic()
            credit, last = min(credit + (now - last) * self._rate, self._rate), now
            count = min(int(credit), self._allowed - self.sent)
            if count < 1:
                continue
            try:
                producer = producer or Producer(self._servers)
                self._send(producer, self._made[self.sent : self.sent + count])
            except Exception:  # the broker is down on purpose: the same messages again, in the same order
                self.failures += 1
                if producer is not None:
                    producer.close()
                producer = None
                continue
            self.sent += count
            credit -= count
        if producer is not None:
            producer.close()

    def _send(self, producer: Producer, part: Sequence[Message]) -> None:
        by_partition: dict[int, list[Message]] = {}
        for message in part:
            by_partition.setdefault(partition_of_key(message.key, self.partitions), []).append(message)
        deliveries = []
        for partition, of_it in by_partition.items():
            now = int(time.time() * 1000)
            records = Outgoing(
                [partition] * len(of_it),
                [now] * len(of_it),
                [message.key for message in of_it],
                [message.value for message in of_it],
                [[(NUMBER, b"%d" % message.number)] for message in of_it],
            )
            deliveries += producer.send(self._topic, partition, records, _BATCH_BYTES)
        for delivery in deliveries:
            delivery.wait(producer.delivery_s)
