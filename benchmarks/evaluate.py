"""`onegraph evaluate` of a million test rows against reading their shards.

Run from the repository: `python -m benchmarks.evaluate [--rows 1000000]`. Trains a taxi model from the shipped trips
first, then writes a test split of so many rows: the trips' own, repeated, with noise on their features, so that scores
differ as those of other rows would. Reading and evaluating are done one after the other in one process, round by round,
so that another load on the machine hits both; figures are medians.

`time_over_reading`: seconds of an evaluation without intervals, three slices with 55 values in all among them, from the
first shard to the last file, over those of reading the same test and eval shards. `intervals_over_without` is what
`--intervals 200` takes, over the one without, on a tenth of the rows.
"""

import dataclasses
import json
import pathlib
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from beam_jobs.cli.command_line import main as onegraph
from benchmarks.machine import machine
from models.evaluation.evaluation import Asked, evaluate_candidate, evaluation_path
from models.families.family import Split
from models.training.training_set import TrainingSet
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from transforms.examples.examples import ExampleEncoder
from transforms.examples.tfrecord import ShardWriter

ROWS, SHARDS, ROUNDS = 1_000_000, 4, 3
TRIPS = pathlib.Path(__file__).parent.parent / "schemas" / "data" / "taxi.csv.gz"


def main() -> None:
    """Measure and print one line of JSON."""
    rows = int(sys.argv[sys.argv.index("--rows") + 1]) if "--rows" in sys.argv else ROWS
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        candidate = trained(folder)
        many, tenth = (with_test_rows(folder / "built", folder / f"of_{count}", count) for count in (rows, rows // 10))
        opened, fewer = TrainingSet.open(many), TrainingSet.open(tenth)
        seconds = timed(
            {
                "reading": lambda: [opened.load(split) for split in ("eval", "test")],
                "evaluate": lambda: evaluate(candidate, opened, 0),
                "evaluate_tenth": lambda: evaluate(candidate, fewer, 0),
                "evaluate_tenth_200_draws": lambda: evaluate(candidate, fewer, 200),
            }
        )
    figures = {name: round(statistics.median(values), 3) for name, values in seconds.items()}
    result = {
        "benchmark": "evaluate",
        "ratios": {
            "time_over_reading": round(figures["evaluate"] / figures["reading"], 2),
            "intervals_over_without": round(figures["evaluate_tenth_200_draws"] / figures["evaluate_tenth"], 2),
        },
        "figures": {"rows": rows, "seconds": figures, "rounds": ROUNDS},
        "machine": machine(),
    }
    for name, value in figures.items():
        print(f"{name:26} {value:>8.3f} s")
    print(json.dumps(result))


def trained(folder: pathlib.Path) -> pathlib.Path:
    """Build and train as a user would; return the candidate."""
    built, candidate = folder / "built", folder / "candidate"
    for argv in (
        ["build_training_set", "--use-case", "taxi", "--data", TRIPS, "--output", built, "--compression", "none"],
        ["train", "--training-set", built, "--output", candidate],
    ):
        if onegraph([*map(str, argv), "--quiet"]) != 0:
            raise SystemExit(f"evaluate: onegraph {argv[0]} failed")
    return candidate


def with_test_rows(built: pathlib.Path, output: pathlib.Path, rows: int) -> pathlib.Path:
    """Copy a training set with a test split of so many rows, under the same fingerprint; return the copy."""
    shutil.copytree(built, output, ignore=shutil.ignore_patterns("test-*"))
    opened = TrainingSet.open(built)
    split, random = opened.load("test"), np.random.default_rng(1)
    encoder = ExampleEncoder(opened.feature_names, opened.feature_kinds, opened.slices, opened.wide_outputs)
    shards = []
    for number in range(SHARDS):
        name = f"test-{number:05}-of-{SHARDS:05}.tfrecord"
        writer = ShardWriter(output / name, "none")
        part = repeated(split, opened.feature_kinds, rows // SHARDS, random)
        for start in range(0, rows // SHARDS, 10_000):
            some = slice(start, start + 10_000)
            texts = {name: column[some] for name, column in part.slices.items()}
            writer.write(encoder.encode(part.features[some], part.label[some], texts))
        writer.close()
        shards.append({"name": name, "rows": rows // SHARDS})
    kept = {name: fact for name, fact in opened.manifest.items() if name not in ("kind", "files")}
    facts = {
        "shards": {**opened.manifest["shards"], "test": shards},
        "rows": {**opened.manifest["rows"], "test": rows},
    }
    artifact.complete(output, ArtifactKind.TRAINING_SET, {**kept, **facts})
    return output


def repeated(split: Split, kinds: tuple[str, ...], rows: int, random: np.random.Generator) -> Split:
    """Return so many rows, drawn from a split, with noise on the features that are no whole numbers."""
    chosen = random.integers(0, len(split.label), rows)
    features = split.features[chosen]
    floats = [at for at, kind in enumerate(kinds) if kind == "float"]
    features[:, floats] += random.normal(0, 0.05, (rows, len(floats))).astype(np.float32)
    slices = {name: column.take(pa.array(chosen)) for name, column in split.slices.items()}
    return dataclasses.replace(split, features=features, label=split.label[chosen], slices=slices)


def evaluate(candidate: pathlib.Path, training_set: TrainingSet, draws: int) -> None:
    """Evaluate once and throw the evaluation away."""
    evaluate_candidate(candidate, training_set, Asked(draws=draws))
    shutil.rmtree(evaluation_path(candidate))


def timed(calls: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Return the seconds of every call, round by round, after one that warms up."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for done in range(-1, ROUNDS):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if done >= 0:
                times[name].append(time.perf_counter() - start)
    return times


if __name__ == "__main__":
    main()
