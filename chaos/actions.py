"""What is done to a running job: every action of a plan, and the wait until the job works again."""

import pathlib
import re
import time
from collections.abc import Callable
from typing import Any

from chaos import bundles, plan
from chaos.brokers.topics import Names
from chaos.evidence import Fault
from chaos.messages import MessageSender
from chaos.pace import Pace
from chaos.plan import Action
from chaos.watch import Watch
from chaos.world import World
from schemas.errors import OnegraphError

POLL_MS = 200  # between two looks of the job at the pointer
_DELAY_S = 0.25  # of every piece of data, in each direction
_BETWEEN_RESETS_S = 1.0
_REFUSAL = "goes on serving"
_NO_ROOM = "No space left on device"
_FULL_S = 30.0  # so long a node may go on without room


class Actions:
    """The actions on the job of one seed. `faults` and `refused` are what `chaos.evidence` wants of them."""

    def __init__(
        self,
        world: World,
        job: Any,
        topics: Names,
        registry: pathlib.Path,
        sender: MessageSender,
        watch: Watch,
        pace: Pace,
        say: Callable[[str], None],
    ):
        self._world, self._job, self._topics, self._registry = world, job, topics, registry
        self._sender, self._watch, self._pace, self._say = sender, watch, pace, say
        self.faults: list[Fault] = []
        self.refused: list[tuple[str, float, float]] = []

    def do(self, action: Action) -> None:
        """Do it, and wait until the job works again."""
        self._say(str(action))
        self._pace.begin()
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
        self._pace.sending_until(lambda: len(self._job.deaths) > deaths, f"passing the point {action.point}")
        at = self._job.deaths[-1]
        self._pace.until(lambda: self._job.started_at > at, "the successor")
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
        self._pace.until(
            lambda: cluster.the_full_one_ended() or time.time() > at + _FULL_S,
            "the end of the node",
            self._pace.send_one_more,
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
                self._pace.commits_move(action, at)
                self._say("what has its room already goes on")
            line = f"{re.escape(str(disk.folder))}/.*: {_NO_ROOM};.*"
            before = len(self._said(line))
            job.kill()

            def stay_full() -> None:
                disk.fill()  # a cluster removes old checkpoints; their room is taken by others
                self._pace.send_one_more()

            self._pace.until(lambda: len(self._said(line)) > before, "a start without room", stay_full)
            self._say(f"its successor ends with one line: {self._said(line)[-1]}")
        finally:
            disk.make_room()
        self._recovered(action, at, time.time())

    def _add_a_partition(self) -> None:
        at = time.time()
        new = self._world.topics.add_a_partition(self._topics)
        self._sender.partitions = new + 1
        self._watch.look_again()
        samples = self._watch.samples
        self._pace.sending_until(lambda: samples[-1].committed.get(new, 0) > 0, "commits of the new partition")
        self._say(f"partition {new} is read {time.time() - at:.1f} s after it, or sooner")

    def _strike_the_job(self, action: Action) -> None:
        at = time.time()
        resumed = self._job.strike(action.what)
        self._recovered(action, at, resumed)

    def _recovered(self, action: Action, at: float, resumed: float) -> None:
        self._pace.commits_move(action, resumed)
        self.faults.append(Fault(action, at, resumed))
        self._say(f"commits move again {time.time() - at:.1f} s after it")

    def _point_at(self, bundle: str) -> None:
        at = time.time()
        generation = bundles.swap(self._registry, bundle)
        answered = self._watch.answered
        self._pace.sending_until(lambda: answered.get(bundle, 0.0) > at, f"predictions of bundle {bundle}")
        self._say(f"generation {generation}: bundle {bundle} answers {answered[bundle] - at:.1f} s after it, or sooner")

    def _break_a_bundle(self, action: Action) -> None:
        bundle, back = self._world.second, self._world.first
        time.sleep(2 * POLL_MS / 1000)
        mend = bundles.flip_a_byte(self._registry, bundle)
        start, before = time.time(), len(self._said(_REFUSAL))
        try:
            bundles.swap(self._registry, bundle)
        except OnegraphError as error:
            self._say(f"refused by the release: {error}")
        else:
            raise AssertionError("a release pointed at a bundle with a flipped byte")
        bundles.point_by_hand(self._registry, bundle)
        self._pace.sending_until(lambda: len(self._said(_REFUSAL)) > before, "the job's refusal")
        self._say("refused by the job too, the one before it goes on serving")
        mend()
        bundles.swap(self._registry, back)
        self.refused.append((bundle, start, time.time()))

    def _said(self, pattern: str) -> list[str]:
        """Return what the job has said like that."""
        return re.findall(pattern, self._job.log.read_text(errors="replace"))
