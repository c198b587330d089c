"""The table: what is published, and what ours has by the same protocol."""

import dataclasses
import statistics
from collections.abc import Mapping, Sequence


@dataclasses.dataclass(frozen=True)
class Row:
    """One line: the use case and its protocol, our model, its figures, and those that are published, with whose."""

    what: str
    model: str
    ours: str
    published: str


def figures(metrics: Sequence[Mapping[str, float]], names: Sequence[str], form: str = ".3f") -> str:
    """Return metrics for people: of several splits mean and population standard deviation.

    >>> figures([{"auc": 0.5}, {"auc": 0.75}], ["auc"])
    '0.625±0.125'
    """
    texts = []
    for name in names:
        values = [one[name] for one in metrics]
        spread = f"±{statistics.pstdev(values):{form}}" if len(values) > 1 else ""
        texts.append(f"{statistics.fmean(values):{form}}{spread}")
    return " / ".join(texts)


HEAD = "| published protocol | our model | ours | published |\n|---|---|---|---|"
"""The head of the table in Markdown."""


def markdown(row: Row) -> str:
    """Return a line of the table in Markdown.

    >>> markdown(Row("census, AUC", "XGBoost", "0.928", "0.927"))
    '| census, AUC | XGBoost | 0.928 | 0.927 |'
    """
    return f"| {row.what} | {row.model} | {row.ours} | {row.published} |"
