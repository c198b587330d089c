"""What a spec asks of a model's features by their names: directions, which may act together, which are categories.

A name is that of a feature, or of an output of several columns, which stands for all of them. Imports nothing heavy.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.errors import InputError
from schemas.nearest import did_you_mean, listed

_DIRECTIONS = (-1, 1)


def check_monotone(value: Any) -> dict[str, int]:
    """Return the direction of every named feature; raises `InputError` for anything but 1 and -1 by name.

    >>> check_monotone({"age": 1})
    {'age': 1}
    """
    wanted = "wanted a dict from a feature's name to 1, where scores may only rise with it, or -1, as in {'age': 1}"
    if not isinstance(value, Mapping):
        raise InputError(f"model: monotone is a {type(value).__name__}, {wanted}")
    for name, direction in value.items():
        if not isinstance(name, str) or type(direction) is not int or direction not in _DIRECTIONS:
            raise InputError(f"model: monotone has {name!r:.60}: {direction!r:.60}, {wanted}")
    return dict(value)


def check_interactions(value: Any) -> tuple[tuple[str, ...], ...]:
    """Return groups of features that may act together; raises `InputError` for anything but groups of names."""
    wanted = 'wanted groups of names, as in (("age", "fare"), ("hour",))'
    if not isinstance(value, tuple | list):
        raise InputError(f"model: interactions is a {type(value).__name__}, {wanted}")
    return tuple(_names(group, "a group of interactions", wanted) for group in value)


def check_categories(value: Any) -> tuple[str, ...]:
    """Return the features that are categories; raises `InputError` for anything but names."""
    return _names(value, "categories", 'wanted names of features, as in ("company",)') if value != () else ()


def _names(value: Any, what: str, wanted: str) -> tuple[str, ...]:
    if not isinstance(value, tuple | list) or not value or not all(isinstance(name, str) for name in value):
        got = f"{value!r:.60}" if isinstance(value, str | tuple | list) else f"a {type(value).__name__}"
        raise InputError(f"model: {what} is {got}, {wanted}")
    if len(set(value)) < len(value):
        raise InputError(f"model: {what} names a feature twice; name it once")
    return tuple(value)


def columns_named(name: str, what: str, names: Sequence[str], wide: Mapping[str, slice]) -> list[int]:
    """Return the columns that a name stands for; raises `InputError` with the nearest name if there is none.

    `names` are those of the columns, `wide` the columns of every output of several.

    >>> columns_named("size", "monotone", ["age", "size/0", "size/1"], {"size": slice(1, 3)})
    [1, 2]
    """
    if name in names:
        return [names.index(name)]
    if name in wide:
        return list(range(len(names))[wide[name]])
    known = [*wide, *names]
    raise InputError(f"model: {what}: no feature is called {name!r} ({listed(known)}){did_you_mean(name, known)}")
