"""Raw files to a TFRecord training set: `onegraph build_training_set` against other ways.

Run from the repository: `python -m benchmarks.build_training_set [--rows 1000000] [--long]`. The shipped trips are
repeated to so many rows of CSV. Every build is a process of its own; all write shards that are not compressed, since
Beam's sink of the stock way lets nobody choose a level. `seconds` is what a build takes from its making to its end,
`process_seconds` has the interpreter's start and the imports too.

`rows_per_s_vs_*`: rows/s of ours in one process (`--workers 1`) over those of `benchmarks/rivals/stock_tft.py`,
`pandas_script.py` and `arrow_loop.py`, one after the other on the same rows; `cpu_vs_*` is the same by processor
seconds, which another load on the machine moves less. Three ratios are of what grows with the rows, between a tenth of
them and all, so that what does not, such as TensorFlow's tracing, is left out: `grown_vs_arrow_loop`;
`two_workers_vs_one`, rows/s of two workers over those of one (`cores_of_one` says how many processors the one already
keeps busy with its threads); and `checks_over_the_rest`, processor seconds of validation, statistics and findings over
all others.

`--long` adds ours on ten times the rows: `seconds_per_row_10_vs_1`, and `peak_mib` of every process for 2 GiB a worker;
and 1,054,055 simulated card transactions with their features in Parquet against `pandas_fraud_script.py`.
"""

import functools
import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.machine import machine

ROOT = pathlib.Path(__file__).parent.parent
TRIPS = ROOT / "schemas" / "data" / "taxi.csv.gz"
MANY = 1_000_000
TRANSACTIONS = 1_054_055
"""How many of the Fraud Detection Handbook's transactions have features."""
RIVALS = ("stock_tft", "pandas_script", "arrow_loop")
CHILD = "--child"


def main() -> None:
    """Measure, or build once if this is the process of one contender; prints one line of JSON."""
    if CHILD in sys.argv[1:2]:
        child(*sys.argv[2:])
        return
    long = "--long" in sys.argv[1:]
    rows = int(sys.argv[sys.argv.index("--rows") + 1]) if "--rows" in sys.argv else MANY
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        many, tenth = repeated(folder, rows), repeated(folder, rows // 10)
        ours = build("taxi", many, rows)
        figures: dict[str, Any] = {"ours": ours} | {name: rival(name, many, rows) for name in RIVALS}
        figures |= {"ours_tenth": build("taxi", tenth, rows // 10), "two_workers": build("taxi", many, rows, 2)}
        figures["two_workers_tenth"] = build("taxi", tenth, rows // 10, 2)
        figures["arrow_loop_tenth"] = rival("arrow_loop", tenth, rows // 10)
        if long:
            figures["ours_ten_times"] = build("taxi", repeated(folder, 10 * rows), 10 * rows)
            data = transactions(folder)
            figures["ours_fraud"] = build("fraud", data, TRANSACTIONS)
            figures["pandas_fraud"] = rival("pandas_fraud_script", data, TRANSACTIONS)
    for label, figure in figures.items():
        print(f"{label:24} {figure}")
    result = {"benchmark": "build_training_set", "ratios": ratios(figures), "figures": figures, "machine": machine()}
    print(json.dumps(result))


def ratios(figures: dict[str, Any]) -> dict[str, float]:
    """Return what is claimed, from the figures of one run."""

    def grown(name: str, figure: str = "seconds") -> float:
        return figures[name][figure] - figures[f"{name}_tenth"][figure]

    ours, checks = figures["ours"], grown("ours", "checks_cpu_seconds")
    found = {f"rows_per_s_vs_{name}": figures[name]["seconds"] / ours["seconds"] for name in RIVALS}
    found |= {f"cpu_vs_{name}": figures[name]["cpu_seconds"] / ours["cpu_seconds"] for name in RIVALS}
    found["grown_vs_arrow_loop"] = grown("arrow_loop") / grown("ours")
    found["two_workers_vs_one"] = grown("ours") / grown("two_workers")
    found["cores_of_one"] = grown("ours", "cpu_seconds") / grown("ours")
    found["checks_over_the_rest"] = checks / (grown("ours", "cpu_seconds") - checks)
    if "ours_fraud" in figures:
        found["seconds_per_row_10_vs_1"] = figures["ours_ten_times"]["seconds"] / ours["seconds"] / 10
        found["fraud_vs_pandas_script"] = figures["pandas_fraud"]["seconds"] / figures["ours_fraud"]["seconds"]
        found["fraud_cpu_vs_pandas_script"] = (
            figures["pandas_fraud"]["cpu_seconds"] / figures["ours_fraud"]["cpu_seconds"]
        )
    return {name: round(ratio, 3) for name, ratio in found.items()}


def build(use_case: str, data: pathlib.Path, rows: int, workers: int = 1) -> dict[str, Any]:
    """Time our job."""
    with tempfile.TemporaryDirectory(dir=data.parent) as output:
        return timed(rows, [__spec__.name, CHILD, use_case, str(data), f"{output}/set", str(workers)])


def rival(name: str, data: pathlib.Path, rows: int) -> dict[str, Any]:
    """Time another way."""
    with tempfile.TemporaryDirectory(dir=data.parent) as output:
        return timed(rows, [f"benchmarks.rivals.{name}", str(data), output])


def child(use_case: str, data: str, output: str, workers: str) -> None:
    """Run our job in this process and print its seconds, as the other ways do."""
    from beam_jobs.cli.settings import BuildTrainingSet
    from beam_jobs.cli.verbs import import_quietly
    from beam_jobs.verbs import build_training_set

    import_quietly(build_training_set.BUILD)  # Beam and TensorFlow, which the stock way imports before its clock too
    checks = Clock()
    watch_checks(checks)
    started, cpu_started = time.perf_counter(), time.process_time()
    build_training_set.run(
        BuildTrainingSet(use_case=use_case, data=(data,), output=output, workers=int(workers), compression="none")
    )
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds, "checks_cpu_seconds": checks.seconds}))


class Clock:
    """Processor seconds of the calls of some functions, whatever thread makes them."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._within, self._lock = threading.local(), threading.Lock()

    def watched(self, function: Callable) -> Callable:
        """Return the function with its calls counted, but for those within another that is counted."""

        @functools.wraps(function)
        def counted(*arguments: Any, **named: Any) -> Any:
            if getattr(self._within, "now", False):
                return function(*arguments, **named)
            self._within.now, started = True, time.thread_time()
            try:
                return function(*arguments, **named)
            finally:
                self._within.now = False
                with self._lock:
                    self.seconds += time.thread_time() - started

        return counted


def watch_checks(clock: Clock) -> None:
    """Have the clock count validation, statistics and findings in this process."""
    from beam_jobs.batch import set_findings, split_statistics
    from schemas.statistics.columns import ColumnStatistics
    from transforms.intake import take_in

    places: list[tuple[Any, str]] = [(take_in, "validate")]
    places += [(ColumnStatistics, name) for name in ("add", "merge", "__getstate__", "to_proto")]
    places += [(set_findings.SetFindings, name) for name in ("add", "merge", "anomalies")]
    places += [(split_statistics.CombineStatistics, "add_input")]
    for where, name in places:
        setattr(where, name, clock.watched(getattr(where, name)))


def repeated(folder: pathlib.Path, rows: int) -> pathlib.Path:
    """Write the shipped trips over and over until there are so many rows; return the file."""
    path = folder / f"trips_{rows}.csv"
    if not path.exists():
        header, *lines = gzip.decompress(TRIPS.read_bytes()).splitlines(keepends=True)
        with open(path, "wb") as file:
            file.write(header)
            for _ in range(rows // len(lines)):
                file.writelines(lines)
            file.writelines(lines[: rows % len(lines)])
    return path


def transactions(folder: pathlib.Path) -> pathlib.Path:
    """Simulate card transactions with their features, as many and over as many months as the handbook's."""
    path = folder / "transactions.parquet"
    words = f"simulate --features --rows {TRANSACTIONS} --customers 3100 --output".split()
    subprocess.run([sys.executable, "-m", "beam_jobs", *words, str(path)], cwd=ROOT, check=True, stdout=sys.stderr)
    return path


def timed(rows: int, arguments: Sequence[str]) -> dict[str, Any]:
    """Run a module with arguments; return rows/s, seconds, processor seconds and peak memory."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2", "TF_USE_LEGACY_KERAS": "1"}
        command = [sys.executable, "-m", *arguments]
        process = subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=said, env=environment)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process_seconds = time.perf_counter() - started
        said.seek(0)
        lines = said.read().decode().splitlines()
        if process.returncode:
            raise SystemExit("\n".join([*lines[-20:], f"{' '.join(arguments)}: exit code {process.returncode}"]))
    printed = json.loads(next(line for line in reversed(lines) if line.startswith("{")))
    return {
        "rows": rows,
        "rows_per_s": round(rows / printed["seconds"]),
        "seconds": round(printed["seconds"], 2),
        "process_seconds": round(process_seconds, 2),
        **{name: round(printed[name], 2) for name in ("cpu_seconds", "checks_cpu_seconds") if name in printed},
        "peak_mib": round(used.ru_maxrss / 1024, 1),
    }


if __name__ == "__main__":
    main()
