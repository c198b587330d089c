"""Names that a person may have meant, for messages about an unknown one."""

import difflib
from collections.abc import Iterable

_LISTED = 20


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return `; did you mean ...?` for the known name that is most like a given one, or nothing if none is.

    >>> did_you_mean("purpos", ["amount", "purpose"]), did_you_mean("purpos", ["amount"])
    ("; did you mean 'purpose'?", '')
    """
    if not isinstance(name, str):
        return ""
    known = list(known)
    lower = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.lower(), lower, n=1)
    return f"; did you mean {lower[close[0]]!r}?" if close else ""


def listed(names: Iterable[str]) -> str:
    """Return names for people, of very many the first; `none` if there is none.

    >>> listed(["a", "b"]), listed([])
    ('a, b', 'none')
    """
    names = list(names)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return (", ".join(names[:_LISTED]) or "none") + more
