"""Charts for reports: matplotlib figures as SVG text that a page carries inside itself.

Every function takes plain numbers and returns one `<svg>` element of about 20 kB; the same numbers give the same text.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_INK, _ACCENT, _SECOND, _FAINT = "#1f2933", "#0b6e99", "#c2571a", "#9aa5b1"
_STYLE: dict[Any, Any] = {
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "font.size": 9,
    "svg.fonttype": "none",
    "svg.hashsalt": "onegraph",
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}


def roc(false_positive_rate: Sequence[float], true_positive_rate: Sequence[float], auc: float) -> str:
    """The receiver operating characteristic; the diagonal is guessing."""
    figure, axes = _figure(f"ROC, AUC {auc:.4f}", "false positive rate", "true positive rate")
    axes.plot([0, 1], [0, 1], color=_FAINT, linestyle=":", linewidth=1)
    axes.plot(false_positive_rate, true_positive_rate, color=_ACCENT)
    return _svg(figure)


def precision_recall(precision: Sequence[float], recall: Sequence[float], average: float, share: float) -> str:
    """Precision over recall; the dotted line is the share of positives, what guessing reaches."""
    figure, axes = _figure(f"Precision-recall, average precision {average:.4f}", "recall", "precision")
    axes.axhline(share, color=_FAINT, linestyle=":", linewidth=1)
    axes.plot(recall, precision, color=_ACCENT)
    axes.set_ylim(0, 1.02)
    return _svg(figure)


def calibration(predicted: Sequence[float], observed: Sequence[float], rows: Sequence[int]) -> str:
    """Observed share of positives against the mean score of each bin; the dots' areas grow with the bin's rows."""
    figure, axes = _figure("Calibration", "mean score of the bin", "observed share")
    axes.plot([0, 1], [0, 1], color=_FAINT, linestyle=":", linewidth=1)
    axes.plot(predicted, observed, color=_ACCENT, linewidth=1)
    largest = max(rows, default=1) or 1
    axes.scatter(predicted, observed, s=[10 + 90 * count / largest for count in rows], color=_ACCENT)
    return _svg(figure)


def score_distribution(scores: np.ndarray, labels: np.ndarray) -> str:
    """How many rows got which score, by label, on a logarithmic axis."""
    figure, axes = _figure("Score distribution", "score", "rows (logarithmic)")
    axes.set_yscale("log")
    axes.hist(
        [scores[labels == 0], scores[labels == 1]],
        bins=np.linspace(0, 1, 41).tolist(),
        histtype="step",
        linewidth=1.5,
        color=[_ACCENT, _SECOND],
        label=["label 0", "label 1"],
    )
    axes.legend(frameon=False)
    return _svg(figure)


def latencies(milliseconds: np.ndarray, quantiles: Mapping[str, float]) -> str:
    """Broker timestamp to broker timestamp, on a logarithmic axis, with lines at the named quantiles."""
    figure, axes = _figure("Latency, broker to broker", "milliseconds", "events")
    at_least_one = np.maximum(milliseconds, 1)
    bins = np.logspace(0, np.log10(max(at_least_one.max(), 10)), 50)
    axes.hist(at_least_one, bins=bins.tolist(), color=_ACCENT)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    for (name, value), line in zip(quantiles.items(), ("--", ":", "-."), strict=False):
        axes.axvline(max(value, 1), color=_SECOND, linewidth=1, linestyle=line, label=f"{name} {value:.0f} ms")
    axes.legend(frameon=False)
    return _svg(figure)


def _figure(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(4.6, 3.2), layout="constrained")
        axes = figure.add_subplot(title=title, xlabel=x, ylabel=y)
    return figure, axes


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    with mpl.rc_context(_STYLE):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
