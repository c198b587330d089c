"""A Keras bundle against a bundle of trees and against `model.predict`, in one thread, on polls of a stream's size.

Run from the repository: `python -m benchmarks.keras_scorer`. Trains both families on the shipped trips first, each
as it is where nobody says more. Every round times all contenders one after the other, so that another load on the
machine hits all alike. Figures are medians over the rounds, with the quartiles as spread.

`events_per_s_vs_trees`: rows/s of `Scorer.score` from the raw batch, the Keras bundle over the bundle of trees.
`speed_vs_model_predict`: `Scorer.score` of the Keras bundle against what a hand-written loop does with a poll: the same
graph, then `keras.Model.predict` of a network of the same sizes.
"""

import functools
import json
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from beam_jobs.cli.command_line import main as onegraph
from benchmarks.machine import machine
from benchmarks.scorer import TRIPS, figure, raw_trips, timed
from models.registry.registry import Registry
from models.scoring.scorer import Scorer

POLLS = (20, 100)


def main() -> None:
    """Measure and print one line of JSON."""
    with tempfile.TemporaryDirectory() as name:
        trees, network = released(pathlib.Path(name))
        predict = keras_model(len(network.feature_names)).predict
        figures: dict[int, dict[str, Any]] = {}
        for rows in POLLS:
            batch = raw_trips().slice(0, rows)
            contenders: dict[str, Callable[[], object]] = {
                "trees": functools.partial(trees.score, batch),
                "keras": functools.partial(network.score, batch),
                "model_predict": functools.partial(by_hand, network, predict, batch),
            }
            figures[rows] = {name: figure(seconds, rows) for name, seconds in timed(contenders).items()}
    ratios = {
        f"{what}_{rows}_rows": round(figures[rows][other]["ms"] / figures[rows]["keras"]["ms"], 2)
        for rows in POLLS
        for what, other in (("events_per_s_vs_trees", "trees"), ("speed_vs_model_predict", "model_predict"))
    }
    print(json.dumps({"benchmark": "keras_scorer", "ratios": ratios, "figures": figures, "machine": machine()}))


def by_hand(scorer: Scorer, predict: Callable[..., Any], batch: pa.RecordBatch) -> Any:
    """Do what a hand-written loop does with a poll: the graph, then Keras's own way to scores."""
    return predict(scorer.graph.apply(batch), verbose=0)


def released(folder: pathlib.Path) -> list[Scorer]:
    """Build one training set, train and release both families on it as a user would; return their scorers."""
    training_set = str(folder / "training_set")
    steps = [["build_training_set", "--use-case", "taxi", "--data", str(TRIPS), "--output", training_set]]
    for family in ("xgboost", "keras"):
        on = ["--training-set", training_set]
        candidate, registry = str(folder / family), str(folder / f"{family}_registry")
        steps += [
            ["train", *on, "--output", candidate, "--family", family],
            ["evaluate", *on, "--candidate", candidate],
            ["release", "--candidate", candidate, "--registry", registry],
        ]
    for argv in steps:
        if onegraph([*argv, "--quiet"]) != 0:
            raise SystemExit(f"keras_scorer: onegraph {argv[0]} failed")
    return [Scorer.load(Registry(folder / f"{family}_registry").champion()) for family in ("xgboost", "keras")]


def keras_model(features: int) -> Any:
    """Return a Keras model of the family's default sizes on as many features."""
    import keras

    layers = [keras.layers.Dense(size, "relu") for size in (128, 64)]
    return keras.Sequential([keras.Input((features,)), *layers, keras.layers.Dense(1, "sigmoid")])


if __name__ == "__main__":
    main()
