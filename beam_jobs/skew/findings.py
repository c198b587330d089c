"""What is said of a comparison: a table as JSON and as text, and the first difference in one line."""

from collections.abc import Sequence
from typing import Any

from models.evaluation.skew import ColumnSkew


def findings_of(
    bundle: str, columns: Sequence[str], rows: int, rejected: int, skews: Sequence[ColumnSkew]
) -> dict[str, Any]:
    """Return the table as JSON values: of every path and column how many rows were compared and how many differ."""
    paths = list(dict.fromkeys(skew.path for skew in skews))
    table: dict[str, Any] = {path: {} for path in paths}
    for skew in skews:
        table[skew.path][skew.column] = {
            "compared": skew.compared,
            "different": skew.different,
            "unpaired": skew.unpaired,
            "largest": skew.largest,
            "equal": skew.equal,
        }
    return {
        "bundle": bundle,
        "rows": rows,
        "rejected": rejected,
        "paths": paths,
        "columns": list(columns),
        "equal": all(skew.equal for skew in skews),
        "skew": table,
    }


def first_difference(skews: Sequence[ColumnSkew], ids: Sequence[str]) -> str | None:
    """Return in one line where the paths differ first, None if every bit is equal; `ids` are the records'.

    >>> print(first_difference([ColumnSkew("stream", "fare", 9, 2, 0, 0.5, 0)], ["t/0"]))
    1 of 1 comparisons differ, the first in 'fare' on path 'stream': 2 rows differ, 0 stand alone, beginning with t/0
    """
    wrong = [skew for skew in skews if not skew.equal]
    if not wrong:
        return None
    first = wrong[0]
    return (
        f"{len(wrong)} of {len(skews)} comparisons differ, the first in {first.column!r} on path {first.path!r}: "
        f"{first.different} rows differ, {first.unpaired} stand alone, beginning with {ids[first.first_row]}"
    )


def table_text(result: dict[str, Any]) -> str:
    """Return the table for people: one line per feature and for the score, one column per path."""
    width = max(map(len, result["columns"]))
    lines = [f"{'':{width}}  " + "".join(f"{path:>22}" for path in result["paths"])]
    for column in result["columns"]:
        cells = [_cell(result["skew"][path][column]) for path in result["paths"]]
        lines.append(f"{column:{width}}  " + "".join(f"{cell:>22}" for cell in cells))
    share = "100 % equal" if result["equal"] else "NOT EQUAL"
    rejected = f" ({result['rejected']:,} more are rejected)" if result["rejected"] else ""
    records = f"{result['rows']:,} records{rejected}"
    lines.append(f"{share}: {records}, bundle {result['bundle']}, every value compared as float32 bits")
    return "\n".join(lines)


def _cell(skew: dict[str, Any]) -> str:
    if skew["equal"]:
        return f"{skew['compared']:,} equal"
    return f"{skew['different']:,} differ, {skew['unpaired']:,} alone"
