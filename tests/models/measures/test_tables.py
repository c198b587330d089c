"""Thresholds, gain, cost, fairness and NDCG: counted by hand, and beside scikit-learn's."""

import numpy as np
import pytest

from models.costs import Costs
from models.measures.fairness import FEWEST, fairness
from models.measures.metrics import of_scores
from models.measures.ranked import Ranked
from models.measures.threshold_table import gain, threshold_table

RANDOM = np.random.default_rng(11)
ROWS = 500
SCORES = (RANDOM.integers(0, 200, ROWS) / 256).astype(np.float32)
LABEL = (RANDOM.random(ROWS) < SCORES).astype(np.float32)
WEIGHT = RANDOM.choice(np.array([0.5, 1, 2], np.float32), ROWS)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["rows", "weights"])
def test_every_line_of_the_table_is_what_that_threshold_gives(weight: np.ndarray | None) -> None:
    costs = Costs(false_positive=1, false_negative=7)
    table = threshold_table(Ranked(LABEL == 1, SCORES.astype(np.float64)), 0.375, weight, costs)
    assert table["chosen"] == 0.375
    assert 0.375 in table["threshold"]
    assert table["threshold"] == sorted(table["threshold"])
    assert {len(column) for name, column in table.items() if name != "chosen"} == {len(table["threshold"])}
    for at, threshold in enumerate(table["threshold"]):
        found = of_scores(LABEL, SCORES, threshold, weight, costs)
        line = {name: table[name][at] for name in ("precision", "recall", "f1", "accuracy", "cost")}
        assert line == pytest.approx({name: found[name] for name in line})
        assert [table[name][at] for name in found["confusion"]] == pytest.approx(list(found["confusion"].values()))


def test_rare_positives_have_thresholds_that_select_few() -> None:
    scores = (RANDOM.random(10_000) ** 8 / 200).astype(np.float32)
    table = threshold_table(Ranked(scores > 0.004, scores.astype(np.float64)), 0.001)
    assert sum(0 < selected < 0.3 for selected in table["selected"]) > 10


def test_gain_ends_where_all_are_found() -> None:
    found = gain(Ranked(LABEL == 1, SCORES.astype(np.float64)))
    recall, lift = found["recall"], found["lift"]
    assert (recall[0], recall[-1], lift[0], lift[-1]) == (0.0, pytest.approx(1.0), None, pytest.approx(1.0))
    assert recall == sorted(recall, key=lambda value: value or 0.0)
    best = np.sort(LABEL)[::-1]
    assert gain(Ranked(best == 1, best.astype(np.float64)))["recall"][13] == pytest.approx(0.1 * ROWS / LABEL.sum())


def test_constant_scores_have_no_lift() -> None:
    assert gain(Ranked(LABEL == 1, np.full(ROWS, 0.5)))["lift"][1:] == pytest.approx([1.0] * 103)


def value(name: str, true: int, missed: int, false: int, right_no: int) -> dict:
    confusion = {"true_positive": true, "false_negative": missed, "false_positive": false, "true_negative": right_no}
    rows = true + missed + false + right_no
    return {"value": name, "rows": rows, "confusion": confusion, "rows_of_label": [false + right_no, true + missed]}


def test_fairness_counted_by_hand() -> None:
    found = fairness([value("a", 30, 10, 10, 50), value("b", 10, 30, 5, 55), value("c", 1, 0, 9, 90)])
    assert found["selection_rate"]["difference"] == pytest.approx(0.4 - 0.1)
    assert found["selection_rate"]["least"] == {"value": "c", "rate": 0.1, "rows": 100}
    assert found["true_positive_rate"] == {
        "difference": pytest.approx(0.5),
        "ratio": pytest.approx(1 / 3),
        "least": {"value": "b", "rate": 0.25, "rows": 40},
        "most": {"value": "a", "rate": 0.75, "rows": 40},
    }
    assert found["too_few"] == ["c"]
    assert found["values"][2]["true_positive_rate"] == 1.0


def test_groups_too_small_to_say_are_said() -> None:
    few = value("a", FEWEST - 1, 0, 0, 0)
    found = fairness([few, value("b", FEWEST - 1, 0, 0, 0)])
    assert [found[name] for name in ("selection_rate", "true_positive_rate", "false_positive_rate")] == [None] * 3
    assert found["too_few"] == ["a", "b"]
    assert fairness([])["values"] == []
    nobody = fairness([value("a", 0, 40, 0, 40), value("b", 0, 40, 0, 40)])["selection_rate"]
    assert (nobody["difference"], nobody["ratio"]) == (0.0, None)
