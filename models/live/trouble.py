"""What went wrong, in one line: for logs and pages, whatever was raised."""

from schemas.errors import OnegraphError

_LONGEST = 500


def trouble_text(error: BaseException) -> str:
    """Return an error as one line; one that is not ours begins with its class.

    >>> trouble_text(RecursionError("maximum recursion depth exceeded\\nmore"))
    'RecursionError: maximum recursion depth exceeded'
    """
    lines = str(error).strip().splitlines()
    first = (lines[0] if lines else "no reason given")[:_LONGEST]
    return first if isinstance(error, OnegraphError) else f"{type(error).__name__}: {first}"
