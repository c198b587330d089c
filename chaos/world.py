"""What all seeds share: a broker of the suite's own, a registry with two bundles, and the events that are sent."""

import functools
import itertools
import pathlib
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

from beam_jobs.batch.event_files import events_of
from chaos import bundles, evidence
from chaos.brokers.cluster import KafkaCluster
from chaos.brokers.disk import SmallDisk
from chaos.brokers.one_broker import OneBroker
from chaos.brokers.topics import Names, SeedTopics
from chaos.evidence import Evidence
from chaos.jobs.flink import JobOnFlink
from chaos.jobs.fork_server_process import ForkServerProcess
from chaos.jobs.local import JobOnLocalRunner
from chaos.messages import Message
from chaos.scored_again import ScoredAgain
from models import use_case
from models.registry.pointer import LIVE_FILE
from models.registry.registry import Registry
from schemas.schema import SERVING

_DISK_MB = 32
_EVENTS = 4_000


class World:
    """Broker, registry and events below one folder. Of its two bundles `first` is live, `second` is not."""

    def __init__(self, folder: pathlib.Path, tier: int, say: Callable[[str], None]):
        self.tier = tier
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=folder, prefix="run-"))
        self._fork_server: ForkServerProcess | None = None
        self._disk: SmallDisk | None = None
        self.broker = OneBroker(self.folder / "kafka") if tier == 1 else KafkaCluster(self.folder / "kafka")
        self.topics = SeedTopics(self.servers)
        try:
            self._open(folder, say)
        except BaseException:
            self.close()
            raise

    def _open(self, folder: pathlib.Path, say: Callable[[str], None]) -> None:
        if self.tier > 1:
            self._disk = SmallDisk(self.folder / "disk", _DISK_MB)
        started = time.monotonic()
        self.broker.start()
        say(f"broker up at {self.broker.servers} ({time.monotonic() - started:.1f} s)")
        started = time.monotonic()
        self.events = _events()
        self.pristine = folder / "registry"
        if not (self.pristine / LIVE_FILE).is_file():
            bundles.release_two(folder, self.pristine)
        registry = Registry(self.pristine)
        self.first = registry.released().champion
        (self.second,) = set(registry.bundles()) - {self.first}
        self.scored_again = ScoredAgain(registry, [self.first, self.second])
        say(f"bundles {self.first} and {self.second} trained and released ({time.monotonic() - started:.1f} s)")

    @property
    def servers(self) -> str:
        """Where the suite connects."""
        return self.broker.servers

    @property
    def job_servers(self) -> str:
        """Where the job connects: in tier 2 through the proxies."""
        return self.cluster.job_servers if self.tier > 1 else self.servers

    @property
    def cluster(self) -> KafkaCluster:
        """The three nodes of tier 2."""
        if not isinstance(self.broker, KafkaCluster):
            raise AssertionError("tier 1 has one broker")
        return self.broker

    @property
    def job_disk(self) -> SmallDisk:
        """The disk of the jobs of tier 2."""
        if self._disk is None:
            raise AssertionError("tier 1 has no disk of its own")
        return self._disk

    def job_folder(self, name: str) -> pathlib.Path:
        """Make the folder where a job keeps what is its own; in tier 2 it is on the small disk."""
        folder = (self._disk.folder if self._disk else self.folder) / f"job-{name}"
        folder.mkdir()
        return folder

    def registry(self, name: str) -> pathlib.Path:
        """Return a copy of the registry, of that name."""
        return pathlib.Path(shutil.copytree(self.pristine, self.folder / f"registry-{name}"))

    def make_job(self, runner: str) -> Callable[..., Any]:
        """Return what makes the job on a runner: of options, a folder, one on its disk, where to say what it does."""
        if runner == "flink":
            return JobOnFlink
        self._fork_server = self._fork_server or ForkServerProcess(self.folder / "fork_server.log")
        return functools.partial(JobOnLocalRunner, self._fork_server)

    def evidence(self, names: Names, group: str, made: Sequence[Message], **watched: Any) -> Evidence:
        """Read the topics back and put them to what was watched."""
        source, predictions, rejected = (self.topics.read(topic) for topic in names)
        return Evidence(
            source=source,
            predictions=list(evidence.predictions(predictions)),
            rejected=list(evidence.rejected(rejected)),
            reasons=[message.reason for message in made],
            committed=self.topics.committed(names[0], group),
            **watched,
        )

    def mend(self) -> None:
        """Give back what a seed that failed may have taken."""
        if self._disk is not None:
            self._disk.make_room()
            self.cluster.mend()

    def close(self) -> None:
        """End all that was started."""
        if self._fork_server is not None:
            self._fork_server.close()
        self.broker.stop()
        if self._disk is not None:
            self._disk.close()


def _events() -> list[bytes]:
    """Return the first shipped trips as the values of events."""
    schema = use_case.find(bundles.USE_CASE).schema.environment(SERVING)
    values = (value for _, value in events_of(bundles.TRIPS, schema) if value is not None)
    return list(itertools.islice(values, _EVENTS))
