"""Latency broker to broker of the streaming job beside hand-written loops, at 1,000 and 5,000 events/s.

Run from the repository: `python -m benchmarks.latency`. Starts a broker of its own, trains a taxi model once. Five
rounds; in each, our job on FnApiRunner and the loop of benchmarks/rivals over the same client, kafka-python and then
confluent-kafka, run one after the other, in this process, at both rates. The paced sender is a process of its own and
sends in steps of 5 ms. A run begins when the first prediction is out; its first second does not count. Medians of the
rounds' percentiles; every round's are printed.

`stages_ms` is how long an event of ours was in each stage on average, as the job itself measures it: queue (broker to
reader), decode, transform, score, encode, write (to acknowledgement), total.
`p50_ms_over_...`, `p99_ms_over_...`: ours over the loop's of the same client, by rate; less is better.
"""

import json
import statistics
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from beam_jobs.monitoring import measures
from benchmarks import contenders
from benchmarks.machine import machine
from benchmarks.stream_bench import PARTITIONS, Bench, arguments, bench, latency_figures

RATES, SECONDS, ROUNDS = (1_000, 5_000), 5.0, 5
AGAINST = {loop: contenders.AGAINST[loop] for loop in (contenders.LOOP, contenders.LOOP_CONFLUENT)}
WHO = [who for loop, ours in AGAINST.items() for who in (ours, loop)]


def main() -> None:
    """Measure in turns and print one line of JSON."""
    given = arguments(__doc__).parse_args()
    with bench(given) as made:
        print(json.dumps(measured(made, 1 if given.quick else ROUNDS, 2.0 if given.quick else SECONDS)))


def measured(made: Bench, rounds: int, seconds: float) -> dict[str, Any]:
    """Run all in turns and put the figures together."""
    found: dict[int, dict[str, list[np.ndarray]]] = {rate: {who: [] for who in WHO} for rate in RATES}
    stages: dict[int, dict[str, list[dict[str, float]]]] = {rate: defaultdict(list) for rate in RATES}
    for number in range(rounds):
        for who in WHO:
            job = made.job(made.source())
            with made.running(contenders.ALL[who], job):
                for rate in RATES:
                    before = stage_sums()
                    found[rate][who].append(made.paced(job, rate, seconds))
                    if who in AGAINST.values():
                        stages[rate][who].append(mean_ms(before, stage_sums()))
                    p50, p99 = np.percentile(found[rate][who][-1], [50, 99])
                    print(f"round {number + 1}: {rate:>6,}/s {who:30} p50 {p50:.0f} ms, p99 {p99:.0f} ms", flush=True)
    figures = {rate: {who: latency_figures(rounds) for who, rounds in by_who.items()} for rate, by_who in found.items()}
    for rate in RATES:
        for who in AGAINST.values():
            figures[rate][who]["stages_ms"] = typical_ms(stages[rate][who])
    return {
        "benchmark": "latency",
        "ratios": {
            f"p{q}_ms_over_{loop}_at_{rate}": round(
                figures[rate][ours][f"p{q}_ms"] / max(figures[rate][loop][f"p{q}_ms"], 1), 2
            )
            for loop, ours in AGAINST.items()
            for rate in RATES
            for q in (50, 99)
        },
        "figures": {"partitions": PARTITIONS, "rounds": rounds, **{f"at_{rate}": figures[rate] for rate in RATES}},
        "machine": machine(),
    }


def stage_sums() -> dict[str, tuple[float, int]]:
    """Return the seconds and the events of every stage so far, in this process."""
    sums: dict[str, tuple[float, int]] = defaultdict(lambda: (0.0, 0))
    for series in measures.STORE.series("stage_seconds"):
        sums[series.labels[0]] = series.value, sum(series.counts)
    return sums


def mean_ms(before: dict[str, tuple[float, int]], after: dict[str, tuple[float, int]]) -> dict[str, float]:
    """Return the mean milliseconds of an event in each stage between two looks."""
    return {
        stage: (after[stage][0] - before[stage][0]) / max(after[stage][1] - before[stage][1], 1) * 1000
        for stage in measures.STAGES
    }


def typical_ms(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the median over rounds of every stage."""
    return {stage: round(statistics.median(one[stage] for one in rounds), 2) for stage in measures.STAGES}


if __name__ == "__main__":
    main()
