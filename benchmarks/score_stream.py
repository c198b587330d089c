"""The streaming job against a hand-written kafka-python loop: drained events/s and latency, on a real broker.

Run from the repository: `python -m benchmarks.score_stream`. Starts a broker of its own, trains a taxi model first.
Both contenders run in this process, in turns, on the same topic of 4 partitions, with the same released bundle; the
paced sender is a process of its own. Everything is read off broker timestamps (LogAppendTime), so starting up counts
for nobody: drained events/s is what was put out between the first and the last prediction over that time, latency the
prediction's timestamp less its event's, without the first second of events.

`events_per_s_vs_handwritten_loop_kafka_python`: median of the rounds' ratios. Whether both counted all is checked.
"""

import argparse
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from beam_jobs import local_kafka, score_stream, topics
from beam_jobs.event_files import events_of
from beam_jobs.kafka_client import Consumer, Producer
from beam_jobs.send import send_rows
from beam_jobs.settings import ScoreStream
from benchmarks.rivals import handwritten_loop
from benchmarks.scorer import TRIPS, machine, released_scorer
from models.scorer import Scorer
from models.use_case import find
from schemas.schema import SERVING

PORT = 27_392
PARTITIONS = 4
DRAINED = 60_000
DRAIN_ROUNDS = 3
RATE, SECONDS, LATENCY_ROUNDS = 1_000, 12, 5
SENDER = """
import sys
from beam_jobs.kafka_client import Producer
from beam_jobs.send import send_rows
servers, topic, rate, file = sys.argv[1:]
producer = Producer(servers)
values = open(file, "rb").read().split(b"\\n")
print("ready", flush=True)
send_rows(producer, topic, ((b"%d" % row, value) for row, value in enumerate(values)), float(rate))
"""

Contender = Callable[[str, str, threading.Event, bool], Any]


class Bench:
    """A broker with its topics, a registry, and the events."""

    def __init__(self, servers: str, registry: pathlib.Path, scorer: Scorer, folder: pathlib.Path):
        self.servers, self.registry, self.scorer, self.folder = servers, registry, scorer, folder
        schema = find("taxi").schema.environment(SERVING)
        self.events = [value for _, value in events_of(TRIPS, schema) if value is not None]
        self._numbers = itertools.count(1)

    def contenders(self) -> dict[str, Contender]:
        return {"onegraph": self._ours, "handwritten_loop": self._loop}

    def fresh_topic(self) -> str:
        name = f"trips-{next(self._numbers)}"
        topics.create(self.servers, topics.for_scoring(name, f"{name}.unused", f"{name}.rejected", PARTITIONS, 1 << 20))
        return name

    def _ours(self, source: str, predictions: str, stop: threading.Event, drain: bool) -> None:
        settings = ScoreStream(
            bootstrap_servers=self.servers,
            registry=str(self.registry),
            source_topic=source,
            predictions_topic=predictions,
            rejected_topic=f"{source}.rejected",
            group=predictions,
            until_caught_up=drain,
        )
        score_stream.run(settings, stop)

    def _loop(self, source: str, predictions: str, stop: threading.Event, drain: bool) -> None:
        consumer = Consumer(self.servers, source)
        until = consumer.end_offsets(consumer.partitions) if drain else None
        consumer.close()
        handwritten_loop.run(self.servers, source, predictions, predictions, self.scorer, stop, until)

    def drain(self, contender: Contender, source: str) -> float:
        """Return events/s between the first and the last prediction of a full drain."""
        predictions = self._predictions_topic(source)
        contender(source, predictions, threading.Event(), True)
        times = sorted(time_ms for _, time_ms in self._read(predictions))
        if len(times) != DRAINED:
            raise SystemExit(f"score_stream: {len(times)} predictions for {DRAINED} events")
        behind_first = sum(time_ms > times[0] for time_ms in times)
        return behind_first / ((times[-1] - times[0]) / 1000)

    def latency(self, contender: Contender) -> np.ndarray:
        """Return the milliseconds from event to prediction of a paced run."""
        source = self.fresh_topic()
        predictions = self._predictions_topic(source)
        count, stop = RATE * SECONDS, threading.Event()
        file = self.folder / "events"
        file.write_bytes(b"\n".join(itertools.islice(itertools.cycle(self.events), count)))
        command = [sys.executable, "-c", SENDER, self.servers, source, str(RATE), str(file)]
        job = threading.Thread(target=contender, args=(source, predictions, stop, False))
        job.start()
        time.sleep(4)  # both have begun to read by then; what is read off timestamps is not moved by it
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        self._await(predictions, count)
        stop.set()
        job.join()
        came = dict(self._read(source, by_place=True))
        took = {place: time_ms - came[place] for place, time_ms in self._read(predictions)}
        if len(took) != count:
            raise SystemExit(f"score_stream: {len(took)} predictions for {count} events")
        begin = min(came.values()) + 1_000
        return np.array([took[place] for place, time_ms in came.items() if time_ms >= begin])

    def _predictions_topic(self, source: str) -> str:
        name = f"{source}.predictions-{next(self._numbers)}"
        broker_time = {"message.timestamp.type": "LogAppendTime"}
        topics.create(self.servers, [topics.Topic(name, PARTITIONS, broker_time)])
        return name

    def _await(self, topic: str, count: int) -> None:
        consumer = Consumer(self.servers, topic)
        ends = time.monotonic() + 60
        while sum(consumer.end_offsets(consumer.partitions).values()) < count and time.monotonic() < ends:
            time.sleep(0.2)
        consumer.close()

    def _read(self, topic: str, by_place: bool = False) -> Iterator[tuple[str, int]]:
        """Yield the source coordinates and the broker's time of every record."""
        consumer = Consumer(self.servers, topic)
        ends = consumer.end_offsets(consumer.partitions)
        consumer.go_to(consumer.beginning_offsets(consumer.partitions))
        while any(consumer.positions()[partition] < end for partition, end in ends.items()):
            for records in consumer.poll(1, 10_000).values():
                for one in records:
                    place = f"{topic}/{one.partition}/{one.offset}" if by_place else json.loads(one.value)["id"]
                    yield place, one.timestamp
        consumer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--registry", help="use this registry's live bundle instead of training one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if given.registry:
            registry = pathlib.Path(given.registry)
        else:
            released_scorer(folder)
            registry = folder / "registry"
        try:
            servers = local_kafka.start(PORT, folder / "kafka").bootstrap_servers
            print(json.dumps(measured(Bench(servers, registry, live(registry), folder))))
        finally:
            local_kafka.stop(folder / "kafka")


def live(registry: pathlib.Path) -> Scorer:
    from models.registry import Registry

    return Scorer.load(Registry(registry).champion())


def measured(bench: Bench) -> dict[str, Any]:
    """Run both contenders in turns and put the figures together."""
    source = bench.fresh_topic()
    producer = Producer(bench.servers)
    values = itertools.islice(itertools.cycle(bench.events), DRAINED)
    send_rows(producer, source, ((b"%d" % row, value) for row, value in enumerate(values)))
    producer.close()
    contenders = bench.contenders()
    drained: dict[str, list[float]] = {who: [] for who in contenders}
    for number in range(DRAIN_ROUNDS):
        for who, contender in contenders.items():
            drained[who].append(bench.drain(contender, source))
            print(f"drain {number + 1}: {who:18} {drained[who][-1]:>9,.0f} events/s", flush=True)
    latencies: dict[str, list[np.ndarray]] = {who: [] for who in contenders}
    for number in range(LATENCY_ROUNDS):
        for who, contender in contenders.items():
            latencies[who].append(bench.latency(contender))
            p50, p99 = np.percentile(latencies[who][-1], [50, 99])
            print(f"latency {number + 1}: {who:16} p50 {p50:.0f} ms, p99 {p99:.0f} ms", flush=True)
    ratios = [ours / theirs for ours, theirs in zip(*drained.values(), strict=True)]
    p99 = {who: percentile(rounds, 99) for who, rounds in latencies.items()}
    return {
        "benchmark": "score_stream",
        "ratios": {
            "events_per_s_vs_handwritten_loop_kafka_python": round(statistics.median(ratios), 2),
            "p99_ms_over_handwritten_loop_kafka_python": round(p99["onegraph"] / p99["handwritten_loop"], 2),
        },
        "figures": {
            "events": DRAINED,
            "event_bytes": round(statistics.mean(map(len, bench.events))),
            "trees": bench.scorer.manifest["rounds"],
            "partitions": PARTITIONS,
            "rate": RATE,
            **{
                who: {
                    "drained_events_per_s": round(statistics.median(drained[who])),
                    "drained_events_per_s_rounds": [round(one) for one in drained[who]],
                    **{f"p{q}_ms": percentile(latencies[who], q) for q in (50, 90, 99)},
                    "p99_ms_rounds": [float(np.percentile(one, 99)) for one in latencies[who]],
                }
                for who in contenders
            },
        },
        "machine": machine(),
    }


def percentile(rounds: list[np.ndarray], q: int) -> float:
    return round(statistics.median(float(np.percentile(one, q)) for one in rounds), 1)


if __name__ == "__main__":
    main()
