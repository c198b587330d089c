"""The report is one file without a link or a script, and text in it cannot become markup."""

import re

import numpy as np
import pytest

from beam_jobs.reports import charts
from beam_jobs.reports.report_page import Table, write_page


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    scores = np.linspace(0, 1, 200)
    labels = (scores > 0.6).astype(np.int8)
    drawn = [
        charts.roc([0, 0.1, 1], [0, 0.8, 1], 0.9),
        charts.precision_recall([1, 0.5], [0, 1], 0.8, 0.2),
        charts.calibration([0.1, 0.9], [0.2, 0.8], [10, 0]),
        charts.score_distribution(scores, labels),
        charts.latencies(np.array([0.0, 4, 5, 130]), {"p50": 4.0, "p99": 130.0}),
    ]
    table = Table("Skew", ["feature", "rows"], [["<script>fare</script>", 3]])
    write_page(path, "A & B", "<b>", [("rows", "3")], drawn, [table])
    return path.read_text()


def test_five_charts_are_inside_the_page(page):
    assert page.count("<svg") == page.count("</svg>") == 5


def test_page_loads_nothing_from_outside(page):
    assert "<script" not in page
    assert not re.findall(r"(?:src|href)\s*=\s*[\"'](?!#)", page)
    assert not re.findall(r"url\((?!#)", page)


def test_text_is_escaped(page):
    assert "&lt;script&gt;fare" in page
    assert "A &amp; B" in page


def test_same_numbers_give_the_same_chart():
    assert charts.roc([0, 1], [0, 1], 0.5) == charts.roc([0, 1], [0, 1], 0.5)
