"""Charts are SVG that a page can hold: one element, the same for the same numbers, with the numbers in words."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import numpy as np
import pytest

from beam_jobs.reports import charts

SCORES = np.linspace(0, 1, 50)
LABELS = (SCORES > 0.6).astype(np.int8)
CHARTS: dict[str, tuple[Callable[[], str], str]] = {
    "roc": (lambda: charts.roc([0, 0.1, 1], [0, 0.8, 1], 0.91234), "ROC, AUC 0.9123"),
    "precision_recall": (lambda: charts.precision_recall([1, 0.5], [0, 1], 0.8, 0.2), "average precision 0.8000"),
    "calibration": (lambda: charts.calibration([0.1, 0.9], [0.2, 0.8], [10, 30]), "Calibration"),
    "score_distribution": (lambda: charts.score_distribution(SCORES, LABELS), "label 1"),
    "latencies": (lambda: charts.latencies(np.array([0.0, 4, 130]), {"p50": 4.0, "p99": 130.0}), "p99 130 ms"),
}


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_one_svg_element_that_says_its_numbers(name: str) -> None:
    draw, words = CHARTS[name]
    drawn = draw()
    assert ET.fromstring(drawn).tag == "{http://www.w3.org/2000/svg}svg"
    assert words in re.sub(r"<[^>]*>", "", drawn)
    assert len(drawn) < 60_000


@pytest.mark.parametrize("name", CHARTS)
def test_the_same_numbers_give_the_same_text(name: str) -> None:
    draw, _ = CHARTS[name]
    assert draw() == draw()


def test_other_numbers_give_another_chart() -> None:
    assert charts.roc([0, 1], [0, 1], 0.5) != charts.roc([0, 0.2, 1], [0, 0.9, 1], 0.5)


@pytest.mark.parametrize("rows", [[], [0, 0]])
def test_bins_without_rows_can_be_drawn(rows: list[int]) -> None:
    assert charts.calibration([0.1] * len(rows), [0.2] * len(rows), rows).startswith("<svg")
