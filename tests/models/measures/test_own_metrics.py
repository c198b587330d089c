"""Metrics of one's own: called with what they ask for; one that fails is one line, without a value of the data."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from models.fraud import MODEL, card_precision_100
from models.measures.own_metrics import own_value, with_functions
from models.measures.scored_rows import ScoredRows
from models.spec import Metric, ModelSpec
from schemas.errors import InputError

ROWS = ScoredRows(
    np.array([0, 1], np.float32),
    np.array([0.25, 0.5], np.float32),
    None,
    pa.RecordBatch.from_pydict({"card": ["secret-1", "secret-2"], "more": [1, 2]}),
)


def test_it_gets_its_columns_and_weights() -> None:
    def seen(label: np.ndarray, scores: np.ndarray, weight: np.ndarray, rows: pa.RecordBatch) -> float:
        assert (label.tolist(), scores.tolist(), weight.tolist()) == ([0, 1], [0.25, 0.5], [1, 1])
        assert rows.schema.names == ["card"]
        return 0.5

    assert own_value(Metric("m", seen, ("card",)), ROWS) == 0.5
    assert own_value(Metric("m", lambda *_: np.float32(0.5)), ROWS) == 0.5
    assert own_value(Metric("m", seen, ("card", "gone")), ROWS) is None  # a training set of before
    assert own_value(Metric("m", lambda *_: None), ROWS) is None


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (
            lambda *_: {"a": 1.0}["secret-1"],
            r"^metric 'm' ended in KeyError in .*test_own_metrics.py line \d+, for 2 rows; it",
        ),
        (lambda *_: float("nan"), r"^metric 'm' returned nan, for 2 rows; wanted a finite number or None$"),
        (lambda *_: float("inf"), "returned inf"),
        (lambda *_: "secret-1", "returned a value of type str, wanted a finite number or None"),
        (lambda *_: True, "returned a value of type bool"),
        (lambda *_: np.zeros(2), "returned a value of type ndarray"),
        (lambda: 1.0, "ended in TypeError"),
    ],
)
def test_one_that_fails_is_one_line_and_quotes_nothing(function: Any, said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        own_value(Metric("m", function), ROWS)
    assert "secret" not in str(error.value)
    assert "\n" not in str(error.value)


def test_functions_come_from_the_use_case_as_it_is_now() -> None:
    kept = ModelSpec(metrics=(Metric("m", None, ("card",)),))
    assert with_functions(kept, (Metric("m", max, ("card",)),), "own.py").metrics[0].function is max
    with pytest.raises(InputError, match=r"^own.py: has no metric 'm', the candidate has"):
        with_functions(kept, (), "own.py")
    with pytest.raises(InputError, match="metric 'm' has other columns or another direction now"):
        with_functions(kept, (Metric("m", max, ("other",)),), "own.py")


def slow_card_precision(rows: list[tuple[int, int, float, int]]) -> float:
    """Group, sort, count, day by day, as the handbook's code does; rows are day, customer, score, label."""
    known: set[int] = set()
    shares = []
    for day in sorted({row[0] for row in rows}):
        cards: dict[int, tuple[float, int]] = {}
        for _, customer, score, label in (row for row in rows if row[0] == day and row[1] not in known):
            highest, worst = cards.get(customer, (score, label))
            cards[customer] = max(highest, score), max(worst, label)
        first = sorted(cards, key=lambda customer: -cards[customer][0])[:100]
        detected = [customer for customer in first if cards[customer][1] == 1]
        known |= set(detected)
        shares.append(len(detected) / 100)
    return sum(shares) / len(shares)


@pytest.mark.parametrize("seed", range(5))
def test_card_precision_is_the_handbooks(seed: int) -> None:
    random = np.random.default_rng(seed)
    count = 4_000
    day, customer = random.integers(0, 5, count), random.integers(10**12, 10**12 + 600, count)
    scores = random.permutation(count).astype(np.float32) / count
    label = (random.random(count) < scores**4).astype(np.float32)
    time = day * 86_400_000 + random.integers(0, 86_400_000, count)
    columns = pa.RecordBatch.from_pydict({"CUSTOMER_ID": customer, "TX_DATETIME": time})
    wanted = slow_card_precision(
        list(zip(day.tolist(), customer.tolist(), scores.tolist(), label.tolist(), strict=True))
    )
    assert card_precision_100(label, scores, np.ones(count, np.float32), columns) == pytest.approx(wanted)
    assert own_value(MODEL.metrics[0], ScoredRows(label, scores, None, columns)) == pytest.approx(wanted)


def test_card_precision_of_a_day_of_few_cards_is_of_100_all_the_same() -> None:
    columns = pa.RecordBatch.from_pydict({"CUSTOMER_ID": [1, 1, 2], "TX_DATETIME": [0, 1, 86_400_000]})
    label, scores = np.array([0, 1, 1], np.float32), np.array([0.9, 0.1, 0.5], np.float32)
    assert card_precision_100(label, scores, np.ones(3, np.float32), columns) == 0.01
