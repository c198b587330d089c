"""Names that runs over files go by: what --existing may be, and what of a directory says that it is a run's."""

REFUSE, SKIP, REBUILD = "refuse", "skip", "rebuild"
RUN = "run"
"""What a manifest has `run_facts` under."""
WORK, LOCK = "unfinished", "lock"
"""The folder in a directory that is not complete, and the file in it that its run holds the lock of."""
NEW, OLD = ".onegraph-new", ".onegraph-old"
"""How a directory's successor is named while it is made, and the directory while names change."""


def final(path: str) -> str:
    """Return the name that a run's directory will have.

    >>> final("work/set.onegraph-new"), final("gs://sets/taxi")
    ('work/set', 'gs://sets/taxi')
    """
    return path.removesuffix(NEW)
