"""Raw CSV to a TFRecord training set: `onegraph build_training_set` against the stock tf.Transform way.

Run from the repository: `python -m benchmarks.build_training_set [--long]`. The shipped trips are repeated to
1,000,000 rows. Every build is a process of its own. `seconds` is what its pipelines take, from their making to their
end; `process_seconds` has the interpreter's start and the import of TensorFlow and Beam too, the same for both ways.

`rows_per_s_vs_stock_tft`: rows/s of ours over those of `benchmarks/rivals/stock_tft.py`, one after the other on the
same 1,000,000 rows; `cpu_ratio` is the same by processor seconds of the pipelines, which another load on the machine
moves less. `--long` adds ours on 4,000,000 rows, for `peak_memory_4m_over_1m_rows`.
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
MANY, MOST = 1_000_000, 4_000_000
CHILD = "--child"


def main() -> None:
    """Measure, or build once if this is the process of one contender; prints one line of JSON."""
    if CHILD in sys.argv[1:2]:
        child(*sys.argv[2:])
        return
    long = "--long" in sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        ours, rival = build(folder, MANY), stock(folder, MANY)
        figures: dict[str, Any] = {"ours_1m": ours, "stock_1m": rival}
        if long:
            figures["ours_4m"] = build(folder, MOST)
    figures |= {
        f"{kind}_ratio": round(rival[f"{kind}_seconds"] / ours[f"{kind}_seconds"], 2) for kind in ("cpu", "process")
    }
    ratios = {"rows_per_s_vs_stock_tft": round(rival["seconds"] / ours["seconds"], 2)}
    if long:
        ratios["peak_memory_4m_over_1m_rows"] = round(figures["ours_4m"]["peak_mib"] / ours["peak_mib"], 3)
    for label, figure in figures.items():
        print(f"{label:24} {figure}")
    result = {"benchmark": "build_training_set", "ratios": ratios, "figures": figures, "machine": machine()}
    print(json.dumps(result))


def build(folder: pathlib.Path, rows: int) -> dict[str, Any]:
    """Time our job."""
    data, output = repeated(folder, rows), folder / f"ours_{rows}"
    arguments = [str(data), str(output)]
    return timed(rows, ["-m", "benchmarks.build_training_set", CHILD, *arguments])


def stock(folder: pathlib.Path, rows: int) -> dict[str, Any]:
    """Time the stock way."""
    output = folder / f"stock_{rows}"
    output.mkdir()
    return timed(rows, ["-m", "benchmarks.rivals.stock_tft", str(repeated(folder, rows)), str(output)])


def child(data: str, output: str) -> None:
    """Run our job in this process and print its seconds, as the stock way does."""
    from beam_jobs.cli.settings import BuildTrainingSet
    from beam_jobs.cli.verbs import import_quietly
    from beam_jobs.verbs import build_training_set

    import_quietly(build_training_set.BUILD)  # Beam and TensorFlow, which the stock way imports before its clock too
    started, cpu_started = time.perf_counter(), time.process_time()
    build_training_set.run(BuildTrainingSet(use_case="taxi", data=(data,), output=output))
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
