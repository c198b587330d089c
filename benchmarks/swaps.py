"""200 pointer generations under load: the real job on a real broker, every output recomputed from the bundle it names.

Run from the repository: `python -m benchmarks.swaps`. Starts a broker of its own and trains four small taxi models on
two graphs. While a process of its own sends events at a steady rate, generations are written one after the other, each
as soon as the job serves the one before: champions, challengers with half of the keys, shadows. Afterwards one process
scores every event again with the bundle and in the role that its prediction names; all bytes must be the same.

`effective_ms` is from the pointer's replacement to the job serving it; latency is the broker's time of a prediction
less that of its event. `swap_p99_over_quiet_p99` compares the latency while generations change with that before.
"""

import argparse
import gzip
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from beam_jobs.batch.event_files import events_of
from beam_jobs.cli.command_line import main as onegraph
from beam_jobs.cli.settings import ScoreStream
from beam_jobs.cli.verbs import import_quietly
from beam_jobs.kafka.records import Record
from beam_jobs.kafka.topics import topics
from beam_jobs.kafka.topics.contents import read_topic
from beam_jobs.process import process_wide
from beam_jobs.stream.events import EventBatch
from beam_jobs.stream.score.event_scoring import EventScorer
from beam_jobs.stream.value_format import ValueFormat
from beam_jobs.verbs import score_stream
from benchmarks.machine import machine
from benchmarks.stream_bench import PARTITIONS, ROOT, TRIPS, own_broker
from models.live.live import LiveScorer
from models.live.serving import Serving
from models.registry.registry import Registry
from models.scoring.scorer import Scorer
from models.use_case import find
from models.variants.variants import Variants
from schemas.schema import SERVING

PORT = 27_492
RATE, SWAPS, QUIET_S = 500, 200, 10
POLL_MS = 20
SENDER = """
import sys
from beam_jobs.kafka.kafka_python.producer import Producer
from beam_jobs.kafka.topics.sending import send_rows
servers, topic, rate, file = sys.argv[1:]
producer = Producer(servers)
values = open(file, "rb").read().split(b"\\n")
keyed = ((b"%d" % (row % 500) if row % 3 else None, value) for row, value in enumerate(values))
print("ready", flush=True)
send_rows(producer, topic, keyed, float(rate))
"""


def generations(bundles: Sequence[str]) -> Iterable[Variants]:
    """Yield who serves, one after the other, for ever: alone, beside challengers, before shadows.

    >>> [variants.bundles for variants in itertools.islice(generations(["a", "b", "c"]), 3)]
    [('b',), ('c', 'a'), ('a', 'b', 'c')]
    """
    for number in itertools.count(1):
        first, second, third = (bundles[(number + place) % len(bundles)] for place in range(3))
        alone = Variants(first, experiment=f"swap-{number % 5}")
        if number % 3 == 1:
            yield alone
        elif number % 3 == 2:
            yield alone.with_challenger(second, 0.5)
        else:
            yield alone.with_challenger(second, 0.3).with_shadow(third)


def swap(registry: Registry, live: LiveScorer, wanted: Iterable[Variants], patience_s: float = 60) -> list[float]:
    """Write one generation after the other, each when the one before serves; return the milliseconds that each took."""
    took = []
    for variants in wanted:
        began = time.perf_counter()
        pointer = registry.point_at(variants, "swaps", "2024-01-01T00:00:00Z", "")
        if not live.wait_for(pointer.generation, patience_s) or live.generation != pointer.generation:
            raise SystemExit(f"swaps: generation {pointer.generation} does not serve within {patience_s} s")
        took.append((time.perf_counter() - began) * 1e3)
    return took


def recompute(source: Iterable[Record], predicted: Iterable[Record], scorers: Mapping[str, Scorer]) -> dict[str, Any]:
    """Score every event again with the bundle and role that its prediction names, and compare the bytes.

    Both are records of Kafka; a prediction may stand there twice after a failure, here that counts as `repeated`.
    """
    events = {f"{one.topic}/{one.partition}/{one.offset}": one for one in source}
    by_variant: dict[tuple[str, str], dict[str, bytes]] = {}
    repeated = differing = 0
    for record in predicted:
        said = json.loads(record.value or b"")
        values = by_variant.setdefault((said["bundle"], said["variant"]), {})
        repeated += said["id"] in values
        values[said["id"]] = record.value or b""
    for (bundle, role), values in by_variant.items():
        chosen = [events[place] for place in values]
        again = scored_alone(scorers[bundle], chosen)
        ours = b'"variant":"champion"'
        wanted = [value.replace(ours, b'"variant":"%s"' % role.encode()) for value in again]
        differing += sum(value != other for value, other in zip(wanted, values.values(), strict=True))
    ends = Counter(place for values in by_variant.values() for place in values)
    return {
        "events": len(events),
        "predictions": sum(ends.values()) + repeated,
        "lost": len(set(events) - set(ends)),
        "repeated": repeated + sum(count - 1 for count in ends.values()),
        "differing": differing,
        "by_variant": _counts(by_variant),
    }


def _counts(by_variant: Mapping[tuple[str, str], Mapping[str, bytes]]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for (_, role), values in by_variant.items():
        counts[role] += len(values)
    return dict(counts)


def scored_alone(scorer: Scorer, records: Sequence[Record]) -> list[bytes]:
    """Return the predictions of records of one topic, scored again in one call by one bundle as champion."""
    events = EventBatch(
        records[0].topic,
        [one.partition for one in records],
        [one.offset for one in records],
        [one.timestamp_ms for one in records],
        [one.key for one in records],
        [one.value for one in records],
        [[] for _ in records],
        {},
    )
    outcome, rejections = EventScorer(Serving.alone(scorer)).score(events)
    if rejections:
        raise SystemExit(f"swaps: {len(rejections)} events are rejected when they are scored again")
    return [value or b"" for value in outcome.predictions.values]


def memory_mib() -> float:
    """Return the resident memory of this process."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


def main() -> None:
    """Train or copy the bundles, measure, and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--swaps", type=int, default=SWAPS)
    parser.add_argument("--rate", type=float, default=RATE, help="events per second")
    parser.add_argument("--registry", help="use copies of this registry's bundles, three or more, instead of training")
    given = parser.parse_args()
    with own_broker(PORT) as (servers, folder):
        if given.registry:
            shutil.copytree(given.registry, folder / "registry")
        else:
            _train(folder)
        print(json.dumps(measured(servers, Registry(folder / "registry"), folder, given.swaps, given.rate)))


def _train(folder: pathlib.Path) -> None:
    """Release four bundles as a user would: two graphs of other trips, two models of each."""
    header, *lines = gzip.decompress(TRIPS.read_bytes()).splitlines(keepends=True)
    for number, start in enumerate((0, 3000)):
        data, training_set = folder / f"trips-{number}.csv.gz", str(folder / f"training_set-{number}")
        data.write_bytes(gzip.compress(header + b"".join(lines[start : start + 3000])))
        _onegraph("build_training_set", "--use-case", "taxi", "--data", str(data), "--output", training_set)
        for seed in ("1", "2"):
            candidate = str(folder / f"candidate-{number}-{seed}")
            small = ["--rounds", "20", "--parameters", "nthread=1", "max_depth=3", "eta=0.3", "subsample=0.5"]
            _onegraph("train", "--training-set", training_set, "--output", candidate, "--seed", seed, *small)
            _onegraph("evaluate", "--training-set", training_set, "--candidate", candidate)
            _onegraph("release", "--candidate", candidate, "--registry", str(folder / "registry"))


def _onegraph(*argv: str) -> None:
    if onegraph([*argv, "--quiet"]) != 0:
        raise SystemExit(f"swaps: onegraph {argv[0]} failed")


def measured(servers: str, registry: Registry, folder: pathlib.Path, swaps: int, rate: float) -> dict[str, Any]:
    """Run the job, swap under load, recompute, and put the figures together."""
    bundles = registry.bundles()
    broker_time = {"message.timestamp.type": "LogAppendTime"}
    topics.create(servers, topics.for_scoring("trips", "predictions", "rejected", PARTITIONS, 1 << 20))
    topics.create(servers, [topics.Topic("shadow", PARTITIONS, broker_time)])
    values = [value for _, value in events_of(TRIPS, find("taxi").schema.environment(SERVING)) if value is not None]
    file = folder / "events"
    file.write_bytes(b"\n".join(itertools.islice(itertools.cycle(values), int(rate * 280))))
    settings = ScoreStream(
        bootstrap_servers=servers,
        registry=str(registry.path),
        source_topic="trips",
        predictions_topic="predictions",
        rejected_topic="rejected",
        shadow_topic="shadow",
        pointer_poll_ms=POLL_MS,
        marker_folder=str(folder / "markers"),
    )
    import_quietly(score_stream.JOB)  # Beam, so that the job's start is not in what its first events wait for
    stop, result = threading.Event(), {}
    job = threading.Thread(target=lambda: result.update(score_stream.run(settings, stop)))
    job.start()
    key = "scorer", os.path.abspath(settings.registry), None, ValueFormat()
    live = process_wide.borrow(key, lambda: LiveScorer(key[1], POLL_MS / 1000))
    command = [sys.executable, "-c", SENDER, servers, "trips", str(rate), str(file)]
    sender = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert sender.stdout is not None
        sender.stdout.readline()
        time.sleep(QUIET_S)
        wanted = generations(bundles)
        swap(registry, live, itertools.islice(wanted, 4))  # all bundles were loaded once: what is kept is not a leak
        time.sleep(2)
        before, began_ms = memory_mib(), time.time() * 1e3
        took = swap(registry, live, itertools.islice(wanted, swaps))
        ended_ms, after = time.time() * 1e3, memory_mib()
        refused = live.refused
    finally:
        sender.terminate()
        sender.wait()
        time.sleep(3)
        stop.set()
        job.join()
        process_wide.give_back(key)
    source, predicted, shadow = (read_topic(servers, topic) for topic in ("trips", "predictions", "shadow"))
    scorers = {bundle: Scorer.load(registry.bundle_path(bundle)) for bundle in bundles}
    found = recompute(source, predicted, scorers)
    of_shadows = recompute(source, shadow, scorers)
    if found["lost"] or found["differing"] or of_shadows["differing"]:
        raise SystemExit(f"swaps: {json.dumps(found)}, shadows {json.dumps(of_shadows)}")
    came = {f"{one.topic}/{one.partition}/{one.offset}": one.timestamp_ms for one in source}
    latency = [(came[json.loads(one.value or b"")["id"]], one.timestamp_ms) for one in predicted]
    first_ms = min(came.values()) + 2_000
    quiet = _percentiles([end - start for start, end in latency if first_ms <= start < began_ms - 4_000])
    swapping = _percentiles([end - start for start, end in latency if began_ms <= start < ended_ms])
    return {
        "benchmark": "swaps",
        "ratios": {"swap_p99_over_quiet_p99": round(swapping["p99_ms"] / max(quiet["p99_ms"], 1), 2)},
        "figures": {
            "swaps": len(took),
            "rate": rate,
            "seconds": round((ended_ms - began_ms) / 1e3, 1),
            "effective_ms": _percentiles(took),
            "latency_quiet": quiet,
            "latency_swapping": swapping,
            "memory_mib": {"before": before, "after": after},
            "refused": refused,
            "recomputed": found,
            "shadows_recomputed": {name: of_shadows[name] for name in ("predictions", "differing")},
        },
        "machine": machine(),
    }


def _percentiles(milliseconds: Sequence[float]) -> dict[str, float]:
    p50, p99 = np.percentile(np.array(milliseconds), [50, 99])
    return {"p50_ms": round(float(p50), 1), "p99_ms": round(float(p99), 1), "max_ms": round(max(milliseconds), 1)}


if __name__ == "__main__":
    main()
