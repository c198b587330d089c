"""The charts of an evaluation's curves, by what curves there are: those of a task, of one model or of two."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from beam_jobs.reports.candidates.plots import Axis, Bars, Line, plot
from beam_jobs.reports.metrics_text import short
from beam_jobs.reports.sets.wording import text

_CLASSES = 6
_SHARE = 0.0, 1.0
_DIAGONAL = ((0.0, 0.0), (1.0, 1.0))


@dataclasses.dataclass(frozen=True)
class Chart:
    """A chart as the page shows it: its title, what to read off it, the drawing, and the names of its series."""

    title: str
    note: str
    svg: str
    legend: Sequence[str] = ()


def charts(models: Sequence[tuple[str, Mapping[str, Any], Mapping[str, Any]]]) -> list[Chart]:
    """Return the charts of one or two models, each of a name, curves and metrics; those that both have."""
    curves = [one for _, one, _ in models]
    metrics, names = models[0][2], [name for name, _, _ in models] if len(models) > 1 else []
    found = []

    def add(needed: str, title: str, note: str, x: Axis, y: Axis, columns: tuple[str, str], **more: Any) -> None:
        if all(needed in one for one in curves):
            lines = [Line(one[needed][columns[0]], one[needed][columns[1]], at) for at, one in enumerate(curves)]
            found.append(Chart(title, note, plot(title, x, y, lines, **more), names))

    rate = Axis("false positive rate", *_SHARE), Axis("true positive rate", *_SHARE)
    note = f"AUC {short(metrics.get('auc'))}; dotted: guessing"
    columns = "false_positive_rate", "true_positive_rate"
    add("roc", "ROC: hits over false alarms", note, *rate, columns, reference=_DIAGONAL)
    positive = metrics.get("label_mean")
    guessing = None if positive is None else ((0.0, positive), (1.0, positive))
    axes = Axis("recall", *_SHARE), Axis("precision", *_SHARE)
    note = f"average precision {short(metrics.get('average_precision'))}; dotted: guessing"
    add("precision_recall", "Precision over recall", note, *axes, ("recall", "precision"), reference=guessing)
    if all("calibration" in one for one in curves):
        found.append(_calibration([one["calibration"] for one in curves], names, metrics))
    found += _histograms(curves[0])
    if all("gain" in one for one in curves):
        axes = Axis("share of rows, highest scores first", *_SHARE), Axis("recall", *_SHARE)
        add("gain", "Gain: found among the highest scores", "dotted: any order", *axes, ("share", "recall"),
            reference=_DIAGONAL)  # fmt: skip
        lifts = [one["gain"]["lift"] for one in curves]
        axes = Axis("share of rows, highest scores first", *_SHARE), Axis.over("lift", *lifts, zero=True)
        add("gain", "Lift: times as many as in any rows", "dotted: any order", *axes, ("share", "lift"),
            reference=((0.0, 1.0), (1.0, 1.0)))  # fmt: skip
    if all("cost" in one for one in curves):
        axes = (
            Axis.over("threshold", *(one["cost"]["threshold"] for one in curves)),
            Axis.over("cost", *(one["cost"]["cost"] for one in curves), zero=True),
        )
        note = "of all test rows, by the costs of the spec"
        add("cost", "Cost over the threshold", note, *axes, ("threshold", "cost"))
    if all("error_quantiles" in one for one in curves):
        axes = (
            Axis("share of rows", *_SHARE),
            Axis.over("error", *(one["error_quantiles"]["error"] for one in curves)),
        )
        note = "so many rows have an error of at most so much"
        flat = ((0.0, 0.0), (1.0, 0.0))
        add("error_quantiles", "Errors in their order", note, *axes, ("share", "error"), reference=flat)
    if "classes" in curves[0]:
        found += _of_classes(curves[0]["classes"])
    return found


def history(training: Mapping[str, Any]) -> list[Chart]:
    """Return a chart per metric of a training's rounds, with a line at the round that was kept."""
    found = []
    for name, values in training.get("eval", {}).items():
        rounds = training.get("rounds")
        kept = rounds if isinstance(rounds, int) and 0 < rounds <= len(values) else None
        x, y = Axis("round", 1, max(len(values), 2)), Axis.over(name, values)
        kept_at = None if kept is None else ((float(kept), y.low), (float(kept), y.high))
        line = Line([float(at + 1) for at in range(len(values))], values)
        note = (
            "on the eval split"
            if kept is None
            else f"on the eval split; {short(values[kept - 1])} at round {kept}, kept"
        )
        found.append(Chart(f"Training: {text(name)}", note, plot(f"{name} by round", x, y, [line], kept_at)))
    return found


def _calibration(curves: Sequence[Mapping[str, Any]], names: Sequence[str], metrics: Mapping[str, Any]) -> Chart:
    """Return the chart of mean labels by mean scores: of a regression both have the label's unit."""
    values = [one[name] for one in curves for name in ("score_mean", "label_mean")]
    is_number = "rmse" in metrics
    axes = (
        (Axis.over("mean score", *values), Axis.over("mean label", *values))
        if is_number
        else (Axis("mean score", *_SHARE), Axis("share that was so", *_SHARE))
    )
    most = max((rows for one in curves for rows in one["rows"]), default=1) or 1
    lines = [
        Line(one["score_mean"], one["label_mean"], at, [2 + 2 * (rows / most) ** 0.5 for rows in one["rows"]])
        for at, one in enumerate(curves)
    ]
    ends = ((axes[0].low, axes[0].low), (axes[0].high, axes[0].high))
    title = "Predicted against true" if is_number else "Calibration"
    error = metrics.get("calibration_error")
    note = "each dot a tenth of the rows; dotted: as predicted"
    note = note if error is None else f"calibration error {short(error)}; {note}"
    return Chart(title, note, plot(title, *axes, lines, ends), names)


def _histograms(curves: Mapping[str, Any]) -> list[Chart]:
    found = []
    if "score_histogram" in curves:
        edges = curves["score_histogram"]["edges"]
        counts = curves["score_histogram"].get("counts_by_label") or curves["score_histogram"].get("counts", {})
        legend = [name if name in ("wrong", "right") else f"label {name}" for name in counts]
        x = Axis("score" if "0" in counts else "highest score", edges[0], edges[-1])
        # Shares of each group: of few positives among very many rows nothing would be seen of counts.
        shares = [[one / (sum(part) or 1) for one in part] for part in counts.values()]
        bars = [Bars(edges, part, at) for at, part in enumerate(shares)]
        svg = plot("histogram of the scores", x, Axis.over("share", *shares, zero=True), bars)
        rows = ", ".join(f"{name}: {sum(part):,.10g}" for name, part in zip(legend, counts.values(), strict=True))
        found.append(Chart("Scores", f"shares of the rows of each; {rows}", svg, legend))
    if "error_histogram" in curves:
        edges, counts = curves["error_histogram"]["edges"], curves["error_histogram"]["counts"]
        x, y = Axis("score less label", edges[0], edges[-1]), Axis.over("rows", counts, zero=True)
        svg = plot("histogram of the errors", x, y, [Bars(edges, counts)], ((0.0, 0.0), (0.0, y.high)))
        found.append(Chart("Errors", "to the right of the dotted line the score is too high", svg))
    return found


def _of_classes(classes: Sequence[Mapping[str, Any]]) -> list[Chart]:
    shown = classes[:_CLASSES]
    names = [text(str(one["class"])) for one in shown]
    more = f"; the {_CLASSES} largest of {len(classes)}" if len(classes) > _CLASSES else ""
    found = []
    for key, title, x, y in (
        ("roc", "ROC of each class", "false_positive_rate", "true_positive_rate"),
        ("precision_recall", "Precision over recall of each class", "recall", "precision"),
    ):
        lines = [Line(one[key][x], one[key][y], at) for at, one in enumerate(shown) if key in one]
        axes = Axis(x.replace("_", " "), *_SHARE), Axis(y.replace("_", " "), *_SHARE)
        reference = _DIAGONAL if key == "roc" else None
        if lines:
            found.append(Chart(title, f"one against the rest{more}", plot(title, *axes, lines, reference), names))
    return found
