"""Tables of text with aligned columns, for a terminal."""

from collections.abc import Sequence

_GAP = "  "
_SHORT = 10_000_000
_WIDEST_NAME = 24
_WIDEST_LINE = 96


def table(head: Sequence[str], rows: Sequence[Sequence[str]], texts: Sequence[int] = ()) -> list[str]:
    """Return the lines of a table: the first column and those of `texts` to the left, all others to the right.

    Names longer than 24 letters are cut, and so is what goes beyond 96 letters at the end of a line.

    >>> print("\\n".join(table(["column", "count"], [["fare", "1,000"], ["trip_miles", "7"]])))
    column      count
    fare        1,000
    trip_miles      7
    """
    cut = [[shortened(row[0], _WIDEST_NAME), *row[1:]] for row in (head, *rows)]
    widths = [max(map(len, cells)) for cells in zip(*cut, strict=True)]
    left = {0, *texts}
    lines = []
    for row in cut:
        cells = [
            cell.ljust(width) if at in left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(shortened(_GAP.join(cells).rstrip(), _WIDEST_LINE))
    return lines


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many letters; what is cut ends in dots.

    >>> shortened("pickup_community_area", 12)
    'pickup_co...'
    """
    return text if len(text) <= most else text[: most - 3] + "..."


def number(value: float | int | None, digits: int = 5) -> str:
    """Return a number for a column of a table: integers of up to seven digits whole, no number as a dash.

    >>> number(1357000), number(0.123456), number(1369897200), number(None)
    ('1357000', '0.12346', '1.3699e9', '-')
    """
    if value is None:
        return "-"
    if float(value).is_integer() and abs(value) < _SHORT:
        return str(int(value))
    shown, _, power = f"{value:.{digits}g}".partition("e")
    return f"{shown}e{int(power)}" if power else shown
