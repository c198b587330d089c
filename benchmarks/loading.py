"""Loading a bundle against loading its graph and its model bare, of both families.

Run from the repository: `python -m benchmarks.loading`. Trains both families on the shipped trips first. Every figure
is the processor time of one thread of a process of its own, everything imported before the clock; the least of some.

Ours: `Scorer.load`, which compares every byte with the manifest, looks at every operation, loads, and then the replay
of the golden rows, as wherever a bundle serves. Bare: `tf.saved_model.load` of the graph, and `xgboost.Booster` or
`tf.saved_model.load` of the model; nothing is called, compared or scored.

`load_over_bare_trees`, `load_over_bare_keras`: the first load of a process, as at a job's start.
`load_over_bare_trees_warm`, `load_over_bare_keras_warm`: the median of more loads in the same process, ours and bare
in turns, as at a change of bundles.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from benchmarks.machine import machine

CHILD = "--child"
PROCESSES, WARM_LOADS = 5, 15
WAYS = ("ours", "bare")
FAMILIES = {"trees": "xgboost", "keras": "keras"}
ONE_THREAD = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "2"}


def main() -> None:
    """Measure, or load one bundle if this is the process for it; prints one line of JSON."""
    if len(sys.argv) > 1 and sys.argv[1] == CHILD:
        print(json.dumps(loads(sys.argv[2], pathlib.Path(sys.argv[3]))))
        return
    with tempfile.TemporaryDirectory() as name:
        bundles = released(pathlib.Path(name))
        figures = {family: measured(bundle) for family, bundle in bundles.items()}
    ratios = {}
    for family, figure in figures.items():
        ratios[f"load_over_bare_{family}"] = ratio(figure["first_ms"])
        ratios[f"load_over_bare_{family}_warm"] = ratio(figure["warm_ms"])
        print(f"{family:6} {figure}")
    print(json.dumps({"benchmark": "loading", "ratios": ratios, "figures": figures, "machine": machine()}))


def ratio(by_way: dict[str, float]) -> float:
    """Return how many times the bare loading ours takes."""
    return round(by_way["ours"] / by_way["bare"], 3)


def released(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """Train and release both families as a user would; return their bundles."""
    from benchmarks import keras_scorer

    return {name: scorer.path for name, scorer in zip(FAMILIES, keras_scorer.released(folder), strict=True)}


def measured(bundle: pathlib.Path) -> dict[str, dict[str, float]]:
    """Return the milliseconds of first loads and of loads after it."""
    runs = {way: [child(way, bundle) for _ in range(PROCESSES)] for way in WAYS}
    warm = child("both", bundle)
    return {
        "first_ms": {way: round(min(one["first"] for one in found) * 1e3, 1) for way, found in runs.items()},
        "warm_ms": {way: round(warm[way] * 1e3, 1) for way in WAYS},
    }


def child(way: str, bundle: pathlib.Path) -> dict[str, float]:
    """Load in a process of its own."""
    command = [sys.executable, "-m", __spec__.name, CHILD, way, str(bundle)]
    done = subprocess.run(command, env=os.environ | ONE_THREAD, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def loads(way: str, bundle: pathlib.Path) -> dict[str, float]:
    """Return the seconds of the first load, or, of `both`, the medians of those after it."""
    calls = {"ours": ours(), "bare": bare(bundle)}
    if way != "both":
        return {"first": seconds(calls[way], bundle)}
    times: dict[str, list[float]] = {one: [] for one in calls}
    for _ in range(1 + WARM_LOADS):
        for one, call in calls.items():
            times[one].append(seconds(call, bundle))
    return {one: statistics.median(found[1:]) for one, found in times.items()}


def seconds(call: Callable[[pathlib.Path], object], bundle: pathlib.Path) -> float:
    """Return the processor time of a call."""
    began = time.process_time()
    kept = call(bundle)
    taken = time.process_time() - began
    del kept
    return taken


def ours() -> Callable[[pathlib.Path], object]:
    """Return what loads a bundle as wherever it serves; all that it needs is imported."""
    import models.families.boosting.xgb
    import models.families.networks.keras_model  # noqa: F401 - before the clock
    from models.scoring.golden import replay_golden
    from models.scoring.scorer import Scorer

    def load(bundle: pathlib.Path) -> Any:
        scorer = Scorer.load(bundle)
        replay_golden(scorer, bundle / "golden")
        return scorer

    return load


def bare(bundle: pathlib.Path) -> Callable[[pathlib.Path], object]:
    """Return what loads a bundle's graph and model, and does nothing else."""
    import tensorflow as tf
    import xgboost

    network = bundle / "model" / "network"
    graph = next(bundle.glob("graph/*/saved_model.pb")).parent

    def load(bundle: pathlib.Path) -> Any:
        if network.is_dir():
            return tf.saved_model.load(str(graph)), tf.saved_model.load(str(network))
        return tf.saved_model.load(str(graph)), xgboost.Booster(model_file=str(bundle / "model" / "model.ubj"))

    return load


if __name__ == "__main__":
    main()
