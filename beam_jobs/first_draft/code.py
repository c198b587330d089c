"""Python as a person would write it: constants, tuples over several lines where one is too long, texts in quotes."""

import json
from collections.abc import Iterable

WIDTH = 120


def text(value: str) -> str:
    """Return a text as Python has it, in double quotes.

    >>> print(text('a "b"'), text("tab\\t"), text("é"))
    "a \\"b\\"" "tab\\t" "é"
    """
    return json.dumps(value, ensure_ascii=False) if value.isprintable() else json.dumps(value)


def sequence(name: str, values: Iterable[str]) -> list[str]:
    """Return the lines of a constant that is a tuple of texts.

    >>> sequence("_NAMES", ["a", "b"]), sequence("_NAMES", ["a"])
    (['_NAMES = ("a", "b")'], ['_NAMES = ("a",)'])
    """
    parts = [text(value) for value in values]
    comma = "," if len(parts) == 1 else ""
    line = f"{name} = ({', '.join(parts)}{comma})"
    return [line] if len(line) <= WIDTH else [f"{name} = (", *(f"    {part}," for part in parts), ")"]
