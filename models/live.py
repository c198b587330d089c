"""The live scorer: follows a registry's pointer while batches are scored.

A background thread sees a new generation, compares every byte of its bundles, loads those that are not loaded yet,
replays their golden rows, and only then switches to all of them at once; a batch that is being scored keeps the
variants that it began with. Where anything fails, the whole generation is refused, the old one goes on serving, and the
refusal is counted and logged once. A bundle that was refused is not tried again until its files have changed.

Nearly all of the time goes into loading a graph. A bundle takes a graph that is loaded already, and those of the
generation before are kept, so that a rollback is quick.
"""

import contextlib
import dataclasses
import logging
import pathlib
import sys
import threading
from collections.abc import Callable, Iterator

from models.golden import replay_golden
from models.registry import Pointer, Registry
from models.scorer import Scorer
from models.serving import Serving
from schemas.errors import ArtifactError, OnegraphError, ServiceError
from transforms.graph import TransformGraph

_log = logging.getLogger(__name__)

_TROUBLES = (OSError, ServiceError)  # of the machine or the network, not of the bundle
_TRIES = 5
_RETRY_S = 60.0
# Loading is Python for a good part. With the interpreter's own interval of 5 ms, whoever scores meanwhile waits that
# long after each of its calls into a library.
_SWITCH_INTERVAL_S = 0.0002
_switching = threading.Lock()

Check = Callable[[Scorer], None]


@dataclasses.dataclass(frozen=True)
class Change:
    """A generation that serves from now on, or was refused; `pointer` is None where it could not be read."""

    pointer: Pointer | None
    served: bool
    why: str


def _unheard(change: Change) -> None:
    """Nobody asks."""


class LiveScorer:
    """The variants of a registry that serve now. Raises at construction where there are none that may.

    `on_change` hears of the first generation and of every later one, from the thread that follows the pointer.
    `check` is called with every bundle before it serves and raises `OnegraphError` where the job cannot use it. What
    the machine or the network refuses is tried again `_TRIES` times, `retry_s` apart.
    """

    def __init__(
        self,
        registry: str | pathlib.Path | Registry,
        poll_s: float,
        on_change: Callable[[Change], None] = _unheard,
        check: Check | None = None,
        retry_s: float = _RETRY_S,
    ):
        self._registry = registry if isinstance(registry, Registry) else Registry(registry)
        self._poll_s, self._retry_s = poll_s, retry_s
        self._check = check
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._unreadable = ""
        self._bad: set[tuple[str, frozenset]] = set()
        self._graphs: dict[str, TransformGraph] = {}
        self._serving: Serving | None = None
        pointer = self._registry.released()
        self._serving = self._loaded(pointer)
        self._looked_at = self._serving.generation
        self._refused = self._tries = 0
        self._on_change = on_change
        on_change(Change(pointer, True, pointer.why))
        self._thread = threading.Thread(target=self._follow, name="live-scorer", daemon=True)
        self._thread.start()

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

    def wait_for(self, generation: int, timeout_s: float) -> bool:
        """Wait until the pointer of `generation` was looked at, and switched to or refused; False when time is up."""
        with self._changed:
            return self._changed.wait_for(lambda: self._looked_at >= generation, timeout_s)

    def close(self) -> None:
        """Stop following; the current variants stay usable."""
        self._stop.set()
        self._thread.join()

    def _follow(self) -> None:
        wait_s = self._poll_s
        while not self._stop.wait(wait_s):
            wait_s = self._poll_s
            try:
                pointer = self._registry.live()
            except (OnegraphError, OSError) as error:
                self._refuse(f"pointer cannot be followed: {error}", None)
                continue
            if pointer is None or pointer.generation == self._looked_at:
                continue
            try:
                with _short_turns():
                    serving = self._loaded(pointer)
            except _TROUBLES as error:
                self._tries += 1
                if self._tries < _TRIES:
                    _log.warning("generation %d not readable yet, trying again: %s", pointer.generation, error)
                    wait_s = self._retry_s
                    continue
                self._refuse(f"generation {pointer.generation} refused: {error}", pointer)
                continue
            except Exception as error:  # whatever a foreign bundle does to the loader, the old ones must go on
                self._refuse(f"generation {pointer.generation} refused: {error}", pointer)
                continue
            self._tries = 0
            served = self.current().scorers
            self._graphs = {scorer.graph.fingerprint: scorer.graph for scorer in served.values()}
            with self._changed:
                self._serving = serving
                self._looked_at = pointer.generation
                self._changed.notify_all()
            self._on_change(Change(pointer, True, pointer.why))
            _log.info("generation %d serves: bundles %s", pointer.generation, ", ".join(serving.scorers))
            del serving, served  # else the loop would keep them until the generation after the next

    def _refuse(self, why: str, pointer: Pointer | None) -> None:
        # A pointer file that cannot be read has no generation: it is the same trouble until it says another thing.
        if pointer is None and self._unreadable == why:
            return
        self._unreadable, self._tries = why, 0
        _log.warning("%s; bundle %s goes on serving", why, self.current().champion.bundle_id)
        with self._changed:
            self._refused += 1
            if pointer is not None:
                self._looked_at = pointer.generation
            self._changed.notify_all()
        self._on_change(Change(pointer, False, why))

    def _loaded(self, pointer: Pointer) -> Serving:
        served = dict(self._serving.scorers) if self._serving is not None else {}
        scorers: dict[str, Scorer] = {}
        use_case = self._serving.champion.use_case if self._serving is not None else None
        for bundle in pointer.variants.bundles:
            scorers[bundle] = served.get(bundle) or self._load(bundle, {**served, **scorers})
            use_case = use_case or scorers[bundle].use_case
            if scorers[bundle].use_case != use_case:
                raise ArtifactError(f"bundle {bundle} is of use case {scorers[bundle].use_case}, wanted {use_case}")
        return Serving(pointer.generation, pointer.variants, scorers)

    def _load(self, bundle: str, loaded: dict[str, Scorer]) -> Scorer:
        lies = _lie(self._registry.path / "bundles" / bundle)
        if (bundle, lies) in self._bad:
            raise ArtifactError(f"bundle {bundle} was refused before and its files are as they were; release another")
        try:
            graphs = self._graphs | {scorer.graph.fingerprint: scorer.graph for scorer in loaded.values()}
            scorer = Scorer.load(self._registry.bundle_path(bundle), graphs=graphs)
            if scorer.bundle_id != bundle:
                raise ArtifactError(f"{scorer.path}: is bundle {scorer.bundle_id}, the pointer names {bundle}")
            if self._check is not None:
                self._check(scorer)
            replay_golden(scorer, scorer.path / "golden")
        except _TROUBLES:
            raise
        except Exception:
            self._bad.add((bundle, lies))
            raise
        return scorer


def _lie(folder: pathlib.Path) -> frozenset[tuple[str, int, int]]:
    """Return how a bundle's files lie there now: name, size and time of each."""
    found = ((file, file.lstat()) for file in folder.rglob("*"))
    return frozenset((str(file), state.st_size, state.st_mtime_ns) for file, state in found)


@contextlib.contextmanager
def _short_turns() -> Iterator[None]:
    """Let other threads have the interpreter soon while this one loads."""
    with _switching:
        before = sys.getswitchinterval()
        sys.setswitchinterval(min(before, _SWITCH_INTERVAL_S))
        try:
            yield
        finally:
            sys.setswitchinterval(before)
