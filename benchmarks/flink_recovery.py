"""A streaming job on a local Flink cluster: how long it starts, and how long it is silent when its worker is killed.

Run from the repository: `python -m benchmarks.flink_recovery`. Starts a broker and a cluster of its own, waits until
the cluster's pool of workers has done what it does at its start, and then three times: hands the job in, sends 200
events/s, kills the Python worker that scores with SIGKILL, waits until all is scored, cancels the job. Everything is
`score_stream --runner flink`'s defaults. Medians of the rounds' figures; every round's are printed.

`start_s`: from `score_stream`'s start to the first prediction. `silence_s`: the longest time between two predictions
around the kill, by the broker's clock. `megabytes`: resident memory of the pool and of what it started, by process,
shared pages counted in proportion.
"""

import contextlib
import itertools
import json
import os
import pathlib
import re
import signal
import statistics
import threading
import time
from collections.abc import Iterator
from typing import Any

from beam_jobs.kafka.kafka_python.producer import Producer
from beam_jobs.kafka.topics.contents import read_topic
from beam_jobs.kafka.topics.sending import send_rows
from beam_jobs.services import local_flink
from beam_jobs.stream.job.worker_modules import WORKER_MODULES
from benchmarks.flink import on_flink
from benchmarks.machine import machine
from benchmarks.stream_bench import PARTITIONS, Bench, Job, arguments, bench

ROUNDS, RATE, BEFORE_S, AFTER_S = 3, 200, 8.0, 3.0
_CALM_S, _CALM_SHARE, _CALM_PATIENCE_S = 2.0, 0.1, 120.0


def main() -> None:
    """Measure in turns and print one line of JSON."""
    given = arguments(__doc__).parse_args()
    with bench(given) as made:
        folder = made.folder / "flink"
        try:
            pool = local_flink.start(folder, worker_modules=WORKER_MODULES).pids["workers"] or 0
            wait_until_calm(pool)
            idle = megabytes(pool)
            rounds = [one_round(made, pool, number) for number in range(1 if given.quick else ROUNDS)]
            print(json.dumps(result(idle, rounds)))
        finally:
            local_flink.stop(folder)


def one_round(made: Bench, pool: int, number: int) -> dict[str, Any]:
    """Start the job, kill its worker, and return how long each took."""
    job, began = made.job(made.source()), time.monotonic()
    with made.running(on_flink(made.folder), job):
        start_s = time.monotonic() - began
        with sending(made, job, RATE):
            time.sleep(BEFORE_S)
            scoring = max(leaves(pool), key=cpu_ticks)
            memory = megabytes(pool)
            killed_ms = int(time.time() * 1000)
            os.kill(scoring, signal.SIGKILL)
            wait_for_a_prediction(made, job)
            time.sleep(AFTER_S)
        made.wait_for(job)
        silence_s = longest_gap_ms(made, job, killed_ms) / 1000
    print(f"round {number + 1}: start {start_s:.1f} s, silence after the kill {silence_s:.1f} s", flush=True)
    return {"start_s": round(start_s, 1), "silence_s": round(silence_s, 1), "megabytes": memory}


def result(idle: dict[str, int], rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Put the figures together."""
    figures = {name: statistics.median(one[name] for one in rounds) for name in ("start_s", "silence_s")}
    return {
        "benchmark": "flink_recovery",
        "ratios": {},
        "figures": {
            **figures,
            **{f"{name}_rounds": [one[name] for one in rounds] for name in figures},
            "events_per_s": RATE,
            "partitions": PARTITIONS,
            "megabytes_idle": idle,
            "megabytes_at_work": rounds[0]["megabytes"],
        },
        "machine": machine(),
    }


@contextlib.contextmanager
def sending(made: Bench, job: Job, rate: int) -> Iterator[None]:
    """Send events to a job, in a thread, as long as the block lasts."""
    enough = threading.Event()

    def values() -> Iterator[tuple[bytes, bytes]]:
        for row, value in enumerate(itertools.cycle(made.events)):
            if enough.is_set():
                return
            yield b"%d" % row, value

    def work() -> None:
        with contextlib.closing(Producer(made.servers)) as producer:
            send_rows(producer, job.source, values(), rate)

    sender = threading.Thread(target=work)
    sender.start()
    try:
        yield
    finally:
        enough.set()
        sender.join()


def wait_for_a_prediction(made: Bench, job: Job) -> None:
    """Wait for one that is written from now on, once the writing has stood still."""
    last, since = made.ends(job.predictions), time.monotonic()
    while True:
        time.sleep(0.2)
        now = made.ends(job.predictions)
        if now != last and time.monotonic() - since > 1:
            return
        if now != last:
            last, since = now, time.monotonic()
        elif time.monotonic() - since > 300:
            raise SystemExit("no prediction within 300 s after the kill")


def longest_gap_ms(made: Bench, job: Job, around_ms: int) -> int:
    """Return the longest time between two predictions of which the later one came after `around_ms`."""
    times = sorted(record.timestamp_ms for record in read_topic(made.servers, job.predictions))
    return max(later - earlier for earlier, later in itertools.pairwise(times) if later > around_ms)


def wait_until_calm(pool: int) -> None:
    """Wait until a process and what it started use next to no CPU."""
    deadline = time.monotonic() + _CALM_PATIENCE_S
    while time.monotonic() < deadline:
        before = sum(map(cpu_ticks, [pool, *below(pool)]))
        time.sleep(_CALM_S)
        used = sum(map(cpu_ticks, [pool, *below(pool)])) - before
        if used / os.sysconf("SC_CLK_TCK") < _CALM_SHARE * _CALM_S:
            return


def below(pid: int) -> list[int]:
    """Return the processes that a process has started, and those that they have started."""
    found = []
    for thread in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):  # each thread has those that it started
        with contextlib.suppress(OSError):
            for child in map(int, thread.read_text().split()):
                found += [child, *below(child)]
    return found


def leaves(pid: int) -> list[int]:
    """Return those below a process that have started none: the workers."""
    return [one for one in below(pid) if not below(one)]


def cpu_ticks(pid: int) -> int:
    """Return how long a process has worked; 0 if it has ended."""
    with contextlib.suppress(OSError):
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])
    return 0


def megabytes(pool: int) -> dict[str, int]:
    """Return the memory of the pool and of what it started, `total` and each; shared pages in proportion."""
    each = []
    for pid in [pool, *below(pool)]:
        with contextlib.suppress(OSError):
            said = re.search(r"^Pss:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
            each.append(round(int(said[1]) / 1024) if said else 0)
    return {"total": sum(each), "processes": len(each), "largest": max(each)}


if __name__ == "__main__":
    main()
