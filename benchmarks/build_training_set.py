"""Raw CSV to a TFRecord training set: `onegraph build_training_set` against the stock tf.Transform way.

Run from the repository: `python -m benchmarks.build_training_set [--long]`. The shipped trips are repeated to
1,000,000 rows. Every build is a process of its own. `seconds` is what its pipelines take, from their making to their
end; `process_seconds` has the interpreter's start and the import of TensorFlow and Beam too, the same for both ways.

`rows_per_s_vs_stock_tft`: rows/s of ours at 1,000,000 rows over those of `benchmarks/rivals/stock_tft.py`. To stay
under five minutes the stock way is run on 15,002 and on 200,000 rows, and its time for 1,000,000 is that of the first
plus the slope between the two: its fixed cost counts once, as ours does. `--long` runs it on all 1,000,000 rows
instead, and ours on 4,000,000 too, for `peak_memory_4m_over_1m_rows`.
"""

import gzip
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

ROOT = pathlib.Path(__file__).parent.parent
TRIPS = ROOT / "schemas" / "data" / "taxi.csv.gz"
FEW, SOME, MANY, MOST = 15_002, 200_000, 1_000_000, 4_000_000
CHILD = "--child"
TIMES = ("seconds", "process_seconds", "cpu_seconds")


def main() -> None:
    if CHILD in sys.argv[1:2]:
        child(*sys.argv[2:])
        return
    long = "--long" in sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        ours = build(folder, MANY)
        figures: dict[str, Any] = {"ours_1m": ours}
        if long:
            figures["stock_1m"] = stock(folder, MANY)
            figures["ours_4m"] = build(folder, MOST)
            expected = {kind: figures["stock_1m"][kind] for kind in TIMES}
        else:
            few, some = stock(folder, FEW), stock(folder, SOME)
            figures |= {"stock_15k": few, "stock_200k": some}
            expected = {kind: extrapolated(few[kind], some[kind]) for kind in TIMES}
            figures["stock_1m_extrapolated"] = expected
    figures["process_ratio"] = round(expected["process_seconds"] / ours["process_seconds"], 2)
    figures["cpu_ratio"] = round(expected["cpu_seconds"] / ours["cpu_seconds"], 2)
    ratios = {"rows_per_s_vs_stock_tft": round(expected["seconds"] / ours["seconds"], 2)}
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
    from beam_jobs import build_training_set
    from beam_jobs.settings import BuildTrainingSet

    started = time.perf_counter()
    build_training_set.run(BuildTrainingSet(data=(data,), output=output))
    print(json.dumps({"seconds": time.perf_counter() - started}))


def extrapolated(few: float, some: float) -> float:
    """Return the stock way's seconds for 1,000,000 rows from those for 15,002 and 200,000."""
    return round(few + (some - few) / (SOME - FEW) * (MANY - FEW), 2)


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
    """Run Python with arguments; return rows/s, seconds, processor seconds (of the process) and peak memory."""
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
    seconds = json.loads(next(line for line in reversed(lines) if line.startswith("{")))["seconds"]
    return {
        "rows": rows,
        "rows_per_s": round(rows / seconds),
        "seconds": round(seconds, 2),
        "process_seconds": round(process_seconds, 2),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 2),
        "peak_mib": round(used.ru_maxrss / 1024, 1),
    }


def machine() -> dict[str, Any]:
    """Describe where the figures come from."""
    return {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.system()}


if __name__ == "__main__":
    main()
