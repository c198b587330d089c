"""Where this code lies, a checkout or what `pip install` made, and where what is fetched once for it is kept.

Jars are kept beside the code in a checkout, in `.onegraph`, which goes with it; else in the user's cache folder,
`$XDG_CACHE_HOME/onegraph` or `~/.cache/onegraph`, which all environments of the user share. A version has a folder of
its own there, so that none replaces the jars under another's broker. Imports the standard library only.
"""

import importlib.metadata
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
"""The folder that our packages are in: a checkout, or an environment's site-packages."""


def in_checkout(root: pathlib.Path = ROOT) -> bool:
    """Say whether the packages in `root` are those of a checkout."""
    return (root / "scripts" / "setup").is_file() and (root / "requirements.lock").is_file()


def fetched(root: pathlib.Path = ROOT) -> pathlib.Path:
    """Return the folder of what is fetched once; it may not be there yet."""
    if in_checkout(root):
        return root / ".onegraph"
    cache = os.environ.get("XDG_CACHE_HOME", "")  # the standard says: relative paths in it do not count
    folder = pathlib.Path(cache) if os.path.isabs(cache) else pathlib.Path.home() / ".cache"
    return folder / "onegraph" / importlib.metadata.version("onegraph")


def set_up() -> str:
    """Return what sets up all that this code needs, as advice."""
    if in_checkout():
        return "run scripts/setup"
    return "install requirements.lock and then the wheel with `pip install --no-deps`, as the README says"


def child_environment(root: pathlib.Path = ROOT) -> dict[str, str]:
    """Return what a child that is started by `python -m` needs in its environment to import our packages and no others.

    A checkout is put on its path, since it may not be installed; an environment's site-packages is there already, and
    must not come before Python's own library. Nothing is imported from the folder in which the command was given, which
    may have a schemas/ or models/ of its own.
    """
    checkout = [str(root)] if in_checkout(root) else []
    path = os.pathsep.join(filter(None, [*checkout, os.environ.get("PYTHONPATH", "")]))
    return {"PYTHONPATH": path, "PYTHONSAFEPATH": "1"}
