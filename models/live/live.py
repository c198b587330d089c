"""The live scorer: follows a registry's pointer while batches are scored.

One thread looks at the pointer (`pointer_watch.py`), another has the generation that it names made ready
(`loader.py`), and only then all of its bundles serve at once; a batch that is being scored keeps the variants that it
began with. If anything fails, the whole generation is refused, the old one goes on serving, and the refusal is counted
and logged once. A pointer that changed meanwhile ends the trial, or the wait, for the one before.
"""

import dataclasses
import itertools
import logging
import pathlib
import threading
from collections.abc import Callable

from models.isolation.bundle_trial import Check, unchecked
from models.isolation.trial import TrialEnded, Trials
from models.isolation.tried import TriedBundles
from models.live.loader import TROUBLES, BundleLoader
from models.live.pointer_watch import PointerWatch
from models.live.serving import Serving
from models.live.trouble import trouble_text
from models.registry.pointer import Pointer
from models.registry.registry import Registry
from schemas.errors import ArtifactError, OnegraphError

_log = logging.getLogger(__name__)

_TRIES = 5
_RETRY_S = 60.0
_BLOCKED_S = 900.0
_STEP_S, _STOP_S, _CLOSE_S = 0.5, 10.0, 10.0


@dataclasses.dataclass(frozen=True)
class Change:
    """A generation that serves from now on, or was refused; `pointer` is None if it could not be read."""

    pointer: Pointer | None
    served: bool
    why: str


def _no_listener(change: Change) -> None:
    """Do nothing with a change."""


class LiveScorer:
    """The variants of a registry that serve now. Raises at construction if there are none that may.

    `on_change` hears of the first generation and of every later one, from a thread of this object. `check` is called
    with every bundle before it serves, in the child and here, and raises if the job cannot use it; it is pickled.
    What the machine or the network refuses is tried again, in the end every `retry_s`, and counts as refused after
    `_TRIES`; at construction it is raised.
    `trials` and `tried` may be shared; without them this object has its own. Once `stop` is set, construction does not
    wait for a bundle that takes long. `loader` says which bundle is made ready.
    """

    def __init__(
        self,
        registry: str | pathlib.Path | Registry,
        poll_s: float,
        on_change: Callable[[Change], None] = _no_listener,
        check: Check = unchecked,
        retry_s: float = _RETRY_S,
        trials: Trials | None = None,
        tried: TriedBundles | None = None,
        stop: threading.Event | None = None,
    ):
        self._registry = registry if isinstance(registry, Registry) else Registry(registry)
        self._retry_s, self._on_change = retry_s, on_change
        self._trials, self._own_trials = trials or Trials(), trials is None
        self.loader = BundleLoader(self._registry, check, self._trials, tried or TriedBundles())
        self._serving: Serving | None = None
        self._failed: BaseException | None = None
        self._refused = 0
        self._stop, self._changed = threading.Event(), threading.Condition()
        self._begun = threading.Event()
        self._wanted = self._registry.released()
        self._decided: Pointer | None = None
        self._ended = threading.Event()
        self._watch = PointerWatch(self._registry, poll_s, self._want, self._unreadable, self._trials.rest)
        self._thread = threading.Thread(target=self._load, name="live-loader", daemon=True)
        self._thread.start()
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
        """Say why the pointer was not read for some polls, nothing if it was."""
        return self._watch.late()

    def blocked(self) -> str:
        """Say why no other generation can ever serve in this process, nothing if one may."""
        busy_s = self.loader.busy_s()
        if self._stop.is_set():
            return ""
        if not self._thread.is_alive():
            return "the thread that loads bundles has ended"
        if busy_s > _BLOCKED_S:
            return f"a bundle has been loading for {busy_s:.0f} s"
        return self._watch.blocked()

    def close(self) -> None:
        """Stop following; the current variants stay usable."""
        self._stop.set()
        self._watch.close()
        with self._changed:
            self._ended.set()
            self._changed.notify_all()
        self._thread.join(_CLOSE_S)
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
                if self.loader.making not in pointer.variants.bundles:  # else that one is of use
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
            self.loader.rest()

    def _make_ready(self, pointer: Pointer, ended: threading.Event) -> None:
        for tries in itertools.count(1):
            try:
                serving = self.loader.load(pointer, self._serving, lambda: pointer == self._wanted, ended)
                break
            except TrialEnded:
                return
            except TROUBLES as error:
                if self._serving is None:
                    raise
                self.loader.rest()
                why = trouble_text(error)
                if tries < _TRIES:
                    _log.warning("generation %d not readable yet, trying again: %s", pointer.generation, why)
                elif tries == _TRIES:
                    self._refuse(f"generation {pointer.generation} refused: {why}", pointer)
                if pointer != self._wanted or ended.wait(self._retry_s * 2.0 ** min(tries - _TRIES, 0)):
                    return
        if pointer != self._wanted:
            return
        self.loader.keep_graphs((self._serving or serving).scorers)
        with self._changed:
            self._serving, self._decided = serving, pointer
            self._changed.notify_all()
        self.loader.forget()
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
            self.loader.forget()
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
            _log.exception("the listener to changes of generation failed")
