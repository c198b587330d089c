"""The demo's table, its JSON and its page say the same numbers."""

import json
import pathlib

import numpy as np
import pytest

from beam_jobs.demo.report import Numbers, write_report
from beam_jobs.kafka.topics.sending import Sent
from models.measures import metrics

SCORES = np.linspace(0, 1, 200, dtype=np.float32)
LABELS = (SCORES > 0.6).astype(np.float32)


def numbers(equal: bool = True) -> Numbers:
    cell = {"compared": 300, "different": 0 if equal else 2, "unpaired": 0 if equal else 1, "equal": equal}
    return Numbers(
        built={"rows": {"read": 15002, "train": 10442, "eval": 2313, "test": 2247, "rejected": 0}},
        evaluations=[{"metrics": {"auc": 0.91234}}, {"metrics": {"auc": 0.9}}],
        bundles=("aaaa", "bbbb"),
        sent=Sent(2000, 20.0),
        summary={
            "predictions": 1990,
            "rejected": 10,
            "rejections": [
                {"reason": "JSON_SYNTAX", "field": "", "count": 7},
                {"reason": "TYPE", "field": "/fare", "count": 3},
            ],
        },
        streamed=metrics.of_scores(LABELS, SCORES, 0.5),
        milliseconds=np.arange(1, 102, dtype=np.float64),
        by_bundle={"aaaa": 500, "bbbb": 1490},
        skew={
            "equal": equal,
            "rows": 300,
            "paths": ["stream"],
            "columns": ["fare"],
            "skew": {"stream": {"fare": cell}},
        },
    )


def test_the_table_is_what_readers_of_the_readme_see() -> None:
    table = dict(numbers().table())
    assert table["rows read"] == "15,002"
    assert table["  train / eval / test"] == "10,442 / 2,313 / 2,247"
    assert table["test AUC, first / second model"] == "0.9123 / 0.9000"
    assert table["  by first / second model"] == "500 / 1,490"
    assert table["  rejected, of 10 broken ones"] == "10"
    assert table["events/s"] == "100"
    assert table["p50 / p99 broker to broker"] == "51 / 100 ms"
    assert table["batch = stream"] == "100 % equal, 300 rows"


def test_a_difference_is_not_called_equal() -> None:
    assert dict(numbers(equal=False).table())["batch = stream"] == "NOT EQUAL, 300 rows"


def test_all_of_it_is_json() -> None:
    found = json.loads(json.dumps(numbers().as_json()))
    assert (found["predictions"], found["events_per_s"], found["skew_equal"]) == (1990, 100.0, True)
    assert found["latency_ms"]["p50"] == 51.0
    assert found["rejections"][1] == {"reason": "TYPE", "field": "/fare", "count": 3}


@pytest.mark.parametrize(("equal", "cell"), [(True, "300 equal"), (False, "3 differ")])
def test_the_page_has_the_charts_and_both_tables(tmp_path: pathlib.Path, equal: bool, cell: str) -> None:
    write_report(tmp_path / "report.html", numbers(equal), LABELS, SCORES)
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") == 5
    assert "bundle bbbb was released after aaaa" in page
    for text in ("JSON_SYNTAX", "/fare", "events/s", cell):
        assert text in page
