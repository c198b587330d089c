"""One seed: send, strike, wait until the job works again, and collect what there is to know."""

import pathlib
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from chaos import plan
from chaos import world as chaos_world
from chaos.evidence import Evidence, Fault
from chaos.messages import Sender, messages
from chaos.plan import Action
from chaos.watch import Watch
from chaos.world import PARTITIONS, World
from schemas.errors import OnegraphError

KEYS = 500
RATES = {1: 1_500, 2: 4_000}  # messages per second at most, by tier
MAX_BATCH = 500
_PATIENCE_S = 600.0
_POLL_MS = 200
_TRICKLE_S = 0.05  # between two messages while an action waits for its effect
_TRICKLES = 200
_DELAY_S = 0.25  # of every piece of data, in each direction
_BETWEEN_RESETS_S = 1.0
_REFUSAL = "goes on serving"
_NO_ROOM = "No space left on device"
_FULL_S = 30.0  # so long a node may go on without room

MakeJob = Callable[[Mapping[str, Any], pathlib.Path, pathlib.Path, Callable[[str], None]], Any]


def job_options(
    servers: str, client: str, registry: pathlib.Path, names: tuple[str, str, str], group: str, markers: pathlib.Path
) -> dict[str, Any]:
    """Return the settings of `score_stream` that every seed has."""
    source, predictions, rejected = names
    return {
        "bootstrap_servers": servers,
        "kafka_client": client,
        "registry": str(registry),
        "group": group,
        "source_topic": source,
        "predictions_topic": predictions,
        "rejected_topic": rejected,
        "max_batch": MAX_BATCH,
        "pointer_poll_ms": _POLL_MS,
        "read_budget_ms": 1_000,
        "marker_folder": str(markers),
        "look_for_partitions_ms": 5_000,
    }


class Run:
    """One seed on one runner. `say` gets the action log line by line."""

    def __init__(self, world: World, seed: int, runner: str, count: int, make_job: MakeJob, say: Callable[[str], None]):
        self._world, self._say = world, say
        self._name = f"chaos-{runner}-{seed}"
        self._made = messages(seed, count, KEYS, world.events)
        self._actions = plan.plan(seed, runner, world.tier)
        self.topics = world.topics(self._name)
        self._registry = world.registry(self._name)
        folder = world.folder / self._name
        folder.mkdir()
        disk = world.job_folder(self._name)
        client = plan.client(seed, runner)
        options = job_options(world.job_servers, client, self._registry, self.topics, self._name, disk / "markers")
        self._job = make_job(options, folder, disk, say)
        self._sender = Sender(world.servers, self.topics[0], PARTITIONS, self._made, RATES[world.tier])
        self._watch = Watch(world.servers, self.topics, self._name, self._job.pids)
        self._faults: list[Fault] = []
        self._refused: list[tuple[str, float, float]] = []
        self._acted_at = self._trickled_at = 0.0

    def evidence(self) -> Evidence:
        """Do all of it and return what was seen."""
        try:
            self._job.start()
            self._sender.start()
            self._sender.allow(int(self._actions[0].at * len(self._made)))
            self._until(lambda: self._watch.committed > 0, "the first commit")
            self._say("the job works")
            for action in self._actions:
                self._sender.allow(int(action.at * len(self._made)))
                self._do(action)
                self._until(lambda: self._sender.sent >= self._sender.allowed, "sending")
            self._sender.finish(_PATIENCE_S)
            end = sum(self._world.ends(self.topics[0]).values())
            self._until(lambda: self._watch.committed >= end, "committing all of it")
            self._say(f"{end:,} messages are done")
            self._job.stop()
        finally:
            self._job.close()
            self._watch.close()
            self._sender.stop()
        return self._world.evidence(
            self.topics,
            self._name,
            self._made,
            samples=list(self._watch.samples),
            faults=list(self._faults),
            deaths=list(self._job.deaths),
            replayed_s=self._job.replayed_s,
            checkpoints=list(self._job.checkpoints),
            replayed_events=MAX_BATCH,
            refused=list(self._refused),
            max_rss_mb=dict(self._watch.max_rss_mb),
        )

    def _do(self, action: Action) -> None:
        self._say(str(action))
        self._acted_at = time.monotonic()
        {
            plan.KILL: self._kill_at_a_point,
            plan.BROKER: self._kill_the_broker,
            plan.OUTAGE: self._take_all_brokers_away,
            plan.SLOW: self._slow_the_network,
            plan.RESETS: self._reset_connections,
            plan.BROKER_DISK: self._fill_the_disk_of_a_broker,
            plan.JOB_DISK: self._fill_the_disk_of_the_job,
            plan.PARTITION: lambda _: self._add_a_partition(),
            plan.SWAP: lambda _: self._point_at(self._world.second),
            plan.ROLLBACK: lambda _: self._point_at(self._world.first),
            plan.BROKEN: self._break_a_bundle,
        }.get(action.what, self._strike_the_job)(action)

    def _kill_at_a_point(self, action: Action) -> None:
        deaths = len(self._job.deaths)
        self._job.arm(action.point, action.count)
        self._until(lambda: len(self._job.deaths) > deaths, f"passing the point {action.point}", self._a_bit_more)
        at = self._job.deaths[-1]
        self._until(lambda: self._job.started_at > at, "the successor")
        self._recovered(action, at, self._job.started_at)

    def _kill_the_broker(self, action: Action) -> None:
        at = time.time()
        pid = self._world.broker.kill()
        self._say(f"broker process {pid} ended (SIGKILL)")
        self._world.broker.start()
        self._say("the broker answers again")
        self._recovered(action, at, time.time())

    def _take_all_brokers_away(self, action: Action) -> None:
        at = time.time()
        self._world.cluster.kill_all()
        time.sleep(action.wait_s)
        self._world.cluster.start()
        self._say("all brokers answer again")
        self._recovered(action, at, time.time())

    def _slow_the_network(self, action: Action) -> None:
        at, proxies = time.time(), self._world.cluster.proxies
        for proxy in proxies:
            proxy.delay_s = _DELAY_S
        time.sleep(action.wait_s)
        for proxy in proxies:
            proxy.delay_s = 0.0
        self._recovered(action, at, time.time())

    def _reset_connections(self, action: Action) -> None:
        at, cut = time.time(), 0
        while time.time() < at + action.wait_s:
            cut += sum(proxy.reset() for proxy in self._world.cluster.proxies)
            time.sleep(_BETWEEN_RESETS_S)
        self._say(f"{cut} connections of the job were reset")
        self._recovered(action, at, time.time())

    def _fill_the_disk_of_a_broker(self, action: Action) -> None:
        at, cluster = time.time(), self._world.cluster
        cluster.fill_a_disk()
        self._until(
            lambda: cluster.the_full_one_ended() or time.time() > at + _FULL_S, "the end of the node", self._a_bit_more
        )
        if cluster.the_full_one_ended():
            self._say(f"the node ended itself {time.time() - at:.1f} s after it")
        else:
            self._say(f"node process {cluster.kill_the_full_one()} went on for {_FULL_S:g} s, then SIGKILL")
        self._recovered(action, at, time.time())
        cluster.mend()
        self._say("the node has room and answers again")

    def _fill_the_disk_of_the_job(self, action: Action) -> None:
        at, disk, job = time.time(), self._world.job_disk, self._job
        self._say(f"{disk.fill():,} bytes in use, no room for more")
        try:
            if job.commits_without_room:
                self._commits_move(action, at)
                self._say("who has its room already goes on")
            line = f"{re.escape(str(disk.folder))}/.*: {_NO_ROOM};.*"
            told = len(self._said(line))
            job.kill()

            def stay_full() -> None:
                disk.fill()  # a cluster removes old checkpoints; somebody else takes their room
                self._a_bit_more()

            self._until(lambda: len(self._said(line)) > told, "a start without room", stay_full)
            self._say(f"its successor ends with one line: {self._said(line)[-1]}")
        finally:
            disk.make_room()
        self._recovered(action, at, time.time())

    def _add_a_partition(self) -> None:
        at = time.time()
        new = self._world.add_a_partition(self.topics)
        self._sender.partitions = new + 1
        self._watch.look_again()
        samples = self._watch.samples
        self._until(lambda: samples[-1].committed.get(new, 0) > 0, "commits of the new partition", self._a_bit_more)
        self._say(f"partition {new} is read {time.time() - at:.1f} s after it, or sooner")

    def _strike_the_job(self, action: Action) -> None:
        at = time.time()
        resumed = self._job.strike(action.what)
        self._recovered(action, at, resumed)

    def _recovered(self, action: Action, at: float, resumed: float) -> None:
        self._commits_move(action, resumed)
        self._faults.append(Fault(action, at, resumed))
        self._say(f"commits move again {time.time() - at:.1f} s after it")

    def _commits_move(self, action: Action, after: float) -> None:
        samples = self._watch.samples
        self._until(lambda: samples[-1].at > after, f"a look at the broker after {action}", self._a_bit_more)
        before = self._watch.committed
        self._until(
            lambda: self._watch.committed > before or self._nothing_left(), f"commits after {action}", self._a_bit_more
        )

    def _point_at(self, bundle: str) -> None:
        at = time.time()
        generation = chaos_world.swap(self._registry, bundle)
        answered = self._watch.answered
        self._until(lambda: answered.get(bundle, 0.0) > at, f"predictions of bundle {bundle}", self._a_bit_more)
        self._say(f"generation {generation}: bundle {bundle} answers {answered[bundle] - at:.1f} s after it, or sooner")

    def _break_a_bundle(self, action: Action) -> None:
        bundle, back = self._world.second, self._world.first
        time.sleep(2 * _POLL_MS / 1000)
        mend = chaos_world.flip_a_byte(self._registry, bundle)
        start, told = time.time(), len(self._said(_REFUSAL))
        try:
            chaos_world.swap(self._registry, bundle)
        except OnegraphError as error:
            self._say(f"refused by the release: {error}")
        else:
            raise AssertionError("a release pointed at a bundle with a flipped byte")
        chaos_world.point_by_hand(self._registry, bundle)
        self._until(lambda: len(self._said(_REFUSAL)) > told, "the job's refusal", self._a_bit_more)
        self._say("refused by the job too, the one before it goes on serving")
        mend()
        chaos_world.swap(self._registry, back)
        self._refused.append((bundle, start, time.time()))

    def _said(self, pattern: str) -> list[str]:
        """Return what the job has said like that."""
        return re.findall(pattern, self._job.log.read_text(errors="replace"))

    def _a_bit_more(self) -> None:
        now = time.monotonic()
        pause_s = max(_TRICKLE_S, (now - self._acted_at) / _TRICKLES)  # an endless wait must not use up all messages
        if self._sender.sent >= self._sender.allowed and now > self._trickled_at + pause_s:
            self._sender.allow(self._sender.allowed + 1)
            self._trickled_at = now

    def _nothing_left(self) -> bool:
        return self._sender.sent == len(self._made) and self._watch.committed >= self._sender.sent

    def _until(self, true: Callable[[], bool], what: str, meanwhile: Callable[[], object] = int) -> None:
        def step() -> None:
            self._job.check()
            meanwhile()

        self._watch.wait_for(true, f"{self._name}: {what}", _PATIENCE_S, step)
