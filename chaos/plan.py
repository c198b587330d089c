"""The plan of one seed: which faults come in which order, and where exactly they strike."""

import dataclasses
import random

# Where the process of the job kills itself with SIGKILL, see chaos.jobs.fork_server.
MID_BUNDLE = "before send"
SENT = "after send, before acknowledgement"
ACKNOWLEDGED = "after acknowledgement, before commit"
COMMITTED = "after commit"
POINTS = (MID_BUNDLE, SENT, ACKNOWLEDGED, COMMITTED)
_OUTAGE_S, _SLOW_S, _RESETS_S = 60.0, 10.0, 5.0
_OFTEN = (MID_BUNDLE, SENT)  # passed many times a second; the others about once

KILL = "kill -9 of the job"
WORKER = "kill -9 of the Python worker"
TASK_MANAGER = "kill -9 of the TaskManager"
JOB_MANAGER = "kill -9 of the JobManager"
BROKER = "kill -9 of the broker"
OUTAGE = "all brokers away"
SLOW = "slow network"
RESETS = "connections reset"
BROKER_DISK = "the disk of a broker full"
JOB_DISK = "the disk of the job full"
PARTITION = "a partition added"
SWAP = "swap"
ROLLBACK = "rollback"
BROKEN = "broken bundle"
FAULTS = frozenset({KILL, WORKER, TASK_MANAGER, JOB_MANAGER, BROKER, OUTAGE, SLOW, RESETS, BROKER_DISK, JOB_DISK})


@dataclasses.dataclass(frozen=True)
class Action:
    """One thing that is done to the running job. `point` and `count` are those of `KILL`; `wait_s` says how long.

    `at` is the share of the messages that are let go before it starts.
    """

    what: str
    at: float
    point: str = ""
    count: int = 0
    wait_s: float = 0.0

    @property
    def is_fault(self) -> bool:
        """Whether it takes something from the job, which a swap does not."""
        return self.what in FAULTS

    def __str__(self) -> str:
        where = f", {self.point}, at pass {self.count}" if self.point else ""
        return f"{self.what}{where}{f', {self.wait_s:g} s' if self.wait_s else ''}"


def client(seed: int, runner: str) -> str:
    """Return the Kafka client of a seed's job: confluent if an even seed is on the local runner."""
    return "confluent" if runner == "local" and seed % 2 == 0 else "kafka-python"


def plan(seed: int, runner: str, tier: int = 1) -> list[Action]:
    """Return the actions of a seed, one after the other, never two at a time; tier 2 adds network, full disks and more.

    >>> plan(1, "local") == plan(1, "local"), plan(1, "local") == plan(2, "local")
    (True, False)
    >>> sorted(action.what for action in plan(3, "flink") if action.is_fault)
    ['kill -9 of the Python worker', 'kill -9 of the TaskManager', 'kill -9 of the broker']
    """
    chance = random.Random(f"plan-{runner}-{seed}")
    if runner == "local":
        acts = [
            (KILL, point, chance.randint(20, 200) if point in _OFTEN else chance.randint(1, 3), 0.0) for point in POINTS
        ]
    else:
        acts = [(WORKER, "", 0, 0.0), (TASK_MANAGER, "", 0, 0.0)]
    acts.append((BROKER, "", 0, 0.0))
    if tier > 1:
        acts += [(OUTAGE, "", 0, _OUTAGE_S), (SLOW, "", 0, _SLOW_S), (RESETS, "", 0, _RESETS_S)]
        acts += [(what, "", 0, 0.0) for what in (BROKER_DISK, JOB_DISK, PARTITION)]
        acts += [(JOB_MANAGER, "", 0, 0.0)] if runner == "flink" else []
    chance.shuffle(acts)
    # the broken bundle is one that is not live: it comes before the swap to it or after the rollback from it
    releases = [SWAP, ROLLBACK]
    releases.insert(chance.choice((0, 2)), BROKEN)
    places = sorted(chance.sample(range(len(acts) + len(releases)), len(releases)))
    for place, what in zip(places, releases, strict=True):
        acts.insert(place, (what, "", 0, 0.0))
    return [
        Action(what, (number + 1) / (len(acts) + 1), point, count, wait_s)
        for number, (what, point, count, wait_s) in enumerate(acts)
    ]
