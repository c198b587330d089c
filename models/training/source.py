"""Where a candidate comes from: the commit of the use case's files, and the directory of its training set.

A candidate and a generation of a registry say it; a bundle does not, so that the same content is the same bundle
whatever commit it was made at.
"""

import dataclasses
import pathlib
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

_PATIENCE_S = 10.0
_CHANGED = "-changed"
_COMMIT_LETTERS = (40, 64)


@dataclasses.dataclass(frozen=True)
class Source:
    """The commit, "" where no Git knows the files, with `-changed` where they are not as committed; the training set.

    Plain values.
    """

    commit: str = ""
    training_set: str = ""

    @classmethod
    def of_manifest(cls, manifest: Mapping[str, Any]) -> "Source":
        """Return what a candidate's manifest says; candidates of before say nothing."""
        found = manifest.get("source")
        found = found if isinstance(found, Mapping) else {}
        return cls(**{name: value for name in ("commit", "training_set") if isinstance(value := found.get(name), str)})


UNKNOWN = Source()
"""That of a candidate that nobody says more of."""


def commit_of(files: Sequence[pathlib.Path]) -> str:
    """Return the commit that Git has of the folder of some files, "" if it knows none of them or is not there.

    >>> commit_of([pathlib.Path("/proc/version")])
    ''
    """
    folder = files[0].parent
    commit = _git(folder, "rev-parse", "HEAD")
    if len(commit) not in _COMMIT_LETTERS or not _git(folder, "ls-files", "--", str(files[0])):
        return ""
    changed = _git(folder, "status", "--porcelain", "--untracked-files=normal", "--", *map(str, files))
    return commit + (_CHANGED if changed else "")


def _git(folder: pathlib.Path, *words: str) -> str:
    """Return what Git says, "" if it is not there, fails or takes long."""
    command = ["git", "-C", str(folder), "--no-optional-locks", *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
