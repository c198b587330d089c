"""Fairness of a binary model's decisions over the values of a slice.

Three rates, and their largest difference and ratio: how many are selected (demographic parity), how many of the
positive are (equal opportunity: Hardt, Price and Srebro 2016), and how many of the negative (with the other, equalized
odds). A rate over too few rows is not compared, and said.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from models.tasks import DIFFERENCE, FAIRNESS_RATES, RATIO

FEWEST = 30
"""Rows that a rate must be over to be compared."""
_RATES = dict(zip(FAIRNESS_RATES, ("rows", "positives", "negatives"), strict=True))


def fairness(values: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the rates of every value of a slice, and how far they are apart.

    `values` are the entries of an evaluation's slice: `value`, `rows`, `rows_of_label` and `confusion`. `difference` is
    the highest rate less the lowest, `ratio` the lowest over the highest, each None where under two values have rows
    enough, `too_few` the values left out of one of them.

    >>> confusion = {"true_positive": 30, "false_positive": 10, "true_negative": 30, "false_negative": 10}
    >>> one = {"value": "a", "rows": 80, "rows_of_label": [40, 40], "confusion": confusion}
    >>> other = one | {"value": "b", "confusion": confusion | {"true_positive": 15, "false_negative": 25}}
    >>> fairness([one, other])["true_positive_rate"]["ratio"]
    0.5
    """
    rates = [_rates(value) for value in values]
    few = [one["value"] for one in rates if any(one[over] < FEWEST for over in _RATES.values())]
    compared = {name: _compared(rates, name, over) for name, over in _RATES.items()}
    return {"values": rates, **compared, "fewest": FEWEST, "too_few": few}


def _rates(value: Mapping[str, Any]) -> dict[str, Any]:
    confusion = value["confusion"]
    true, false = confusion["true_positive"], confusion["false_positive"]
    positive, negative = true + confusion["false_negative"], false + confusion["true_negative"]
    negatives, positives = value["rows_of_label"]
    return {
        "value": value["value"],
        "rows": value["rows"],
        "positives": positives,
        "negatives": negatives,
        "selection_rate": _share(true + false, positive + negative),
        "true_positive_rate": _share(true, positive),
        "false_positive_rate": _share(false, negative),
    }


def _compared(rates: Sequence[Mapping[str, Any]], name: str, over: str) -> dict[str, Any] | None:
    known = [one for one in rates if one[over] >= FEWEST and one[name] is not None]
    if len(known) < 2:
        return None
    least, most = (choose(known, key=lambda one: one[name]) for choose in (min, max))
    ends = {
        end: {"value": one["value"], "rate": one[name], "rows": one[over]}
        for end, one in (("least", least), ("most", most))
    }
    return {DIFFERENCE: most[name] - least[name], RATIO: _share(least[name], most[name]), **ends}


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
