"""The live scorer: follows a registry's pointer while batches are scored.

A background thread sees a new generation, compares every byte of its bundle, loads it, replays the golden rows, and
only then switches; a batch that is being scored keeps the scorer that it began with. Where anything fails, the old
bundle goes on serving, the refusal is counted and logged once.
"""

import dataclasses
import logging
import pathlib
import threading
from collections.abc import Callable

from models.golden import replay_golden
from models.registry import Pointer, Registry
from models.scorer import Scorer
from schemas.errors import ArtifactError, OnegraphError

_log = logging.getLogger(__name__)
_shared: dict[pathlib.Path, "LiveScorer"] = {}
_shared_lock = threading.Lock()


@dataclasses.dataclass(frozen=True)
class Change:
    """A generation that serves from now on, or was refused; `pointer` is None where it could not be read."""

    pointer: Pointer | None
    served: bool
    why: str


def _unheard(change: Change) -> None:
    """Nobody asks."""


class LiveScorer:
    """The champion of a registry, now. Raises at construction where there is none that may serve.

    `on_change` hears of the first generation and of every later one, from the thread that follows the pointer.
    """

    def __init__(
        self, registry: str | pathlib.Path | Registry, poll_s: float, on_change: Callable[[Change], None] = _unheard
    ):
        self._registry = registry if isinstance(registry, Registry) else Registry(registry)
        self._poll_s = poll_s
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._unreadable = ""
        pointer = self._registry.released()
        self._state = (pointer.generation, self._loaded(pointer))
        self._looked_at = pointer.generation
        self._refused = 0
        self._on_change = on_change
        on_change(Change(pointer, True, pointer.why))
        self._thread = threading.Thread(target=self._follow, name="live-scorer", daemon=True)
        self._thread.start()

    def current(self) -> Scorer:
        """Return the scorer to use for the next batch."""
        return self._state[1]

    @property
    def generation(self) -> int:
        """The generation of the pointer that `current` serves."""
        return self._state[0]

    @property
    def refused(self) -> int:
        """How many generations were refused."""
        return self._refused

    def wait_for(self, generation: int, timeout_s: float) -> bool:
        """Wait until the pointer of `generation` was looked at, and switched to or refused; False when time is up."""
        with self._changed:
            return self._changed.wait_for(lambda: self._looked_at >= generation, timeout_s)

    def close(self) -> None:
        """Stop following; the current scorer stays usable."""
        self._stop.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._stop.wait(self._poll_s):
            try:
                pointer = self._registry.live()
            except (OnegraphError, OSError) as error:
                self._refuse(f"pointer not readable: {error}", None)
                continue
            if pointer is None or pointer.generation == self._looked_at:
                continue
            try:
                scorer = self._loaded(pointer)
            except Exception as error:  # whatever a foreign bundle does to the loader, the old one must go on
                self._refuse(f"generation {pointer.generation} refused: {error}", pointer)
                continue
            with self._changed:
                self._state = (pointer.generation, scorer)
                self._looked_at = pointer.generation
                self._changed.notify_all()
            self._on_change(Change(pointer, True, pointer.why))
            _log.info("generation %d serves: bundle %s", pointer.generation, scorer.bundle_id)

    def _refuse(self, why: str, pointer: Pointer | None) -> None:
        # A pointer file that cannot be read has no generation: it is the same trouble until it says another thing.
        if pointer is None and self._unreadable == why:
            return
        self._unreadable = why
        _log.warning("%s; bundle %s goes on serving", why, self._state[1].bundle_id)
        with self._changed:
            self._refused += 1
            if pointer is not None:
                self._looked_at = pointer.generation
            self._changed.notify_all()
        self._on_change(Change(pointer, False, why))

    def _loaded(self, pointer: Pointer) -> Scorer:
        scorer = Scorer.load(self._registry.bundle_path(pointer.champion))
        if scorer.bundle_id != pointer.champion:
            raise ArtifactError(f"{scorer.path}: is bundle {scorer.bundle_id}, the pointer names {pointer.champion}")
        replay_golden(scorer, scorer.path / "golden")
        return scorer


def shared(registry: str | pathlib.Path, poll_s: float) -> LiveScorer:
    """Return this process's one live scorer of a registry, made at the first call; its `poll_s` is the first caller's.

    However many workers a process sets up, a bundle is loaded once and switches once.
    """
    key = pathlib.Path(registry).resolve()
    with _shared_lock:
        if key not in _shared:
            _shared[key] = LiveScorer(registry, poll_s)
        return _shared[key]
