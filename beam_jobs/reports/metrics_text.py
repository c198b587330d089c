"""The metrics of an evaluation for people, by its task, which their names tell."""

from collections.abc import Mapping
from typing import Any

from beam_jobs.reports.text_table import table
from models.losses import CALIBRATED
from models.tasks import BINARY, COST, METRICS, MULTICLASS, NOT_METRICS, RANKING, REGRESSION

_MOST_CLASSES = 12

SLICE_METRICS: Mapping[str, tuple[tuple[str, str], ...]] = {
    BINARY: (("label mean", "label_mean"), ("AUC", "auc"), ("F1", "f1")),
    MULTICLASS: (("accuracy", "accuracy"), ("macro AUC", "macro_auc"), ("log loss", "log_loss")),
    REGRESSION: (("label mean", "label_mean"), ("MAE", "mae"), ("R2", "r2")),
    RANKING: (("queries", "queries"), ("NDCG", "ndcg"), ("NDCG@10", "ndcg_at_10")),
}
"""What is shown of the values of a slice: heads and metrics."""
_WITH_INTERVALS: Mapping[str, tuple[str, ...]] = {
    BINARY: ("auc", "average_precision", "log_loss", "f1"),
    MULTICLASS: ("accuracy", "macro_auc", "macro_f1", "log_loss"),
    REGRESSION: ("rmse", "mae", "r2"),
    RANKING: ("ndcg", "ndcg_at_10"),
}


def task_of(metrics: Mapping[str, Any]) -> str:
    """Return which task metrics are of.

    >>> task_of({"auc": 0.9}), task_of({"macro_auc": 0.9}), task_of({"rmse": 2.0}), task_of({"ndcg": 0.5})
    ('binary', 'multiclass', 'regression', 'ranking')
    """
    if "ndcg" in metrics:
        return RANKING
    return MULTICLASS if "macro_auc" in metrics else REGRESSION if "rmse" in metrics else BINARY


def metrics_lines(metrics: Mapping[str, Any], intervals: Mapping[str, Any] | None = None) -> list[str]:
    """Return the metrics of the whole test split, the rows first, then the intervals and own metrics, if any."""
    return [*_of_task(metrics), *_own(metrics), *_intervals(metrics, intervals or {})]


def _own(metrics: Mapping[str, Any]) -> list[str]:
    """Return metrics that are not ours, and the cost."""
    own = {name: value for name, value in metrics.items() if name not in (*METRICS, *NOT_METRICS) or name == COST}
    return ["  " + "  ".join(f"{name.replace('_', ' ')} {short(value)}" for name, value in own.items())] if own else []


def _intervals(metrics: Mapping[str, Any], intervals: Mapping[str, Any]) -> list[str]:
    """Return the 95 % intervals of the metrics that a slice shows too, and of the first of its task."""
    names = dict.fromkeys([*_WITH_INTERVALS[task_of(metrics)], *([COST] if COST in metrics else [])])
    said = [
        f"{name.replace('_', ' ')} {short(low)} to {short(high)}"
        for name in names
        if intervals.get(name) is not None
        for low, high in [intervals[name]]
    ]
    return [f"  95% intervals: {', '.join(said)}"] if said else []


def _of_task(metrics: Mapping[str, Any]) -> list[str]:
    task = task_of(metrics)
    rows = f"{metrics['rows']:,} test rows"
    if "weight" in metrics:
        rows += f", which count for {metrics['weight']:,.1f}"
    if task == REGRESSION:
        return [
            f"{rows}, mean label {short(metrics['label_mean'])}",
            (
                f"  RMSE {short(metrics['rmse'])}  MAE {short(metrics['mae'])}  R2 {short(metrics['r2'])}"
                f"  mean score {short(metrics['score_mean'])}"
            ),
        ]
    if task == RANKING:
        return [
            f"{rows} of {metrics['queries']:,} queries with a relevant row",
            f"  NDCG {short(metrics['ndcg'])}  NDCG@10 {short(metrics['ndcg_at_10'])}",
        ]
    if task == MULTICLASS:
        return [
            f"{rows} of {len(metrics['classes'])} classes",
            (
                f"  accuracy {short(metrics['accuracy'])}  macro AUC {short(metrics['macro_auc'])}"
                f"  macro F1 {short(metrics['macro_f1'])}  log loss {short(metrics['log_loss'])}"
            ),
            *(f"  {line}" for line in _classes(metrics)),
        ]
    confusion = metrics["confusion"]
    return [
        f"{rows}, {share(metrics['label_mean'])} positive"
        + ("" if metrics.get(CALIBRATED, True) else "; scores are not calibrated, they only order rows"),
        (
            f"  AUC {short(metrics['auc'])}  average precision {short(metrics['average_precision'])}"
            f"  log loss {short(metrics['log_loss'])}  mean score {short(metrics['score_mean'])}"
        ),
        (
            f"  at threshold {short(metrics['threshold'])}: precision {short(metrics['precision'])}"
            f"  recall {short(metrics['recall'])}  F1 {short(metrics['f1'])}  accuracy {short(metrics['accuracy'])}"
        ),
        f"  {'':18}{'said yes':>10}{'said no':>10}",
        f"  {'was yes':18}{confusion['true_positive']:>10,.10g}{confusion['false_negative']:>10,.10g}",
        f"  {'was no':18}{confusion['false_positive']:>10,.10g}{confusion['true_negative']:>10,.10g}",
    ]


def slice_line(value: Mapping[str, Any]) -> str:
    """Return the metrics of one value of a slice."""
    name = "(missing)" if value["value"] is None else value["value"]
    rows = "row" if value["rows"] == 1 else "rows"
    task = task_of(value)
    shown = [f"{head} {short(value[metric])}" for head, metric in SLICE_METRICS[task]]
    if task == BINARY:
        shown[0] = f"positive {share(value['label_mean'])}"
    return f"{name:32.32} {value['rows']:>7,} {rows:4}  {'  '.join(shown)}"


def short(value: float | None) -> str:
    """Return a metric; one of a million as well as one of a thousandth.

    >>> short(0.87654), short(16320.345), short(None)
    ('0.8765', '16,320.3', '-')
    """
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4f}" if abs(value) < 1_000 else f"{value:,.1f}"


def share(value: float | None) -> str:
    """Return a share in per cent.

    >>> share(0.125)
    '12.5%'
    """
    return "-" if value is None else f"{value:.1%}"


def _classes(metrics: Mapping[str, Any]) -> list[str]:
    """Return the metrics of each class, the most frequent first, with what it was taken for most."""
    order = sorted(range(len(metrics["classes"])), key=lambda at: -metrics["classes"][at]["rows"])
    rows = []
    for at in order[:_MOST_CLASSES]:
        one = metrics["classes"][at]
        cells = [short(one[name]) for name in ("recall", "precision", "f1", "auc")]
        rows.append([one["class"], f"{one['rows']:,}", *cells])
    lines = table(["class", "rows", "recall", "precision", "F1", "AUC"], rows)
    return lines + ([f"and {len(order) - _MOST_CLASSES:,} more"] if len(order) > _MOST_CLASSES else [])
