"""Three Kafka nodes on loopback, three replicas of everything, the job's connections behind proxies."""

import base64
import contextlib
import os
import pathlib
import signal
import subprocess
import time
import uuid

from beam_jobs.process.loopback import HOST, free_port
from beam_jobs.services import background_process, java, local_kafka
from chaos.brokers.disk import SmallDisk
from chaos.brokers.proxy import Proxy
from schemas.errors import ServiceError

NODES = (1, 2, 3)
_MAIN = "kafka.Kafka"
_JVM = ("-Xmx400m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")  # they start far more often than they work long
_UP_S = 120
_DISK_MB = 4_096
_SETTINGS = """
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=DIRECT://127.0.0.1:{direct},JOB://127.0.0.1:{behind},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=DIRECT://127.0.0.1:{direct},JOB://127.0.0.1:{proxied}
controller.listener.names=CONTROLLER
inter.broker.listener.name=DIRECT
listener.security.protocol.map=DIRECT:PLAINTEXT,JOB:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
default.replication.factor=3
min.insync.replicas=2
unclean.leader.election.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=3
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
log.cleaner.dedupe.buffer.size=8388608
"""


class KafkaCluster:
    """As `chaos.brokers.one_broker.OneBroker`, with three nodes: `kill` takes the next in turn, `kill_all` takes all.

    The last node has its log on a disk that can be made full.

    `servers` is where the suite connects, `job_servers` where the job does: through `proxies`.
    """

    def __init__(self, folder: pathlib.Path):
        self._folder, self._turn = folder, 0
        self._disk = SmallDisk(self._home(NODES[-1]) / "data", _DISK_MB)
        self._direct, self._behind, self._controller = ([free_port() for _ in NODES] for _ in range(3))
        self.proxies = [Proxy(port) for port in self._behind]
        self.servers = ",".join(f"{HOST}:{port}" for port in self._direct)
        self.job_servers = ",".join(f"{HOST}:{proxy.port}" for proxy in self.proxies)
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().strip("=").replace("-", "0")
        for node in NODES:
            self._format(node, cluster)

    def start(self) -> None:
        """Start the nodes that do not run and wait until every one answers."""
        library = local_kafka.jars()
        for node in NODES:
            if self._pid(node) is None:
                command = [java.java(), *_JVM, "-cp", f"{local_kafka.SOURCE}:{library}/*", *self._words(node)]
                background_process.spawn(command, self._home(node) / "kafka.log", self._home(node) / "kafka.pid")
        ends = time.monotonic() + _UP_S
        for port in self._direct:
            while not local_kafka.answers(f"{HOST}:{port}"):
                if time.monotonic() > ends:
                    raise ServiceError(f"{self._folder}: a node does not answer on port {port} within {_UP_S} s")
                time.sleep(0.2)

    def kill(self) -> int:
        """Kill one node with SIGKILL; returns its pid."""
        self._turn += 1
        return self._kill(NODES[self._turn % len(NODES)])

    def kill_all(self) -> None:
        """Kill every node with SIGKILL."""
        for node in NODES:
            self._kill(node)

    def fill_a_disk(self) -> None:
        """Leave the last node no room for its log; a node ends itself when it cannot write."""
        self._disk.fill()

    def the_full_one_ended(self) -> bool:
        """Say whether the node without room has ended itself."""
        return self._pid(NODES[-1]) is None

    def kill_the_full_one(self) -> int:
        """Kill the node without room with SIGKILL; returns its pid."""
        return self._kill(NODES[-1])

    def mend(self) -> None:
        """Give back room, speed and every node, whatever was taken."""
        self._disk.make_room()
        for proxy in self.proxies:
            proxy.delay_s = 0.0
        self.start()

    def stop(self) -> None:
        """End the nodes, the disk and the proxies."""
        for node in NODES:
            background_process.end(self._home(node) / "kafka.pid", self._words(node), patience_s=20)
        self._disk.close()
        for proxy in self.proxies:
            proxy.close()

    def _kill(self, node: int) -> int:
        pid = self._pid(node)
        if pid is None:
            raise AssertionError(f"node {node} does not run")
        os.kill(pid, signal.SIGKILL)
        background_process.ended(pid, 10_000)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        return pid

    def _format(self, node: int, cluster: str) -> None:
        home, place = self._home(node), node - 1
        home.mkdir(parents=True, exist_ok=True)
        text = _SETTINGS.format(
            node=node,
            voters=",".join(f"{one}@{HOST}:{port}" for one, port in zip(NODES, self._controller, strict=True)),
            direct=self._direct[place],
            behind=self._behind[place],
            controller=self._controller[place],
            proxied=self.proxies[place].port,
            data=home / "data",
        )
        (home / "server.properties").write_text(text)
        command = [java.java(), "-cp", f"{local_kafka.jars()}/*", "kafka.tools.StorageTool", "format"]
        command += [f"--cluster-id={cluster}", "-c", str(home / "server.properties")]
        subprocess.run(command, capture_output=True, timeout=120, check=True)

    def _home(self, node: int) -> pathlib.Path:
        return self._folder / f"node-{node}"

    def _words(self, node: int) -> tuple[str, str]:
        return _MAIN, str(self._home(node) / "server.properties")

    def _pid(self, node: int) -> int | None:
        return background_process.running(self._home(node) / "kafka.pid", self._words(node))
