"""A tracker's URI as people may see it."""

import re

_SIGNED_IN = re.compile(r"^([^/]*//)[^/]*@")


def shown_uri(uri: str) -> str:
    """Return a URI without the name and password in it: what stands before the last "@" of its host part.

    >>> shown_uri("postgresql://ann:p@ss@db:5432/runs")
    'postgresql://db:5432/runs'
    >>> shown_uri("sqlite:///runs@home.db")
    'sqlite:///runs@home.db'
    """
    return _SIGNED_IN.sub(r"\1", uri)
