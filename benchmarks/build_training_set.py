"""Raw CSV to a TFRecord training set: `onegraph build_training_set` against three other ways.

Run from the repository: `python -m benchmarks.build_training_set [--rows 1000000] [--long]`. The shipped trips are
repeated to so many rows. Every build is a process of its own; all write shards that are not compressed, since Beam's
sink of the stock way lets nobody choose a level. `seconds` is what a build takes from its making to its end,
`process_seconds` has the interpreter's start and the imports too.

`rows_per_s_vs_*`: rows/s of ours in one process (`--workers 1`) over those of `benchmarks/rivals/stock_tft.py`,
`pandas_script.py` and `arrow_loop.py`, one after the other on the same rows; `cpu_vs_*` is the same by processor
seconds, which another load on the machine moves less. `two_workers_vs_one` is rows/s of two workers over those of one
between two sizes, so that what does not grow with the rows, a start of processes above all, is left out. `--long` adds
ours on ten times the rows: `seconds_per_row_10_vs_1`, and `peak_mib` of every process for 2 GiB a worker.
"""

import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.machine import machine

ROOT = pathlib.Path(__file__).parent.parent
TRIPS = ROOT / "schemas" / "data" / "taxi.csv.gz"
MANY = 1_000_000
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
        ours = build(folder, rows)
        figures: dict[str, Any] = {"ours": ours} | {name: rival(folder, rows, name) for name in RIVALS}
        figures |= {"ours_tenth": build(folder, rows // 10), "two_workers": build(folder, rows, 2)}
        figures["two_workers_tenth"] = build(folder, rows // 10, 2)
        if long:
            figures["ours_ten_times"] = build(folder, 10 * rows)
    ratios = {f"rows_per_s_vs_{name}": round(figures[name]["seconds"] / ours["seconds"], 2) for name in RIVALS}
    ratios |= {f"cpu_vs_{name}": round(figures[name]["cpu_seconds"] / ours["cpu_seconds"], 2) for name in RIVALS}
    grown = [figures[name]["seconds"] - figures[f"{name}_tenth"]["seconds"] for name in ("ours", "two_workers")]
    ratios["two_workers_vs_one"] = round(grown[0] / grown[1], 2)
    if long:
        ratios["seconds_per_row_10_vs_1"] = round(figures["ours_ten_times"]["seconds"] / ours["seconds"] / 10, 3)
    for label, figure in figures.items():
        print(f"{label:24} {figure}")
    result = {"benchmark": "build_training_set", "ratios": ratios, "figures": figures, "machine": machine()}
    print(json.dumps(result))


def build(folder: pathlib.Path, rows: int, workers: int = 1) -> dict[str, Any]:
    """Time our job."""
    data, output = repeated(folder, rows), folder / f"ours_{rows}_{workers}"
    arguments = [str(data), str(output), str(workers)]
    return timed(rows, ["-m", "benchmarks.build_training_set", CHILD, *arguments])


def rival(folder: pathlib.Path, rows: int, name: str) -> dict[str, Any]:
    """Time another way."""
    output = folder / f"{name}_{rows}"
    output.mkdir()
    return timed(rows, ["-m", f"benchmarks.rivals.{name}", str(repeated(folder, rows)), str(output)])


def child(data: str, output: str, workers: str) -> None:
    """Run our job in this process and print its seconds, as the other ways do."""
    from beam_jobs.cli.settings import BuildTrainingSet
    from beam_jobs.cli.verbs import import_quietly
    from beam_jobs.verbs import build_training_set

    import_quietly(build_training_set.BUILD)  # Beam and TensorFlow, which the stock way imports before its clock too
    started, cpu_started = time.perf_counter(), time.process_time()
    build_training_set.run(
        BuildTrainingSet(use_case="taxi", data=(data,), output=output, workers=int(workers), compression="none")
    )
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds}))


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


def timed(rows: int, arguments: Sequence[str]) -> dict[str, Any]:
    """Run Python with arguments; return rows/s, seconds, processor seconds and peak memory."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2", "TF_USE_LEGACY_KERAS": "1"}
        process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stdout=said, stderr=said, env=environment)
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
        "cpu_seconds": round(printed["cpu_seconds"], 2),
        "peak_mib": round(used.ru_maxrss / 1024, 1),
    }


if __name__ == "__main__":
    main()
