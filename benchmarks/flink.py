"""The streaming job on a local Flink cluster beside a hand-written loop: latency at two rates, drained events/s.

Run from the repository: `python -m benchmarks.flink`. Starts a broker and a cluster of its own (JobManager,
TaskManager, job server, Python workers: a process each), trains a taxi model once. Checkpoints and all else are
`score_stream --runner flink`'s defaults. Latency: the job is handed in once and gets five rounds of paced sending at
each rate, the first half second of a round not counting; then the loop, in this process, gets the same. Drained
events/s: two rounds in turns, the job with --until-caught-up. Medians of the rounds' figures; every round's are
printed.

`stages_ms` is how long an event was in each stage on average, as the workers measure and serve it.
`p50_ms_over_...`, `p99_ms_over_...`: ours over the loop's, by rate; less is better.
`events_per_s_vs_handwritten_loop_kafka_python`: drained events/s, median of the rounds' ratios.
"""

import dataclasses
import json
import pathlib
import re
import statistics
import urllib.request
from collections import defaultdict
from typing import Any

import numpy as np

from beam_jobs.process import run_files
from beam_jobs.services import local_flink
from beam_jobs.stream.job.worker_modules import WORKER_MODULES
from beam_jobs.verbs import score_stream
from benchmarks import contenders
from benchmarks.latency import mean_ms, typical_ms
from benchmarks.machine import machine
from benchmarks.stream_bench import PARTITIONS, Bench, Contender, Job, arguments, bench, latency_figures

RATES, SECONDS, ROUNDS, SKIPPED_S = (1_000, 5_000), 4.0, 5, 0.5
EVENTS, DRAIN_ROUNDS = 60_000, 2
_STAGE = re.compile(r'^onegraph_stage_seconds_(sum|count){stage="(\w+)"} (\S+)', re.MULTILINE)
OURS, LOOP = "onegraph_on_flink", contenders.LOOP


def main() -> None:
    """Measure in turns and print one line of JSON."""
    given = arguments(__doc__).parse_args()
    with bench(given) as made:
        try:
            local_flink.start(made.folder / "flink", worker_modules=WORKER_MODULES)
            who = {OURS: on_flink(made.folder), LOOP: contenders.ALL[LOOP]}
            print(json.dumps(measured(made, who, given.quick)))
        finally:
            local_flink.stop(made.folder / "flink")


def on_flink(folder: pathlib.Path) -> Contender:
    """Return our job on the cluster in `folder`, cancelled when it is told to stop."""

    def contender(job: Job) -> None:
        settings = contenders.settings_of(job)
        settings = dataclasses.replace(settings, runner="flink", services_folder=str(folder), metrics_port=0)
        became = score_stream.run(settings, job.stop)["flink"]
        if became["state"] == "RUNNING":
            local_flink.status(folder / "flink").rest.cancel(became["job"])

    return contender


def measured(made: Bench, who: dict[str, Contender], quick: bool) -> dict[str, Any]:
    """Measure latency, then draining, and put the figures together."""
    found: dict[int, dict[str, list[np.ndarray]]] = {rate: {name: [] for name in who} for rate in RATES}
    stages: dict[int, list[dict[str, float]]] = {rate: [] for rate in RATES}
    for name, contender in who.items():
        job = made.job(made.source())
        with made.running(contender, job):
            for number in range(1 if quick else ROUNDS):
                for rate in RATES:
                    before = stage_sums(job)
                    took = made.paced(job, rate, 2.0 if quick else SECONDS, SKIPPED_S)
                    found[rate][name].append(took)
                    if name == OURS:
                        stages[rate].append(mean_ms(before, stage_sums(job)))
                    p50, p99 = np.percentile(took, [50, 99])
                    print(f"round {number + 1}: {rate:>6,}/s {name:30} p50 {p50:.0f} ms, p99 {p99:.0f} ms", flush=True)
    source, events = made.source(), 5_000 if quick else EVENTS
    made.fill(source, events)
    drained: dict[str, list[float]] = {name: [] for name in who}
    for number in range(1 if quick else DRAIN_ROUNDS):
        for name, contender in who.items():
            drained[name].append(made.drained(contender, source))
            print(f"drain {number + 1}: {name:30} {drained[name][-1]:>9,.0f} events/s", flush=True)
    figures = {rate: {name: latency_figures(rounds) for name, rounds in found[rate].items()} for rate in RATES}
    for rate in RATES:
        figures[rate][OURS]["stages_ms"] = typical_ms(stages[rate])
    over = {
        f"p{q}_ms_over_{LOOP}_at_{rate}": round(
            figures[rate][OURS][f"p{q}_ms"] / max(figures[rate][LOOP][f"p{q}_ms"], 1), 2
        )
        for rate in RATES
        for q in (50, 99)
    }
    shares = [ours / loop for ours, loop in zip(drained[OURS], drained[LOOP], strict=True)]
    return {
        "benchmark": "flink",
        "ratios": {f"events_per_s_vs_{LOOP}": round(statistics.median(shares), 2), **over},
        "figures": {
            "partitions": PARTITIONS,
            "trees": contenders.live(made.registry).manifest["rounds"],
            **{f"at_{rate}": figures[rate] for rate in RATES},
            "drained_events": events,
            "drained_events_per_s": {name: [round(one) for one in rounds] for name, rounds in drained.items()},
        },
        "machine": machine(),
    }


def stage_sums(job: Job) -> dict[str, tuple[float, int]]:
    """Return the seconds and the events of every stage so far, over all workers of a job."""
    sums: dict[str, tuple[float, int]] = defaultdict(lambda: (0.0, 0))
    for one in run_files.running():
        if one["group"] == job.predictions and one["url"]:
            with urllib.request.urlopen(f"{one['url']}/metrics", timeout=10) as page:
                text = page.read().decode()
            for kind, stage, value in _STAGE.findall(text):
                seconds, events = sums[stage]
                more = float(value)
                sums[stage] = (seconds + more, events) if kind == "sum" else (seconds, events + int(more))
    return sums


if __name__ == "__main__":
    main()
