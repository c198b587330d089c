"""What a cross-validation found, for people."""

from collections.abc import Mapping
from typing import Any

from beam_jobs.reports.metrics_text import short
from beam_jobs.reports.text_table import table


def fold_lines(summary: Mapping[str, Mapping[str, float | None]], folds: list[Mapping[str, Any]]) -> list[str]:
    """Return a table: a line per metric, its mean and spread over the folds, then each fold."""
    head = ["metric", "mean", "spread", *(f"fold {at}" for at in range(len(folds)))]
    rows = [
        [name, short(one["mean"]), short(one["spread"]), *(short(fold["metrics"][name]) for fold in folds)]
        for name, one in summary.items()
    ]
    for name, title in (("rounds", "rounds"), ("train_rows", "rows trained on"), ("stop_rows", "to stop by")):
        rows.append([title, "", "", *(f"{fold[name]:,}" for fold in folds)])
    rows.append(["scored", "", "", *(f"{fold['metrics']['rows']:,}" for fold in folds)])
    return [f"  {line}" for line in table(head, rows)]
