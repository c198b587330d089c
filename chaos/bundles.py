"""The two bundles that all seeds use, made as people make them, and what is done to the pointer that names one."""

import dataclasses
import gzip
import itertools
import pathlib
import shutil
from collections.abc import Callable

from beam_jobs.cli.settings import BuildTrainingSet, Evaluate, Release, Rollback, Train
from beam_jobs.verbs import build_training_set, evaluate, release, rollback, train
from models.registry.pointer import LIVE_FILE
from models.registry.registry import Registry
from models.variants.variants import Variants

USE_CASE = "taxi"
TRIPS = pathlib.Path(__file__).parents[1] / "schemas" / "data" / "taxi.csv.gz"
_ROWS = 3_000
_SEEDS = (1, 2)
_ROUNDS = 20
_PARAMETERS = ("nthread=1", "max_depth=3", "eta=0.3", "subsample=0.5")
_WHO, _WHEN = "chaos", "2024-01-01T00:00:00Z"


def release_two(folder: pathlib.Path, registry: pathlib.Path) -> None:
    """Build a training set of the first trips, train and release two bundles of it, and let the first one serve."""
    training_set = str(folder / "training_set")
    shutil.rmtree(training_set, ignore_errors=True)  # of a run that did not come to its end
    build_training_set.run(BuildTrainingSet(use_case=USE_CASE, data=(str(_first_trips(folder)),), output=training_set))
    for seed in _SEEDS:
        candidate = str(folder / f"candidate-{seed}")
        for directory in (candidate, f"{candidate}.evaluation"):
            shutil.rmtree(directory, ignore_errors=True)
        trained = Train(training_set=training_set, output=candidate, seed=seed, rounds=_ROUNDS, parameters=_PARAMETERS)
        train.run(trained)
        evaluate.run(Evaluate(candidate=candidate, training_set=training_set))
        release.run(Release(candidate=candidate, registry=str(registry), why=f"seed {seed}"))
    rollback.run(Rollback(registry=str(registry), why="the first one begins"))


def _first_trips(folder: pathlib.Path) -> pathlib.Path:
    """Write the first rows of the shipped sample to a file of its own: the suite starts sooner."""
    with gzip.open(TRIPS, "rb") as sample:
        lines = list(itertools.islice(sample, 1 + _ROWS))
    file = folder / "trips.csv.gz"
    file.write_bytes(gzip.compress(b"".join(lines), mtime=0))
    return file


def swap(registry: pathlib.Path, bundle: str) -> int:
    """Point at a bundle as a release does; returns the generation."""
    return Registry(registry).point_at(Variants(bundle), _WHO, _WHEN, "chaos").generation


def flip_a_byte(registry: pathlib.Path, bundle: str) -> Callable[[], object]:
    """Flip one byte of a bundle's graph; returns what flips it back."""
    file = next((registry / "bundles" / bundle / "graph").rglob("saved_model.pb"))
    good = file.read_bytes()
    file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    return lambda: file.write_bytes(good)


def point_by_hand(registry: pathlib.Path, bundle: str) -> None:
    """Write the next generation as none of our commands would: they compare the bundle's bytes first."""
    live = Registry(registry).released()
    text = dataclasses.replace(live, generation=live.generation + 1, variants=Variants(bundle)).text()
    (registry / "history" / f"{live.generation + 1:06d}.json").write_text(text)
    new = registry / f"{LIVE_FILE}.new"
    new.write_text(text)
    new.replace(registry / LIVE_FILE)
