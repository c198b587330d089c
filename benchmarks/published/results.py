"""Our models on the published test rows, each looked at once, with the parameters of `choices.json`."""

import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from benchmarks.published import census, credit_scoring, fraud, house_prices, plain_houses, taxi
from benchmarks.published.choices import Choices
from benchmarks.published.product import Choice, Rows, build, evaluated, trained_as_is, tuned
from benchmarks.published.search import ALL
from benchmarks.published.table import Row, figures

FRAUD = ("auc", "average_precision", "card_precision_100")
_PARALLEL = 3


def of_fraud(data: pathlib.Path, folder: pathlib.Path, choices: Choices) -> Iterable[Row]:
    """Yield the rows of the handbook's baseline and of its four folds, for trees and networks."""
    sets = [build(one, folder) for one in fraud.protocols(data, folder, fraud.TEST_FOLDS)]
    baseline = fraud.TEST_FOLDS.index(fraud.BASELINE)
    columns = "AUC / AP / card precision@100"
    for model, family in (("fraud", "XGBoost"), ("fraud keras", "Keras")):
        found = _of_each(sets, choices[model], folder, model)
        one = found[ALL]
        of_baseline = figures([one[baseline]], FRAUD)
        yield Row(
            f"fraud, baseline split, {columns}", f"{family}, tuned, {_OWN}, one model", of_baseline, _FIRST[family]
        )
        yield Row(f"fraud, four folds, {columns}", f"{family}, the same", figures(one, FRAUD), "not published")
        by_metric = " / ".join(figures(found[name], [name]) for name in FRAUD)
        yield Row("the same", f"{family}, chosen per metric, as theirs", by_metric, _FOLDS[family])


_FIRST = {
    "XGBoost": "XGBoost's defaults .862 / .639 / .273; best of five models in each column .871 / .658 / .291",
    "Keras": "network, not tuned .864 / .653 / .286",
}
_OWN = "ratios of the 15 features too"
_FOLDS = {"XGBoost": "XGBoost .869 / .687 / .303", "Keras": "network .876 / .675 / .303"}


def of_census(data: pathlib.Path, folder: pathlib.Path, choices: Choices) -> Iterable[Row]:
    """Yield the row of the three splits."""
    sets = [build(one, folder) for one in census.protocols(data, folder)]
    found = _all(sets, choices["census"][ALL], folder, "census")
    yield Row(
        "census, three splits, AUC", "XGBoost", figures(found, ["auc"], ".4f"), "XGBoost .927±.001, EBM .928±.002"
    )


def of_credit_scoring(data: pathlib.Path, folder: pathlib.Path, choices: Choices) -> Iterable[Row]:
    """Yield the rows of validation and test."""
    for protocol, published in zip(credit_scoring.protocols(data, folder), (".8365", ".8323"), strict=True):
        found = _all([build(protocol, folder)], choices["credit_scoring"][ALL], folder, "credit")
        what = protocol.name.rpartition("-")[2]
        chosen = "chosen on these rows too, as the book's" if what == "validation" else "ratios of amounts too"
        yield Row(
            f"credit scoring, {what}, AUC", f"XGBoost, {chosen}", figures(found, ["auc"], ".4f"), f"XGBoost {published}"
        )


def of_house_prices(data: pathlib.Path, folder: pathlib.Path, choices: Choices) -> Iterable[Row]:
    """Yield the rows of five splits: the library's parameters, those of nine trials, features of our own."""
    where = plain_houses.write(data, folder)
    sets = [build(one, folder) for one in house_prices.protocols(data, folder, plain_houses.NAME, where)]
    dollars, splits = ["mae"], "house prices, five splits, MAE in dollars"
    plain = [trained_as_is(one, folder / f"plain-{at}") for at, one in enumerate(sets)]
    yield Row(splits, "XGBoost's defaults", figures(plain, dollars, ",.0f"), "20,050.7 (one split, not told which)")
    searched = [tuned(one, folder / f"tuned-{at}", _PARALLEL) for at, one in enumerate(sets)]
    yield Row(
        "the same", "best of 9 trials of eta and max_depth", figures(searched, dollars, ",.0f"), "16,320.3 (the same)"
    )
    sets = [build(one, folder) for one in house_prices.protocols(data, folder, "house_prices", None)]
    own = [
        metrics
        for seed, one in zip(house_prices.SEEDS, sets, strict=True)
        for metrics in _all([one], choices[f"house_prices {seed}"][ALL], folder, "houses")
    ]
    yield Row(
        "the same",
        "XGBoost, features of its own, tuned by split",
        figures(own, dollars, ",.0f"),
        "13,944.04 (one split, its own)",
    )


def of_taxi(data: pathlib.Path, folder: pathlib.Path, choices: Choices) -> Iterable[Row]:
    """Yield the row of TFX's split."""
    sets = [build(one, folder) for one in taxi.protocols(data, folder)]
    found = _all(sets, choices["taxi"][ALL], folder, "taxi")
    yield Row("taxi, TFX's split, AUC", "XGBoost", figures(found, ["auc"]), "wide and deep .913, as TFX recorded it")


RESULTS: Mapping[str, Callable[[pathlib.Path, pathlib.Path, Choices], Iterable[Row]]] = {
    "fraud": of_fraud,
    "census": of_census,
    "credit_scoring": of_credit_scoring,
    "house_prices": of_house_prices,
    "taxi": of_taxi,
}


def _of_each(
    sets: Sequence[Rows], choices: Mapping[str, Choice], folder: pathlib.Path, model: str
) -> dict[str, list[dict[str, Any]]]:
    """Return by what each choice is best for the metrics on every set; equal choices are one model."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name, choice in choices.items():
        same = [earlier for earlier in found if choices[earlier] == choice]
        found[name] = found[same[0]] if same else _all(sets, choice, folder, f"{model}-{name}")
    return found


def _all(sets: Sequence[Rows], choice: Choice, folder: pathlib.Path, name: str) -> list[dict[str, Any]]:
    return [evaluated(one, choice, folder / f"{name}-{one.training_set.path.name}.candidate") for one in sets]
