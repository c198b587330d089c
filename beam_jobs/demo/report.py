"""The demo's numbers: as a table for the terminal, as JSON, and as a page with charts."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from beam_jobs.demo.replay import BROKEN, quantiles
from beam_jobs.kafka.topics.sending import Sent
from beam_jobs.reports import charts
from beam_jobs.reports.report_page import Table, write_page
from models.measures import metrics


@dataclasses.dataclass(frozen=True, kw_only=True)
class Numbers:
    """What the demo's steps returned, and what its events tell."""

    built: Mapping[str, Any]
    evaluations: Sequence[Mapping[str, Any]]
    bundles: tuple[str, str]
    sent: Sent
    summary: Mapping[str, Any]
    streamed: Mapping[str, Any]
    milliseconds: np.ndarray
    by_bundle: Mapping[str, int]
    skew: Mapping[str, Any]

    def table(self) -> list[tuple[str, str]]:
        """Return names and values, formatted."""
        rows, latency = self.built["rows"], quantiles(self.milliseconds)
        first, second = (evaluation["metrics"]["auc"] for evaluation in self.evaluations)
        proof = "100 % equal" if self.skew["equal"] else "NOT EQUAL"
        return [
            ("rows read", f"{rows['read']:,}"),
            ("  train / eval / test", f"{rows['train']:,} / {rows['eval']:,} / {rows['test']:,}"),
            ("  rejected", f"{rows['rejected']:,}"),
            ("test AUC, first / second model", f"{first:.4f} / {second:.4f}"),
            ("events scored in the stream", f"{self.summary['predictions']:,}"),
            ("  by first / second model", " / ".join(f"{count:,}" for count in self.by_bundle.values())),
            (f"  rejected, of {len(BROKEN)} broken ones", f"{self.summary['rejected']:,}"),
            ("AUC of the streamed scores", f"{self.streamed['auc']:.4f}"),
            ("events/s", f"{self.sent.count / self.sent.seconds:,.0f}"),
            ("p50 / p99 broker to broker", f"{latency['p50']:.0f} / {latency['p99']:.0f} ms"),
            ("batch = stream", f"{proof}, {self.skew['rows']:,} rows"),
        ]

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain JSON values."""
        return {
            "table": self.table(),
            "rows": self.built["rows"],
            "auc": [evaluation["metrics"]["auc"] for evaluation in self.evaluations],
            "streamed_auc": self.streamed["auc"],
            "predictions": self.summary["predictions"],
            "rejected": self.summary["rejected"],
            "rejections": self.summary["rejections"],
            "by_bundle": dict(self.by_bundle),
            "events_per_s": self.sent.count / self.sent.seconds,
            "latency_ms": dict(quantiles(self.milliseconds)),
            "skew_equal": self.skew["equal"],
            "skew_rows": self.skew["rows"],
        }


def write_report(path: pathlib.Path, numbers: Numbers, labels: np.ndarray, scores: np.ndarray) -> None:
    """Write the page; the charts show the scores that came back from the stream."""
    curves, test = metrics.curves(labels, scores), numbers.streamed
    roc, precision_recall, calibration = (curves[name] for name in ("roc", "precision_recall", "calibration"))
    drawn = [
        charts.roc(roc["false_positive_rate"], roc["true_positive_rate"], test["auc"]),
        charts.precision_recall(
            precision_recall["precision"],
            precision_recall["recall"],
            test["average_precision"],
            test["label_mean"],
        ),
        charts.calibration(calibration["score_mean"], calibration["label_mean"], calibration["rows"]),
        charts.score_distribution(scores, labels),
        charts.latencies(numbers.milliseconds, quantiles(numbers.milliseconds)),
    ]
    figures = [(name.strip(), value) for name, value in numbers.table()]
    rejected = [[entry["reason"], entry["field"], entry["count"]] for entry in numbers.summary["rejections"]]
    skew = numbers.skew
    equal = [[column, *(_cell(skew["skew"][way][column]) for way in skew["paths"])] for column in skew["columns"]]
    write_page(
        path,
        title="Onegraph demo: taxi",
        lead=(
            f"Chicago taxi trips: tipped more than 20 % of the fare? {test['rows']:,} test trips, replayed as Kafka "
            f"events; bundle {numbers.bundles[1]} was released after {numbers.bundles[0]} while they flowed."
        ),
        figures=figures,
        charts=drawn,
        tables=[
            Table("Rejected events", ["reason", "field", "events"], rejected),
            Table("Batch = stream, bit for bit", ["feature", *skew["paths"]], equal),
        ],
    )


def _cell(skew: Mapping[str, Any]) -> str:
    return f"{skew['compared']:,} equal" if skew["equal"] else f"{skew['different'] + skew['unpaired']:,} differ"
