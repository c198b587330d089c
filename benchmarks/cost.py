"""What the streaming job costs: processor time, idle load, memory, a second worker; beside a hand-written loop.

Run from the repository: `python -m benchmarks.cost [--long]`. Starts a broker of its own, trains a taxi model once.
Every worker is a process of its own: `python -m beam_jobs score_stream` on FnApiRunner, or the loop of
benchmarks/rivals/handwritten_loop.py. A worker scores a few events, idles for ten seconds, is held (SIGSTOP) while
events pile up, and is let go: what it uses from then to the last prediction is its cost per event, the most memory
that it has its memory under backlog. A worker's child processes count with it.

`cpu_seconds_per_million_events_over_handwritten_loop_kafka_python`: less is better.
`events_per_s_two_workers_vs_one`: two processes with half the events and half the partitions each, let go at once,
against one with all of them; the broker is on the same machine, so the number of cores bounds it.
`--long` adds 30 minutes at 2,000 events/s: the slope of the resident memory after the first five, by least squares.
"""

import contextlib
import dataclasses
import json
import pathlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import psutil

from benchmarks.machine import machine
from benchmarks.stream_bench import PARTITIONS, ROOT, Bench, Job, arguments, bench

EVENTS, IDLE_S = 120_000, 10.0
SOAK_S, SOAK_RATE, SOAK_SKIPPED_S = 1_800.0, 2_000, 300.0
LOOP = "handwritten_loop_kafka_python"
Command = Callable[[Job], list[str]]


def ours(job: Job) -> list[str]:
    """Return the command of our worker."""
    places = [f"--{name}-topic={topic}" for name, topic in (("source", job.source), ("predictions", job.predictions))]
    group = [f"--rejected-topic={job.source}.rejected", f"--group={job.predictions}", f"--registry={job.registry}"]
    command = [sys.executable, "-m", "beam_jobs", "score_stream", f"--bootstrap-servers={job.servers}"]
    return [*command, *places, *group, "--quiet"]


def loop(job: Job) -> list[str]:
    """Return the command of the loop."""
    module = "benchmarks.rivals.handwritten_loop"
    return [sys.executable, "-m", module, job.servers, job.source, job.predictions, str(job.registry)]


@dataclasses.dataclass
class Worker:
    """A process that scores; seconds of processor time and MiB of memory are those of all its processes."""

    process: psutil.Popen
    peak_mib: float = 0.0

    def cpu_s(self) -> float:
        """Return the processor time so far."""
        times = [one.cpu_times() for one in self._all()]
        return sum(time.user + time.system for time in times)

    def mib(self) -> float:
        """Return the memory now and keep the largest in `peak_mib`."""
        now = sum(one.memory_info().rss for one in self._all()) / (1 << 20)
        self.peak_mib = max(self.peak_mib, now)
        return now

    def _all(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


@contextlib.contextmanager
def working(made: Bench, command: Command, job: Job, folder: pathlib.Path) -> Iterator[Worker]:
    """Have a worker at work, from its first predictions on."""
    with open(folder / f"{job.predictions}.log", "w+") as log:
        worker = Worker(psutil.Popen(command(job), cwd=ROOT, stdout=log, stderr=log))
        try:
            made.fill(job.source, PARTITIONS)
            made.wait_for(job, lambda: worker.process.poll() is not None)
            yield worker
        except SystemExit as error:
            log.seek(0)
            raise SystemExit(f"{error}\n{log.read()[-2000:]}") from None
        finally:
            worker.process.send_signal(signal.SIGCONT)
            worker.process.terminate()
            worker.process.wait(60)


def let_go(made: Bench, jobs: list[Job], workers: list[Worker], events: int) -> float:
    """Hold the workers, pile up events, shared between their topics, let go; return events/s when all is scored."""
    for worker in workers:
        worker.process.send_signal(signal.SIGSTOP)
    for job in jobs:
        made.fill(job.source, events // len(jobs))
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.2):
            for worker in workers:
                worker.mib()

    watch = threading.Thread(target=look)
    watch.start()
    begin, before = time.perf_counter(), [made.ends(job.predictions) for job in jobs]
    for worker in workers:
        worker.process.send_signal(signal.SIGCONT)
    for job in jobs:
        made.wait_for(job)
    seconds = time.perf_counter() - begin
    ended.set()
    watch.join()
    return (sum(made.ends(job.predictions) for job in jobs) - sum(before)) / seconds


def cost(made: Bench, command: Command, events: int, idle_s: float) -> dict[str, float]:
    """Measure one worker."""
    job = made.job(made.source())
    with working(made, command, job, made.folder) as worker:
        time.sleep(2)  # what starting left behind
        before, at_rest = worker.cpu_s(), worker.mib()
        time.sleep(idle_s)
        idle = (worker.cpu_s() - before) / idle_s
        before = worker.cpu_s()
        rate = let_go(made, [job], [worker], events)
        used = worker.cpu_s() - before
    return {
        "cpu_seconds_per_million_events": round(used / events * 1e6, 2),
        "events_per_s": round(rate),
        "idle_cores": round(idle, 4),
        "idle_mib": round(at_rest, 1),
        "peak_mib_under_backlog": round(worker.peak_mib, 1),
    }


def two_workers(made: Bench, events: int) -> float:
    """Return the events/s of two of our workers with half the partitions each."""
    jobs = [made.job(made.source(PARTITIONS // 2)) for _ in range(2)]
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(working(made, ours, job, made.folder)) for job in jobs]
        return let_go(made, jobs, workers, events)


def soak(made: Bench, seconds: float, skipped_s: float) -> dict[str, float]:
    """Return how our worker's memory moves under a steady load."""
    job = made.job(made.source())
    seen: list[tuple[float, float]] = []
    ended = threading.Event()
    with working(made, ours, job, made.folder) as worker:

        def watch() -> None:
            begin = time.monotonic()
            while not ended.wait(5):
                seen.append((time.monotonic() - begin, worker.mib()))

        thread = threading.Thread(target=watch)
        thread.start()
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            made.paced(job, SOAK_RATE, 30, skipped_s=0)
            print(f"soak: {ends - time.monotonic():6,.0f} s left, {worker.mib():,.0f} MiB", flush=True)
        ended.set()
        thread.join()
    late = np.array([one for one in seen if one[0] >= skipped_s])
    return {
        "minutes": round(seen[-1][0] / 60, 1),
        "events": made.ends(job.source),
        "slope_mib_per_hour": round(float(np.polyfit(late[:, 0] / 3600, late[:, 1], 1)[0]), 2),
        "first_mib": round(float(late[0, 1]), 1),
        "last_mib": round(float(late[-1, 1]), 1),
        "peak_mib": round(worker.peak_mib, 1),
    }


def main() -> None:
    """Measure the job and print one line of JSON."""
    parser = arguments(__doc__)
    parser.add_argument("--long", action="store_true", help="add the soak of 30 minutes")
    given = parser.parse_args()
    events, idle_s = (10_000, 2.0) if given.quick else (EVENTS, IDLE_S)
    with bench(given) as made:
        figures: dict[str, Any] = {"events": events, "partitions": PARTITIONS}
        for name, command in (("onegraph", ours), (LOOP, loop)):
            figures[name] = cost(made, command, events, idle_s)
            print(f"{name}: {figures[name]}", flush=True)
        figures["two_workers_events_per_s"] = round(two_workers(made, events))
        if given.long:
            figures["soak"] = soak(made, *((60.0, 5.0) if given.quick else (SOAK_S, SOAK_SKIPPED_S)))
    key = "cpu_seconds_per_million_events"
    ratios = {
        f"{key}_over_{LOOP}": round(figures["onegraph"][key] / figures[LOOP][key], 2),
        "events_per_s_two_workers_vs_one": round(
            figures["two_workers_events_per_s"] / figures["onegraph"]["events_per_s"], 2
        ),
    }
    print(json.dumps({"benchmark": "cost", "ratios": ratios, "figures": figures, "machine": machine()}))


if __name__ == "__main__":
    main()
