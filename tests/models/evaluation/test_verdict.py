"""Gates speak overall, of every value of a slice or of one, and against the champion."""

from typing import Any

import pytest

from models.evaluation.comparison import Both, Compared
from models.evaluation.gate_text import gate_text
from models.evaluation.verdict import fewest_rows, verdict
from models.spec import Gate, Metric, ModelSpec

OVERALL = {"rows": 640, "auc": 0.8, "log_loss": 0.5, "r2": None, "found": 3.0}
SLICES: dict[str, list[dict[str, Any]]] = {
    "pay": [
        {"value": "cash", "rows": 500, "auc": 0.85},
        {"value": None, "rows": 120, "auc": 0.7},
        {"value": "card", "rows": 20, "auc": None},
    ]
}
CHAMPION = Compared(
    "c0ffee",
    Both(OVERALL, {"rows": 640, "auc": 0.82, "log_loss": 0.45, "found": None}),
    {"pay": {one["value"]: Both(one, {"auc": auc}) for one, auc in zip(SLICES["pay"], (0.84, 0.75, 0.9), strict=True)}},
    {},
)


def judged(*gates: Gate, champion: Compared | None = None) -> dict[str, Any]:
    spec = ModelSpec(slices=("pay",), gates=gates, metrics=(Metric("found", None),))
    return verdict(spec, OVERALL, SLICES, champion)


@pytest.mark.parametrize(
    ("gate", "passed"),
    [
        (Gate("auc", at_least=0.8), [True]),
        (Gate("log_loss", at_most=0.4), [False]),
        (Gate("auc", at_least=0.75, slice="pay"), [True, False]),
        (Gate("auc", at_least=0.75, slice="pay", min_rows=200), [True]),
        (Gate("auc", at_least=0.1, slice="pay", min_rows=1), [True, True, False]),  # one has no AUC
        (Gate("auc", at_least=0.75, slice="pay", slice_value="cash"), [True]),
        (Gate("auc", at_least=0.75, slice="pay", slice_value="card"), [False]),
        (Gate("auc", at_least=0.1, slice="pay", min_rows=501), [False]),
        (Gate("auc", at_least=0.1, slice="pay", slice_value="gone"), [False]),
    ],
)
def test_thresholds(gate: Gate, passed: list[bool]) -> None:
    found = judged(gate)
    assert [one["passed"] for one in found["gates"]] == passed
    assert found["passed"] is all(passed)


def test_what_no_row_can_say_is_said() -> None:
    found = judged(Gate("auc", at_least=0.1, slice="pay", min_rows=501))["gates"]
    assert gate_text(found[0]) == "auc of pay is -, wanted at least 0.1 (no value of pay has 501 test rows)"
    found = judged(Gate("auc", at_least=0.1, slice="pay"))["gates"]
    assert gate_text(found[1]) == "auc of pay (missing) is 0.7000, wanted at least 0.1"


@pytest.mark.parametrize(
    ("gate", "passed", "limit"),
    [
        (Gate("auc", no_worse_by=0.03), [True], [0.79]),
        (Gate("auc", no_worse_by=0.01), [False], [0.81]),
        (Gate("log_loss", no_worse_by=0.03), [False], [0.48]),
        (Gate("log_loss", no_worse_by=0.06), [True], [0.51]),
        (Gate("auc", no_worse_by=0.0, slice="pay"), [True, False], [0.84, 0.75]),
        (Gate("auc", no_worse_by=0.0, slice="pay", slice_value="card"), [False], [0.9]),
    ],
)
def test_no_worse_than_the_champion(gate: Gate, passed: list[bool], limit: list[float]) -> None:
    found = judged(gate, champion=CHAMPION)["gates"]
    assert [one["passed"] for one in found] == passed
    assert [one["limit"] for one in found] == pytest.approx(limit)


def test_without_a_champion_such_a_gate_passes_and_says_so() -> None:
    found = judged(Gate("auc", no_worse_by=0.0), Gate("auc", no_worse_by=0.0, slice="pay"))
    assert found["passed"] is True
    assert {one["why"] for one in found["gates"]} == {"no champion"}
    no_value = judged(Gate("found", no_worse_by=0.0), champion=CHAMPION)["gates"][0]
    assert (no_value["passed"], no_value["why"]) == (True, "the champion has no value")


def partly(rows: int, champion: float | None, **of_pay: tuple[int, float | None]) -> Compared:
    """Return a comparison on some of all rows, and of each value of pay: how many, and the champion's AUC."""
    slices: dict[str | None, Both] = {
        value: Both({"rows": some, "auc": 0.8}, {"rows": some, "auc": auc}) for value, (some, auc) in of_pay.items()
    }
    both = Both({"rows": rows, "auc": 0.7}, {"rows": rows, "auc": champion})
    return Compared("c0ffee", both, {"pay": slices}, {})


def test_against_the_champion_rows_count_that_both_score() -> None:
    gates = Gate("auc", no_worse_by=0.0), Gate("auc", at_least=0.8), Gate("auc", no_worse_by=0.0, slice="pay")
    against, own, *of_slices = judged(*gates, champion=partly(600, 0.75, cash=(460, 0.75), card=(20, 0.9)))["gates"]
    assert (against["value"], against["passed"]) == (0.7, False)
    assert (own["value"], own["passed"]) == (0.8, True)
    assert [(one["slice_value"], one["rows"], one["passed"]) for one in of_slices] == [("cash", 460, True)]


@pytest.mark.parametrize(
    ("gate", "champion", "why"),
    [
        (Gate("auc", no_worse_by=1.0), partly(600, None), "the champion has no value"),  # no row of one label
        (Gate("auc", no_worse_by=1.0), partly(99, 0.75), "both score 99 of 640 test rows, wanted 100"),
        (Gate("auc", no_worse_by=1.0, slice="pay"), partly(600, 0.75), "no value of pay has 100 test rows that both"),
        (Gate("auc", no_worse_by=1.0, slice="pay"), partly(600, 0.75, cash=(99, 0.7)), "no value of pay has 100 test"),
        (Gate("auc", no_worse_by=1.0, slice="pay"), partly(600, 0.75, cash=(460, None)), "the champion has no value"),
        (Gate("auc", no_worse_by=1.0, slice="pay", slice_value="cash"), partly(600, 0.75), "the champion has no value"),
    ],
)
def test_a_champion_that_scored_too_little_lets_nothing_pass(gate: Gate, champion: Compared, why: str) -> None:
    found = judged(gate, champion=champion)["gates"]
    assert [one["passed"] for one in found] == [False]
    assert found[0]["why"].startswith(why)
    assert gate_text(found[0]).endswith(f"({found[0]['why']})")


def test_a_small_set_of_which_every_row_is_scored_is_compared() -> None:
    both = Both({"rows": 40, "auc": 0.8}, {"rows": 40, "auc": 0.7})
    spec = ModelSpec(gates=(Gate("auc", no_worse_by=0.0),))
    assert verdict(spec, {"rows": 40, "auc": 0.8}, {}, Compared("c0ffee", both, {}, {}))["passed"] is True


@pytest.mark.parametrize(
    ("gate", "passed", "value"),
    [
        (Gate("selection_rate_difference", at_most=0.3, slice="pay"), True, 0.25),
        (Gate("selection_rate_difference", at_most=0.2, slice="pay"), False, 0.25),
        (Gate("selection_rate_ratio", at_least=0.8, slice="pay"), False, 0.5),
        (Gate("true_positive_rate_difference", at_most=1, slice="pay"), False, None),
        (Gate("false_positive_rate_difference", at_most=0, slice="pay"), True, 0.0),
        (Gate("false_positive_rate_ratio", at_least=0.9, slice="pay"), True, None),
    ],
)
def test_fairness_is_a_gate(gate: Gate, passed: bool, value: float | None) -> None:
    rates = {
        "selection_rate": {"difference": 0.25, "ratio": 0.5},
        "true_positive_rate": None,
        "false_positive_rate": {"difference": 0.0, "ratio": None},
    }
    spec = ModelSpec(slices=("pay",), gates=(gate,))
    found = verdict(spec, OVERALL, SLICES, None, {"pay": rates})
    assert (found["passed"], found["gates"][0]["value"]) == (passed, value)
    assert ("why" in found["gates"][0]) is (value is None)
    assert gate_text(found["gates"][0]).startswith(f"{gate.metric} of pay is ")
    assert fewest_rows(spec, "pay") is None


def test_slices_are_measured_as_far_down_as_gates_look() -> None:
    gates = (Gate("auc", at_least=0.1, slice="pay", min_rows=30), Gate("auc", at_least=0.1, slice="pay"))
    spec = ModelSpec(slices=("pay", "sex"), gates=gates)
    assert (fewest_rows(spec, "pay"), fewest_rows(spec, "sex")) == (30, None)
    assert fewest_rows(ModelSpec(slices=("pay",), gates=(Gate("auc", 0.1, slice="pay", slice_value="x"),)), "pay") == 1
