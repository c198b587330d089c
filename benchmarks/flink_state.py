"""How a streaming job's checkpoints grow on a local Flink cluster: our class in Beam's job server beside Beam's own.

Run from the repository: `python -m benchmarks.flink_state`. Starts a broker and, one after the other, two clusters: as
`services up --flink` does, and without our `BundleCheckpointHandlers.java`, which is Beam 2.62 as it is. On
each the job scores 200 events/s with `score_stream --runner flink`'s defaults (a read budget of 1 s, a checkpoint every
5 s) for 100 s, with `--long` for 8 minutes. The size of every checkpoint is Flink's, from `/jobs/ID/checkpoints`; the
first 25 s do not count: a job begins with nothing, and our ring of names has to fill once.

`bytes_per_hour` is the slope of the sizes, least squares; `bytes_per_read` that of one end of the read budget.
`bytes_per_hour_over_beams_own`: ours over Beam's; less is better.
"""

import json
import pathlib
import shutil
import statistics
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from beam_jobs.runners.flink.rest import FlinkRest
from beam_jobs.services import flink_programs, java, local_flink
from beam_jobs.stream.job.worker_modules import WORKER_MODULES
from benchmarks.flink import on_flink
from benchmarks.flink_recovery import sending
from benchmarks.machine import machine
from benchmarks.stream_bench import PARTITIONS, Bench, arguments, bench

RATE, SECONDS, LONG_S, SKIPPED_S = 200, 100.0, 480.0, 25.0
READ_BUDGET_S = 1.0  # score_stream's on Flink
_LOOK_S = 0.5


def main() -> None:
    """Measure the size of checkpoints and print one line of JSON."""
    parser = arguments(__doc__)
    parser.add_argument("--long", action="store_true", help="8 minutes on each cluster")
    given = parser.parse_args()
    seconds = LONG_S if given.long else 40.0 if given.quick else SECONDS
    with bench(given) as made:
        figures: dict[str, Any] = {"ours": measured(made, "ours", seconds)}
        figures["beams_own"] = measured(made, "beams_own", seconds, beams_own_classes(made.folder))
    over = max(figures["ours"]["bytes_per_hour"], 0) / max(figures["beams_own"]["bytes_per_hour"], 1)
    figures |= {"events_per_s": RATE, "seconds": seconds, "partitions": PARTITIONS}
    ratios = {"bytes_per_hour_over_beams_own": round(over, 4)}
    print(json.dumps({"benchmark": "flink_state", "ratios": ratios, "figures": figures, "machine": machine()}))


def measured(made: Bench, name: str, seconds: float, classes: pathlib.Path | None = None) -> dict[str, Any]:
    """Run the job on a cluster of its own, which has these classes, and return how its checkpoints grew."""
    folder = made.folder / name
    job = made.job(made.source())
    try:
        rest = local_flink.start(folder / "flink", worker_modules=WORKER_MODULES, classes=classes).rest
        with made.running(on_flink(folder), job), sending(made, job, RATE):
            found = list(checkpoints(rest, rest.jobs()[0]["jid"], seconds))
    finally:
        local_flink.stop(folder / "flink")
    counted = [one for one in found if one["trigger_timestamp"] >= found[0]["trigger_timestamp"] + 1000 * SKIPPED_S]
    at_s = np.array([one["trigger_timestamp"] / 1000 for one in counted])
    sizes = np.array([one["state_size"] for one in counted])
    slope = float(np.polyfit(at_s - at_s[0], sizes, 1)[0])
    figures = {
        "bytes_per_hour": round(3600 * slope),
        "bytes_per_read": round(slope * READ_BUDGET_S, 1),
        "checkpoints": len(found),
        "first_bytes": found[0]["state_size"],
        "last_bytes": found[-1]["state_size"],
        "checkpoint_ms": round(statistics.median(one["end_to_end_duration"] for one in found)),
    }
    print(f"{name}: {figures}", flush=True)
    return figures


def checkpoints(rest: FlinkRest, job: str, seconds: float) -> Iterator[dict[str, Any]]:
    """Yield every checkpoint that is completed within the time."""
    last, ends = -1, time.monotonic() + seconds
    while time.monotonic() < ends:
        newest = rest.checkpoints(job)["latest"]["completed"]
        if newest is not None and newest["id"] != last:
            last = newest["id"]
            yield newest
        time.sleep(_LOOK_S)


def beams_own_classes(folder: pathlib.Path) -> pathlib.Path:
    """Return a jar without our class: only what makes Beam listen on loopback stays."""
    sources = folder / "sources"
    sources.mkdir()
    shutil.copy(flink_programs.SOURCE / "ServerFactory.java", sources)
    library, _ = flink_programs.libraries()
    return java.compiled(sources, library, folder / "jars")


if __name__ == "__main__":
    main()
