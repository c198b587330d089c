"""What the streaming benchmarks share: broker, topics, events, paced sending, drained events/s and latency.

Everything is read off broker timestamps (LogAppendTime), so no rival's start counts: drained events/s is what
was put out between the first and the last prediction over that time, latency the prediction's timestamp less its
event's. Whether every event has its prediction is checked each time.
"""

import argparse
import contextlib
import dataclasses
import hashlib
import itertools
import json
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from beam_jobs.batch.event_files import events_of
from beam_jobs.kafka.kafka_python.consumer import Consumer
from beam_jobs.kafka.kafka_python.producer import Producer
from beam_jobs.kafka.topics import topics
from beam_jobs.kafka.topics.contents import read_until_end
from beam_jobs.kafka.topics.sending import send_rows
from beam_jobs.services import local_kafka
from models.registry.pointer import LIVE_FILE
from models.use_case import find
from schemas.schema import SERVING

ROOT = pathlib.Path(__file__).parent.parent
TRIPS = ROOT / "schemas" / "data" / "taxi.csv.gz"
PARTITIONS = 4
PATIENCE_S = 300
SENDER = """
import sys
from beam_jobs.kafka.kafka_python.producer import Producer
from beam_jobs.kafka.topics.sending import send_rows
servers, topic, rate, file = sys.argv[1:]
values = open(file, "rb").read().split(b"\\n")
send_rows(Producer(servers), topic, ((b"%d" % row, value) for row, value in enumerate(values)), float(rate))
"""


@dataclasses.dataclass(frozen=True)
class Job:
    """What a contender is to do: score `source` into `predictions` until `stop`, or to the end that `source` has."""

    servers: str
    registry: pathlib.Path
    source: str
    predictions: str
    stop: threading.Event
    drain: bool = False


Contender = Callable[[Job], Any]


class Bench:
    """A broker with its topics, a registry, and the events."""

    def __init__(self, servers: str, registry: pathlib.Path, folder: pathlib.Path):
        self.servers, self.registry, self.folder = servers, registry, folder
        schema = find("taxi").schema.environment(SERVING)
        self.events = [value for _, value in events_of(TRIPS, schema) if value is not None]
        self._numbers = itertools.count(1)

    def source(self, partitions: int = PARTITIONS) -> str:
        """Make a topic for events, and the one for rejected records that goes with it."""
        name = f"trips-{next(self._numbers)}"
        topics.create(self.servers, topics.for_scoring(name, f"{name}.unused", f"{name}.rejected", partitions, 1 << 20))
        return name

    def job(self, source: str, drain: bool = False) -> Job:
        """Return a job on a source and a fresh topic of predictions."""
        name = f"{source}.predictions-{next(self._numbers)}"
        broker_time = {"message.timestamp.type": "LogAppendTime"}
        count = topics.describe(self.servers, [source])[source].partitions
        topics.create(self.servers, [topics.Topic(name, count, broker_time)])
        return Job(self.servers, self.registry, source, name, threading.Event(), drain)

    def fill(self, topic: str, count: int) -> None:
        """Send events as fast as it goes."""
        producer = Producer(self.servers)
        values = itertools.islice(itertools.cycle(self.events), count)
        send_rows(producer, topic, ((b"%d" % row, value) for row, value in enumerate(values)))
        producer.close()

    def drained(self, contender: Contender, source: str) -> float:
        """Return events/s of a contender that scores all of a topic."""
        job = self.job(source, drain=True)
        contender(job)
        return self.events_per_s([job])

    def events_per_s(self, jobs: Sequence[Job]) -> float:
        """Return what all jobs put out together between the first and the last prediction, per second."""
        times = [time_ms for job in jobs for _, time_ms in self._read(job.predictions)]
        wanted = sum(self.ends(job.source) for job in jobs)
        if len(times) != wanted:
            raise SystemExit(f"{len(times)} predictions for {wanted} events")
        first_ms, last_ms = min(times), max(times)
        return sum(time_ms > first_ms for time_ms in times) / ((last_ms - first_ms) / 1000)

    @contextlib.contextmanager
    def running(self, contender: Contender, job: Job) -> Iterator[None]:
        """Have a contender at work, in a thread, from its first prediction on; what it raises is raised here."""
        failed: list[BaseException] = []

        def work() -> None:
            try:
                contender(job)
            except BaseException as error:  # raised where it is waited for
                failed.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            self.fill(job.source, PARTITIONS)
            self.wait_for(job, lambda: bool(failed))
            yield
        finally:
            job.stop.set()
            thread.join()
            if failed:
                raise failed[0]

    def paced(self, job: Job, rate: int, seconds: float, skipped_s: float = 1.0) -> np.ndarray:
        """Send at a rate, from a process of its own; return the milliseconds to every prediction.

        Events of the first `skipped_s` do not count.
        """
        before = {topic: self._end_offsets(topic) for topic in (job.source, job.predictions)}
        file = self.folder / "events"
        file.write_bytes(b"\n".join(itertools.islice(itertools.cycle(self.events), int(rate * seconds))))
        command = [sys.executable, "-c", SENDER, self.servers, job.source, str(rate), str(file)]
        subprocess.run(command, check=True, cwd=ROOT)
        self.wait_for(job)
        came = dict(self._read(job.source, before[job.source], by_place=True))
        took = {place: time_ms - came[place] for place, time_ms in self._read(job.predictions, before[job.predictions])}
        if len(took) != len(came):
            raise SystemExit(f"{len(took)} predictions for {len(came)} events")
        begin = min(came.values()) + skipped_s * 1000
        return np.array([took[place] for place, time_ms in came.items() if time_ms >= begin])

    def wait_for(self, job: Job, given_up: Callable[[], bool] = lambda: False, patience_s: float = PATIENCE_S) -> None:
        """Wait until there are as many predictions as events."""
        wanted, ends = self.ends(job.source), time.monotonic() + patience_s
        consumer = Consumer(self.servers, job.predictions)
        while sum(consumer.end_offsets(consumer.partitions).values()) < wanted:
            if given_up() or time.monotonic() > ends:
                raise SystemExit(f"{job.predictions}: no {wanted} predictions after {patience_s:.0f} s")
            time.sleep(0.05)
        consumer.close()

    def ends(self, topic: str) -> int:
        """Return how many records a topic has."""
        return sum(self._end_offsets(topic).values())

    def _end_offsets(self, topic: str) -> Mapping[int, int]:
        consumer = Consumer(self.servers, topic)
        ends = consumer.end_offsets(consumer.partitions)
        consumer.close()
        return ends

    def _read(
        self, topic: str, start: Mapping[int, int] | None = None, by_place: bool = False
    ) -> Iterator[tuple[str, int]]:
        """Yield the source coordinates and the broker's time of every record."""
        consumer = Consumer(self.servers, topic)
        for step in read_until_end(consumer, start):
            for record in step.polled.rows(topic):
                place = (
                    f"{topic}/{record.partition}/{record.offset}" if by_place else json.loads(record.value or b"")["id"]
                )
                yield place, record.timestamp_ms
        consumer.close()


@contextlib.contextmanager
def own_broker(port: int) -> Iterator[tuple[str, pathlib.Path]]:
    """Start a broker for the time of a benchmark, SIGTERM's end included; yield its servers and a folder to work in."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        try:
            yield local_kafka.start(port, folder / "kafka").bootstrap_servers, folder
        finally:
            local_kafka.stop(folder / "kafka")


@contextlib.contextmanager
def bench(given: argparse.Namespace) -> Iterator[Bench]:
    """Make a bench on a broker of its own."""
    with own_broker(given.port) as (servers, folder):
        registry = pathlib.Path(given.registry) if given.registry else registry_of_this_code()
        yield Bench(servers, registry, folder)


def arguments(about: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options that all streaming benchmarks take."""
    parser = argparse.ArgumentParser(description=(about or "").splitlines()[0])
    parser.add_argument("--registry", help="use this registry's live bundle instead of training one")
    parser.add_argument("--port", type=int, default=27_392, help="of the benchmark's own broker; it takes the next too")
    parser.add_argument("--quick", action="store_true", help="sizes that only show that it runs")
    return parser


def registry_of_this_code() -> pathlib.Path:
    """Return a registry with the taxi model as users get it, trained once for what the sources are now."""
    from benchmarks.scorer import released_scorer

    layers, kinds = ("schemas", "transforms", "models"), ("*.py", "*.pbtxt")
    sources = sorted(path for layer in layers for kind in kinds for path in (ROOT / layer).rglob(kind))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    folder = ROOT / ".onegraph" / "benchmarks" / digest
    if not (folder / "registry" / LIVE_FILE).exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        released_scorer(folder)
    return folder / "registry"


def latency_figures(rounds: Sequence[np.ndarray]) -> dict[str, Any]:
    """Return the medians over rounds of the percentiles in milliseconds, and every round's for the spread."""
    by_round = {q: [round(float(np.percentile(one, q)), 1) for one in rounds] for q in (50, 90, 99)}
    medians = {f"p{q}_ms": round(statistics.median(values), 1) for q, values in by_round.items()}
    return {**medians, **{f"p{q}_ms_rounds": by_round[q] for q in (50, 99)}, "events": sum(map(len, rounds))}
