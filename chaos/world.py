"""What all seeds share: a broker of the suite's own, a registry with two bundles, and scorers that recompute."""

import contextlib
import dataclasses
import functools
import os
import pathlib
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import kafka
import numpy as np
import pyarrow as pa

from beam_jobs.batch.event_files import json_events
from beam_jobs.kafka.kafka_python.consumer import Consumer
from beam_jobs.kafka.topics import topics
from beam_jobs.kafka.topics.contents import read_topic
from beam_jobs.services import background_process, local_kafka
from beam_jobs.stream.value_format import ValueFormat
from chaos import evidence
from chaos.cluster import Cluster
from chaos.disk import SmallDisk
from chaos.evidence import Evidence, Place
from chaos.flink import FlinkJob
from chaos.local import LocalJob, Nursery
from chaos.messages import Message
from models import use_case
from models.registry.registry import Registry
from models.scoring.prediction import PredictionEncoder
from models.scoring.scorer import Scorer
from models.variants.variants import Variants
from schemas.schema import SERVING
from tests.conftest import free_port
from tests.support import small_artifacts
from tests.support.kafka_records import committed

PARTITIONS = 8
_SOURCE_BYTES = 2 << 20
_AGAIN_S = 60.0
_DISK_MB = 32
_SCORED_AT_ONCE = 5_000
_WHO, _WHEN = "chaos", "2024-01-01T00:00:00Z"


class Broker:
    """One Kafka node on loopback that may be killed and started again."""

    def __init__(self, folder: pathlib.Path):
        self._folder, self._ports = folder, (free_port(), free_port())
        self.servers = f"{local_kafka.HOST}:{self._ports[0]}"

    def start(self) -> None:
        local_kafka.start(self._ports[0], self._folder, self._ports[1], timeout_s=_AGAIN_S)

    def kill(self) -> int:
        """Kill it with SIGKILL; returns its pid once it is gone."""
        pid = local_kafka.status(self._folder).pid
        if pid is None:
            raise AssertionError(f"{self._folder}: no broker to kill")
        os.kill(pid, signal.SIGKILL)
        if not background_process.ended(pid, 10_000):
            raise AssertionError(f"broker {pid} outlived SIGKILL")
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        return pid

    def stop(self) -> None:
        local_kafka.stop(self._folder)


class World:
    """Broker, registry and events below one folder. Of its two bundles `first` is live, `second` is not."""

    def __init__(self, folder: pathlib.Path, tier: int, say: Callable[[str], None]):
        self.tier = tier
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=_made(folder), prefix="run-"))
        self._nursery: Nursery | None = None
        self._disk: SmallDisk | None = None
        self.broker = Broker(self.folder / "kafka") if tier == 1 else Cluster(self.folder / "kafka")
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
        case = use_case.find("taxi")
        trips = small_artifacts.read_trips(case)
        self.events = json_events(trips.slice(0, 4000).select(case.schema.environment(SERVING).names))
        self.pristine = folder / "registry"
        if not (self.pristine / "live.json").is_file():
            _release_two(case, trips, folder, self.pristine)
        self.first = Registry(self.pristine).released().champion
        (self.second,) = set(Registry(self.pristine).bundles()) - {self.first}
        self._scorers = {
            name: Scorer.load(Registry(self.pristine).bundle_path(name)) for name in (self.first, self.second)
        }
        say(f"bundles {self.first} and {self.second} trained and released ({time.monotonic() - started:.1f} s)")

    @property
    def servers(self) -> str:
        return self.broker.servers

    @property
    def job_servers(self) -> str:
        """Where the job connects: in tier 2 through the proxies."""
        return self.cluster.job_servers if self.tier > 1 else self.servers

    @property
    def cluster(self) -> Cluster:
        """The three nodes of tier 2."""
        if not isinstance(self.broker, Cluster):
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

    def make_job(self, runner: str) -> Callable:
        """Return what makes the job on a runner: of options, a folder, one on its disk, where to say what it does."""
        if runner == "flink":
            return FlinkJob
        self._nursery = self._nursery or Nursery(self.folder / "nursery.log")
        return functools.partial(LocalJob, self._nursery)

    def topics(self, name: str) -> tuple[str, str, str]:
        """Make source, predictions and rejected topic of that name."""
        names = f"{name}.source", f"{name}.predictions", f"{name}.rejected"
        topics.create(self.servers, topics.for_scoring(*names, PARTITIONS, _SOURCE_BYTES))
        return names

    def read(self, topic: str) -> list:
        """Read a topic to its end with a fresh consumer that sees committed records only."""
        return read_topic(self.servers, topic)

    def ends(self, topic: str) -> dict[int, int]:
        """Return the end of every partition of a topic."""
        consumer = Consumer(self.servers, topic)
        try:
            return consumer.end_offsets(consumer.partitions)
        finally:
            consumer.close()

    def cut(self, topic: str, first: int) -> None:
        """Let every partition begin at that offset, as retention does."""
        admin = kafka.KafkaAdminClient(bootstrap_servers=self.servers)
        try:
            admin.delete_records({kafka.TopicPartition(topic, one): first for one in range(PARTITIONS)})
        finally:
            admin.close()

    def add_a_partition(self, names: Sequence[str]) -> int:
        """Add one partition to every topic and return its number."""
        admin = kafka.KafkaAdminClient(bootstrap_servers=self.servers)
        try:
            admin.create_partitions(dict.fromkeys(names, PARTITIONS + 1))
        finally:
            admin.close()
        return PARTITIONS

    def evidence(self, names: Sequence[str], group: str, made: Sequence[Message], **watched: Any) -> Evidence:
        """Read the topics back and put them to what was watched."""
        source, predictions, rejected = (self.read(topic) for topic in names)
        return Evidence(
            source=source,
            predictions=list(evidence.predictions(predictions)),
            rejected=list(evidence.rejected(rejected)),
            reasons=[one.reason for one in made],
            committed=committed(self.servers, names[0], group),
            **watched,
        )

    def forget(self, names: Sequence[str]) -> None:
        """Remove topics that nobody looks at any more: brokers that start again have less to look through."""
        admin = kafka.KafkaAdminClient(bootstrap_servers=self.servers)
        try:
            admin.delete_topics(list(names))
        finally:
            admin.close()

    def mend(self) -> None:
        """Give back what a seed that failed may have taken."""
        if self._disk is not None:
            self._disk.make_room()
            self.cluster.mend()

    def recompute(self, seen: Evidence) -> Callable[[str, Sequence[Place]], Mapping[Place, bytes]]:
        """Return the function of `chaos.checks.values`: it scores source records again, in this process."""
        records = {(one.partition, one.offset): one for one in seen.source}

        def of_bundle(bundle: str, places: Sequence[Place]) -> Mapping[Place, bytes]:
            if bundle not in self._scorers:
                return {}
            known = [place for place in places if place in records]
            scorer = self._scorers[bundle]
            found: dict[Place, bytes] = {}
            for start in range(0, len(known), _SCORED_AT_ONCE):
                some = known[start : start + _SCORED_AT_ONCE]
                found.update(self._values(scorer, [records[place] for place in some]))
            return found

        return of_bundle

    def close(self) -> None:
        if self._nursery is not None:
            self._nursery.close()
        self.broker.stop()
        if self._disk is not None:
            self._disk.close()

    @staticmethod
    def _values(scorer: Scorer, records: Sequence) -> Iterator[tuple[Place, bytes]]:
        intake = ValueFormat().decoder(scorer.schema)([one.value for one in records])
        scored, kept, _ = scorer.score_rows(intake.batch)
        rows = intake.rows[np.asarray(kept)].tolist()
        batch = intake.batch.take(pa.array(kept))
        ids = [f"{records[row].topic}/{records[row].partition}/{records[row].offset}" for row in rows]
        values = PredictionEncoder(scorer).encode(batch, scored.scores, scored.features, ids)
        for row, value in zip(rows, values, strict=True):
            yield (records[row].partition, records[row].offset), value


def _release_two(case, trips: pa.RecordBatch, folder: pathlib.Path, registry: pathlib.Path) -> None:
    batches = [trips.slice(start, 1000) for start in range(0, 3000, 1000)]
    graph = small_artifacts.build_graph(
        case.preprocessing_fn, case.schema.environment(SERVING), batches, folder / "graph"
    )
    training_set = folder / "training_set"
    small_artifacts.write_training_set(case, graph, trips.slice(0, 3000), training_set)
    names = []
    for seed in (1, 2):
        candidate = small_artifacts.make_candidate(case, training_set, folder / f"candidate-{seed}", seed=seed)
        names.append(Registry(registry).release(candidate, _WHO, _WHEN, f"seed {seed}").champion)
    Registry(registry).rollback(names[0], _WHO, _WHEN, "the first one begins")


def _made(folder: pathlib.Path) -> pathlib.Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def swap(registry: pathlib.Path, bundle: str) -> int:
    """Point at a bundle as a release does; returns the generation."""
    return Registry(registry).point_at(Variants(bundle), _WHO, _WHEN, "chaos").generation


def flip_a_byte(registry: pathlib.Path, bundle: str) -> Callable[[], object]:
    """Flip one byte of a bundle's graph; returns what flips it back."""
    file = next((registry / "bundles" / bundle / "graph").rglob("saved_model.pb"))
    good = file.read_bytes()
    file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    return lambda: file.write_bytes(good)


def point_by_hand(registry: pathlib.Path, bundle: str) -> None:
    """Write the next generation as none of our commands would: they compare the bundle's bytes first."""
    live = Registry(registry).released()
    text = dataclasses.replace(live, generation=live.generation + 1, variants=Variants(bundle)).text()
    (registry / "history" / f"{live.generation + 1:06d}.json").write_text(text)
    new = registry / "live.json.new"
    new.write_text(text)
    new.replace(registry / "live.json")
