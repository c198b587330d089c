"""The searches that found `choices.json`: which rows, which space."""

import functools
import pathlib
from collections.abc import Callable, Mapping

from benchmarks.published import census, credit_scoring, fraud, house_prices, taxi
from benchmarks.published.product import Choice, Rows, build, folds
from benchmarks.published.search import search
from benchmarks.published.spaces import Space, network, trees

_FRAUD = {"auc": 0.862, "average_precision": 0.639, "card_precision_100": 0.273}
_FRAUD_NETWORK = {"auc": 0.864, "average_precision": 0.653, "card_precision_100": 0.286}


def _fraud(data: pathlib.Path, folder: pathlib.Path) -> list[Rows]:
    return [build(one, folder) for one in fraud.protocols(data, folder, fraud.VALIDATION_FOLDS)]


def _census(data: pathlib.Path, folder: pathlib.Path) -> list[Rows]:
    return [build(one, folder) for one in census.validation(data, folder)]


def _credit_scoring(data: pathlib.Path, folder: pathlib.Path) -> list[Rows]:
    rows = build(credit_scoring.protocols(data, folder)[-1], folder)
    return [fold for seed in range(3) for fold in folds(rows, 5, seed)]


def _house_prices(data: pathlib.Path, folder: pathlib.Path, seed: int) -> list[Rows]:
    protocol = house_prices.protocols(data, folder, "house_prices", None)[seed]
    return folds(build(protocol, folder), 5, 0)


def _taxi(data: pathlib.Path, folder: pathlib.Path) -> list[Rows]:
    return folds(build(taxi.protocols(data, folder)[0], folder), 5, 0)


def _trees(most_rounds: int, trials: int, published: Mapping[str, float]) -> Space:
    return Space(functools.partial(trees, most_rounds=most_rounds), trials, published)


SEARCHES: Mapping[str, tuple[Callable[[pathlib.Path, pathlib.Path], list[Rows]], Space]] = {
    "fraud": (_fraud, _trees(300, 60, _FRAUD)),
    "fraud keras": (_fraud, Space(network, 15, _FRAUD_NETWORK)),
    "census": (_census, _trees(1_000, 40, {"auc": 0.927})),
    "credit_scoring": (_credit_scoring, _trees(800, 60, {"auc": 0.8323})),
    **{
        f"house_prices {seed}": (functools.partial(_house_prices, seed=seed), _trees(1_000, 16, {"mae": 16_320.3}))
        for seed in house_prices.SEEDS
    },
    "taxi": (_taxi, _trees(600, 40, {"auc": 0.913})),
}


def searched(model: str, data: pathlib.Path, folder: pathlib.Path) -> dict[str, Choice]:
    """Build the sets whose rows a model's parameters are chosen by, and search."""
    sets, space = SEARCHES[model]
    return search(sets(data, folder), space)
