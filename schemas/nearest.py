"""Names that a person may have meant, for messages about an unknown one."""

import difflib
from collections.abc import Iterable

_LISTED = 20


def nearest(name: object, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known name that is most like a given one, whatever the case of both; None if none is.

    >>> nearest("Purpos", ["amount", "purpose"]), nearest("purpos", ["amount"])
    ('purpose', None)
    """
    if not isinstance(name, str):
        return None
    folded = {one.strip().casefold(): one for one in known}
    close = difflib.get_close_matches(name.strip().casefold(), folded, n=1, cutoff=cutoff)
    return folded[close[0]] if close else None


def did_you_mean(name: object, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return `, did you mean ...?` with the known name that is nearest, or nothing; it ends the message.

    >>> did_you_mean("--max-batchs", ["--max-batch", "--limit"]), did_you_mean("purpos", ["amount"])
    (', did you mean --max-batch?', '')
    """
    near = nearest(name, known, cutoff)
    return "" if near is None else f", did you mean {near}?"


def listed(names: Iterable[str]) -> str:
    """Return names for people, of very many the first; `none` if there is none.

    >>> listed(["a", "b"]), listed([])
    ('a, b', 'none')
    """
    names = list(names)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return (", ".join(names[:_LISTED]) or "none") + more
