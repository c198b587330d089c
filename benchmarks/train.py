"""Training: shards read, trained on in memory, from files, and by two workers, each against the plain way.

Run from the repository: `python -m benchmarks.train SET`, a directory of `onegraph build_training_set` whose use case
is shipped. Every figure is a process of its own on one thread, one after the other; the least of three, since another
load on the machine only adds.

`read_vs_tf_data`: rows/s of `TrainingSet.load` over those of `benchmarks/rivals/tf_data_shards.py`, the same float32
matrix, compared; `read_cpu_vs_tf_data` is the same by processor seconds. `train_over_bare`: seconds of the family's
`train` over those of `xgboost.train` on matrices made of the same arrays. `bounded_over_memory`: seconds from shards to
a model with `rows_at_once` over those in memory, the same model, compared; `two_workers_vs_one`: seconds of
`onegraph train` over those with `--workers 2`.
"""

import dataclasses
import hashlib
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time
from typing import Any

from benchmarks.machine import machine

CHILD = "--child"
TIMES = 3
ROUNDS = 50
AT_ONCE = 131_072
ONE_THREAD = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "2"}


def main() -> None:
    """Measure, or do one thing if this is the process of it; prints one line of JSON."""
    if sys.argv[1] == CHILD:
        print(json.dumps(CHILDREN[sys.argv[2]](pathlib.Path(sys.argv[3]))))
        return
    folder = pathlib.Path(sys.argv[1]).resolve()
    figures = {name: least([__spec__.name, CHILD, name, str(folder)]) for name in CHILDREN}
    figures["tf_data"] = least(["benchmarks.rivals.tf_data_shards", str(folder), "train"])
    if figures["memory"]["model"] != figures["bounded"]["model"]:
        raise SystemExit("train: the model from files is another one, the comparison means nothing")
    compare_matrices(folder)
    with tempfile.TemporaryDirectory() as output:
        for name, more in (("one", []), ("two", ["--workers", "2"])):
            figures[f"{name}_worker"] = min((command(folder, output, more, at) for at in range(TIMES)), key=seconds_of)
    result = {"benchmark": "train", "ratios": ratios(figures), "figures": figures, "machine": machine()}
    for name, figure in figures.items():
        print(f"{name:12} {figure}")
    print(json.dumps(result))


def ratios(figures: dict[str, Any]) -> dict[str, float]:
    """Return what is claimed, from the figures of one run."""
    found = {
        "read_vs_tf_data": figures["tf_data"]["seconds"] / figures["read"]["seconds"],
        "read_cpu_vs_tf_data": figures["tf_data"]["cpu_seconds"] / figures["read"]["cpu_seconds"],
        "train_over_bare": figures["family"]["seconds"] / figures["bare"]["seconds"],
        "bounded_over_memory": figures["bounded"]["seconds"] / figures["memory"]["seconds"],
        "bounded_cpu_over_memory": figures["bounded"]["cpu_seconds"] / figures["memory"]["cpu_seconds"],
        "two_workers_vs_one": figures["one_worker"]["seconds"] / figures["two_worker"]["seconds"],
    }
    return {name: round(ratio, 3) for name, ratio in found.items()}


def seconds_of(figure: dict[str, Any]) -> float:
    """Return the seconds of a figure."""
    return figure["seconds"]


def least(arguments: list[str]) -> dict[str, Any]:
    """Run a module some times and return what it printed of the quickest."""
    return min((printed(arguments) for _ in range(TIMES)), key=seconds_of)


def printed(arguments: list[str]) -> dict[str, Any]:
    """Run a module on one thread and return its last line."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments], env=os.environ | ONE_THREAD, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def command(folder: pathlib.Path, output: str, more: list[str], at: int) -> dict[str, Any]:
    """Time the command line, imports included."""
    name = f"{output}/{len(more)}-{at}"
    words = ["train", "--training-set", str(folder), "--output", name, *more]
    words += ["--rounds", str(ROUNDS), "--early-stopping-rounds", str(ROUNDS), "--parameters", "nthread=1"]
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "beam_jobs", *words], env=os.environ | ONE_THREAD, check=True)
    return {"seconds": time.perf_counter() - started}


def compare_matrices(folder: pathlib.Path) -> None:
    """Stop if the rival reads other values."""
    import numpy as np

    from models.training.training_set import TrainingSet

    with tempfile.TemporaryDirectory() as name:
        file = f"{name}/matrix.npy"
        printed(["benchmarks.rivals.tf_data_shards", str(folder), "train", file])
        ours = TrainingSet.open(folder).load("train")
        if np.column_stack([ours.features, ours.label]).tobytes() != np.load(file).tobytes():
            raise SystemExit("train: the rival reads other values, the comparison means nothing")


def read(folder: pathlib.Path) -> dict[str, Any]:
    """Read the train split."""
    import models.training.training_set as sets
    import transforms.examples.examples  # noqa: F401 - as the rival, imported before the clock

    opened = sets.TrainingSet.open(folder)
    clock = Clock()
    rows = len(opened.load("train").label)
    return clock.read() | {"rows": rows, "rows_per_s": round(rows / clock.read()["seconds"])}


def family(folder: pathlib.Path, bare: bool = False) -> dict[str, Any]:
    """Train on arrays in memory, by the family or by what it comes down to."""
    import xgboost

    from models.families.boosting import xgb

    opened, spec = opened_set(folder)
    train, evaluation = opened.load("train"), opened.load("eval")
    trained = xgb.train(dataclasses.replace(spec, rounds=1), opened.columns, train, evaluation)
    clock = Clock()
    if not bare:
        xgb.train(spec, opened.columns, train, evaluation)
        return clock.read()
    parameters = {name: value for name, value in trained.parameters.items() if name != "weight_of_positives"}
    balance = trained.parameters.get("weight_of_positives", 1.0)
    matrices = [
        xgboost.DMatrix(one.features, label=one.label, weight=(one.label * (balance - 1) + 1).astype("float32"))
        for one in (train, evaluation)
    ]
    xgboost.train(parameters, matrices[0], spec.rounds, evals=[(matrices[1], "eval")], verbose_eval=False)
    return clock.read()


def bare(folder: pathlib.Path) -> dict[str, Any]:
    """Train by XGBoost alone."""
    return family(folder, bare=True)


def memory(folder: pathlib.Path, at_once: int | None = None) -> dict[str, Any]:
    """Go from shards to a model; rows are read at once or from files."""
    from models.families.boosting import xgb
    from models.families.family import TrainingRun
    from models.training.spool import spooled

    opened, spec = opened_set(folder)
    clock = Clock()
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        place = pathlib.Path(name)
        if at_once is None:
            splits = [opened.load(split) for split in ("train", "eval")]
        else:
            splits = [
                spooled(opened, split, range(opened.rows_of(split)), place / split) for split in ("train", "eval")
            ]
        run = TrainingRun(rows_at_once=at_once, work_folder=place)
        trained = xgb.train(spec, opened.columns, splits[0], splits[1], run)
        found = clock.read()
    model = hashlib.sha256(bytes(trained.booster.save_raw())).hexdigest()
    return found | {"model": model, "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10}


def bounded(folder: pathlib.Path) -> dict[str, Any]:
    """Go from shards to a model with so many rows in memory."""
    return memory(folder, AT_ONCE)


def opened_set(folder: pathlib.Path) -> Any:
    """Return the set and its use case's spec, of one thread, so many rounds and no early stopping."""
    from models.training.training import overridden
    from models.training.training_set import TrainingSet
    from models.use_case import find_model

    opened = TrainingSet.open(folder)
    return opened, overridden(find_model(opened.manifest["use_case"]), None, {"nthread": 1}, ROUNDS, ROUNDS)


class Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        """Return seconds, and processor seconds of this process."""
        wall, cpu = self._began
        return {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}


CHILDREN = {one.__name__: one for one in (read, bare, family, memory, bounded)}


if __name__ == "__main__":
    main()
