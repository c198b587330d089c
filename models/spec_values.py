"""Values that people write in models/NAME.py: whether they are what is wanted, and how a mistake shows them."""

import dataclasses
import math
from collections.abc import Iterable

from schemas.errors import InputError
from schemas.nearest import did_you_mean


def check_fields(cls: type, named: Iterable[str]) -> None:
    """Raise `InputError` for a name that is no field of a dataclass."""
    known = [field.name for field in dataclasses.fields(cls)]
    for name in named:
        if name not in known:
            raise InputError(f"{cls.__name__} has no {name!r} (it has {', '.join(known)}){did_you_mean(name, known)}")


def check_one_of(what: str, value: object, known: tuple[str, ...]) -> None:
    """Raise `InputError` for a value that is none of those known."""
    if value not in known:
        near = did_you_mean(value, known)
        raise InputError(f"{what} is {shown(value)}, wanted one of {', '.join(known)}{near}")


def is_number(value: object) -> bool:
    """Say whether a value is a finite number, and no bool.

    >>> is_number(1), is_number(True), is_number(float("nan"))
    (True, False, False)
    """
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]  # it is a number by then


def shown(value: object) -> str:
    """Return a value as Python writes it, if that is short, or what it is."""
    text = repr(value)
    return text if len(text) <= 80 and text.isprintable() else f"a {type(value).__name__}"
