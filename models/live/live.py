"""The live scorer: follows a registry's pointer while batches are scored.

One thread looks at the pointer, another makes the generation that it names ready: the bundles that are not loaded yet
are tried in a child process (`models/isolation`), then every byte is compared, they are loaded here, their golden
rows are replayed, and only then all of them serve at once; a batch that is being scored keeps the variants that it
began with. Where anything fails, the whole generation is refused, the old one goes on serving, and the refusal is
counted and logged once. A pointer that changed meanwhile ends the trial, or the wait, for the one before.

Nearly all of the time goes into loading a graph. A bundle takes a graph that is loaded already, and those of the
generation before are kept, so that a rollback is quick; so is a bundle that was tried before.
"""

import dataclasses
import itertools
import logging
import pathlib
import sys
import threading
import time
from collections.abc import Callable

from models.isolation.bundle_trial import Check, loaded, try_bundle, unchecked
from models.isolation.trial import TrialEnded, TrialOverLimit, Trials
from models.isolation.tried import TriedBundles, name_of
from models.live.pointer_watch import PointerWatch
from models.live.serving import Serving
from models.live.trouble import trouble_text
from models.registry.registry import Pointer, Registry
from models.scoring.scorer import KIND, Scorer
from schemas.artifacts import artifact
from schemas.errors import ArtifactError, OnegraphError, ServiceError
from transforms.graph.graph import TransformGraph

_log = logging.getLogger(__name__)

_TROUBLES = (OSError, ServiceError)  # of the machine or the network, not of the bundle
_PASSING = (*_TROUBLES, TrialEnded, TrialOverLimit, MemoryError)  # another time the same bundle may do
_TRIES = 5
_RETRY_S = 60.0
_BLOCKED_S = 900.0
_STEP_S, _STOP_S, _CLOSE_S = 0.5, 10.0, 10.0
# Loading is Python for a good part. With the interpreter's own interval of 5 ms, a thread that scores meanwhile waits
# that long after each of its calls into a library.
_SWITCH_INTERVAL_S = 0.0002


@dataclasses.dataclass(frozen=True)
class Change:
    """A generation that serves from now on, or was refused; `pointer` is None where it could not be read."""

    pointer: Pointer | None
    served: bool
    why: str


def _unheard(change: Change) -> None:
    """Do nothing with a change."""


class LiveScorer:
    """The variants of a registry that serve now. Raises at construction where there are none that may.

    `on_change` hears of the first generation and of every later one, from a thread of this object. `check` is called
    with every bundle before it serves, in the child and here, and raises where the job cannot use it; it is pickled.
    What the machine or the network refuses is tried again, in the end every `retry_s`, and counts as refused after
    `_TRIES`; at construction it is raised.
    `trials` and `tried` may be shared; without them this object has its own. Once `stop` is set, construction does not
    wait for a bundle that takes long.
    """

    def __init__(
        self,
        registry: str | pathlib.Path | Registry,
        poll_s: float,
        on_change: Callable[[Change], None] = _unheard,
        check: Check = unchecked,
        retry_s: float = _RETRY_S,
        trials: Trials | None = None,
        tried: TriedBundles | None = None,
        stop: threading.Event | None = None,
    ):
        self._registry = registry if isinstance(registry, Registry) else Registry(registry)
        self._retry_s, self._on_change, self._check = retry_s, on_change, check
        self._trials, self._own_trials = trials or Trials(), trials is None
        self._tried = tried or TriedBundles()
        self._bad: dict[str, str] = {}
        self._graphs: dict[str, TransformGraph] = {}
        self._serving: Serving | None = None
        self._failed: BaseException | None = None
        self._refused = 0
        self._stop, self._changed = threading.Event(), threading.Condition()
        self._begun = threading.Event()
        self._busy_since = 0.0
        self._making = self._trying = ""  # the bundle that is made ready, and while its trial goes on
        self._fresh: dict[str, Scorer] = {}
        self._wanted = self._registry.released()
        self._decided: Pointer | None = None
        self._ended = threading.Event()
        self._watch = PointerWatch(self._registry, poll_s, self._want, self._unreadable, self._trials.rest)
        self._loader = threading.Thread(target=self._load, name="live-loader", daemon=True)
        self._loader.start()
        try:
            self._await_first(stop or self._stop)
        except BaseException:
            self.close()
            raise

    def current(self) -> Serving:
        """Return the variants to use for the next batch."""
        if self._serving is None:
            raise AssertionError("no variants serve")
        return self._serving

    @property
    def generation(self) -> int:
        """The generation of the pointer that `current` serves."""
        return self.current().generation

    @property
    def refused(self) -> int:
        """How many generations were refused."""
        return self._refused

    def wait_for(self, wanted: int | Pointer, timeout_s: float) -> bool:
        """Wait until a pointer, or one of this generation or a later one, was switched to or refused.

        False when time is up.
        """

        def decided() -> bool:
            if self._decided is None or isinstance(wanted, Pointer):
                return self._decided == wanted
            return self._decided.generation >= wanted

        with self._changed:
            return self._changed.wait_for(decided, timeout_s)

    def late(self) -> str:
        """Say why the pointer was not read for some polls, nothing where it was."""
        return self._watch.late()

    def blocked(self) -> str:
        """Say why no other generation can ever serve in this process, nothing where one may."""
        since = self._busy_since
        if self._stop.is_set():
            return ""
        if not self._loader.is_alive():
            return "the thread that loads bundles has ended"
        if since and time.monotonic() - since > _BLOCKED_S:
            return f"a bundle has been loading for {time.monotonic() - since:.0f} s"
        return self._watch.blocked()

    def close(self) -> None:
        """Stop following; the current variants stay usable."""
        self._stop.set()
        self._watch.close()
        with self._changed:
            self._ended.set()
            self._changed.notify_all()
        self._loader.join(_CLOSE_S)
        if self._own_trials:
            self._trials.close()

    def _await_first(self, stop: threading.Event) -> None:
        while not self._begun.wait(_STEP_S):
            if stop.is_set() and not self._begun.wait(_STOP_S):
                raise OnegraphError(f"stopped before generation {self._wanted.generation} was loaded; nothing was read")
        if self._failed is not None:
            raise self._failed

    def _want(self, pointer: Pointer) -> None:
        with self._changed:
            if pointer != self._wanted:
                self._wanted = pointer
                if self._making not in pointer.variants.bundles:  # else that one is of use
                    self._ended.set()
                self._changed.notify_all()

    def _unreadable(self, why: str) -> None:
        if self._serving is not None:
            self._refuse(f"pointer cannot be followed: {why}", None)

    def _load(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stop.is_set() or self._wanted != self._decided)
                if self._stop.is_set():
                    return
                pointer, self._ended = self._wanted, threading.Event()
            try:
                self._make_ready(pointer, self._ended)
            except BaseException as error:  # nothing may end this thread, and nothing be tried for ever
                self._refuse(f"generation {pointer.generation} refused: {trouble_text(error)}", pointer, error)
            self._rest()

    def _rest(self) -> None:
        self._busy_since, self._making, self._trying = 0.0, "", ""

    def _make_ready(self, pointer: Pointer, ended: threading.Event) -> None:
        for tries in itertools.count(1):
            try:
                serving = self._loaded(pointer, ended)
                break
            except TrialEnded:
                return
            except _TROUBLES as error:
                if self._serving is None:
                    raise
                self._rest()
                why = trouble_text(error)
                if tries < _TRIES:
                    _log.warning("generation %d not readable yet, trying again: %s", pointer.generation, why)
                elif tries == _TRIES:
                    self._refuse(f"generation {pointer.generation} refused: {why}", pointer)
                if pointer != self._wanted or ended.wait(self._retry_s * 2.0 ** min(tries - _TRIES, 0)):
                    return
        if pointer != self._wanted:
            return
        served = serving.scorers if self._serving is None else self._serving.scorers
        self._graphs = {scorer.graph.fingerprint: scorer.graph for scorer in served.values()}
        with self._changed:
            self._serving, self._decided = serving, pointer
            self._changed.notify_all()
        self._fresh = {}
        self._tell(Change(pointer, True, pointer.why))
        self._begun.set()
        _log.info("generation %d serves: bundles %s", pointer.generation, ", ".join(serving.scorers))

    def _refuse(self, why: str, pointer: Pointer | None, error: BaseException | None = None) -> None:
        if self._serving is None:
            advice = "; nothing serves: `onegraph rollback` lets an earlier generation serve"
            kind = type(error) if isinstance(error, OnegraphError) else ArtifactError
            self._failed, self._decided = kind(f"{why}{advice}"), pointer
            self._begun.set()
            return
        if pointer is not None:
            self._fresh = {}
        _log.warning("%s; bundle %s goes on serving", why, self._serving.champion.bundle_id)
        self._tell(Change(pointer, False, why))
        with self._changed:
            self._refused += 1
            if pointer is not None:
                self._decided = pointer
            self._changed.notify_all()

    def _tell(self, change: Change) -> None:
        try:
            self._on_change(change)
        except Exception:
            _log.exception("a change of generation is not heard")

    def _loaded(self, pointer: Pointer, ended: threading.Event) -> Serving:
        served = dict(self._serving.scorers) if self._serving is not None else {}
        # what was loaded for a pointer that changed before it served
        self._fresh = {bundle: one for bundle, one in self._fresh.items() if bundle in pointer.variants.bundles}
        scorers: dict[str, Scorer] = {}
        use_case = self._serving.champion.use_case if self._serving is not None else None
        for bundle in pointer.variants.bundles:
            if bundle not in served and bundle not in self._fresh:
                self._making = bundle  # before the look: a pointer that changes after it ends what is not of use
                if pointer != self._wanted:
                    raise TrialEnded(f"generation {pointer.generation} is not wanted any more")
                self._fresh[bundle] = self._loaded_bundle(bundle, {**served, **self._fresh}, ended)
            scorers[bundle] = served.get(bundle) or self._fresh[bundle]
            use_case = use_case or scorers[bundle].use_case
            if scorers[bundle].use_case != use_case:
                raise ArtifactError(f"bundle {bundle} is of use case {scorers[bundle].use_case}, wanted {use_case}")
        return Serving(pointer.generation, pointer.variants, scorers)

    def _loaded_bundle(self, bundle: str, here: dict[str, Scorer], ended: threading.Event) -> Scorer:
        self._busy_since = time.monotonic()

        def still_wanted() -> None:
            if ended.is_set():
                raise TrialEnded(f"bundle {bundle} is not wanted any more")

        path = self._registry.bundle_path(bundle, still_wanted).absolute()
        with _short_turns:
            opened = artifact.open_artifact(path, KIND)
            opened.verify(still_wanted)
            name = name_of(opened.manifest, self._check)
        if name in self._bad:
            raise ArtifactError(f"bundle {bundle} was refused before and its files are as they were: {self._bad[name]}")
        try:
            self._try(path, bundle, name, ended)
            still_wanted()
            self._busy_since = time.monotonic()
            graphs = self._graphs | {scorer.graph.fingerprint: scorer.graph for scorer in here.values()}
            with _short_turns:
                return loaded(path, bundle, graphs, self._check)
        except _PASSING:
            raise
        except Exception as error:
            self._bad[name] = trouble_text(error)
            raise

    def _try(self, path: pathlib.Path, bundle: str, name: str, ended: threading.Event) -> None:
        self._busy_since, self._trying = 0.0, bundle  # a trial has a deadline of its own
        if name not in self._tried:
            with self._tried.in_turn(ended):
                if name not in self._tried:
                    self._trials.run(f"bundle {bundle}", try_bundle, path, bundle, self._check, ended=ended)
                    self._tried.add(name)
        self._trying = ""


class _ShortTurns:
    """Lets other threads have the interpreter soon while this one loads; many may be in it at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = 0.0

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = sys.getswitchinterval()
                sys.setswitchinterval(min(self._before, _SWITCH_INTERVAL_S))
            self._inside += 1

    def __exit__(self, *raised: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                sys.setswitchinterval(self._before)


_short_turns = _ShortTurns()
