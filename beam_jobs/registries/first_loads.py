"""Where this process has bundles tried before it loads them, and what was tried on this machine."""

import atexit
import logging
import pathlib
import tempfile
import threading

from beam_jobs.process import container_memory
from beam_jobs.process.user_folder import user_folder
from models.isolation.candidate_trial import try_candidate
from models.isolation.trial import TrialLimits, Trials
from models.isolation.tried import TriedBundles, name_of
from models.registry.releasable import check_releasable
from models.scoring.manifest import model_facts
from schemas.errors import OnegraphError

_log = logging.getLogger(__name__)

_lock = threading.Lock()
_USUAL = TrialLimits()
_made: dict[tuple[TrialLimits, bool], Trials] = {}


def trials(limits: TrialLimits = _USUAL, keep_warm: bool = False) -> Trials:
    """Return the process to try bundles in, the same for all callers with these arguments; it starts when it is needed.

    With `keep_warm` it starts before, and stays: a swap then waits for no imports.
    """
    with _lock:
        made = _made.get((limits, keep_warm))
        if made is None:
            made = Trials(limits.deadline_s, limits.memory, left=container_memory.left, keep_warm=keep_warm)
            _made[limits, keep_warm] = made
            atexit.register(made.close)
        return made


def tried() -> TriedBundles:
    """Return what was tried by this user on this machine; by this process if there can be no folder for it."""
    try:
        folder = user_folder("set TMPDIR to another one") / "tried"
        folder.mkdir(mode=0o700, exist_ok=True)
    except (OSError, OnegraphError) as error:
        _log.warning("which bundles were tried is kept in memory alone: %s", error)
        return TriedBundles()
    return TriedBundles(folder)


def try_first(candidate: str, limits: TrialLimits = _USUAL) -> None:
    """Make a bundle of a candidate in a child process, unless that was done before; raises what is wrong."""
    if not was_tried(candidate):
        made_in_trial(candidate, limits)
        tried().add(_name(candidate))


def was_tried(candidate: str) -> bool:
    """Say whether a bundle of a candidate was made by this user on this machine before."""
    return _name(candidate) in tried()


def made_in_trial(candidate: str, limits: TrialLimits = _USUAL) -> str:
    """Make a bundle of a candidate in a child process, throw it away and return its id; raises what is wrong."""
    path = pathlib.Path(candidate).absolute()
    with tempfile.TemporaryDirectory(prefix="onegraph-trial-") as folder:  # not the child's, which may be killed
        trials(limits).run(f"candidate {candidate}", try_candidate, path, folder)
        (bundle,) = (made.name for made in pathlib.Path(folder).iterdir())
    return bundle


def _name(candidate: str) -> str:
    opened, evaluation = check_releasable(candidate)
    manifests = {"candidate": opened.manifest, "evaluation": evaluation.manifest}
    family = model_facts(opened.manifest, candidate)["family"]
    return name_of(manifests, family, try_candidate)
