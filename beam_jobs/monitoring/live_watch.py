"""What is known of the bundles of this process: which serve, since when, and which generations were refused."""

import collections
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

from beam_jobs.monitoring import measures
from models.live.live import Change, LiveScorer

_KEPT = 20


class LiveWatch:
    """Hears of every generation that a `LiveScorer` looks at and keeps the last twenty."""

    def __init__(self, clock: Callable[[], float] = time.time):
        self._clock, self._lock = clock, threading.Lock()
        self._kept: collections.deque[dict[str, Any]] = collections.deque(maxlen=_KEPT)
        self._followed: weakref.WeakSet[LiveScorer] = weakref.WeakSet()

    def follow(self, live: LiveScorer) -> None:
        """Ask this scorer too, until it is closed, whether it still follows its pointer."""
        with self._lock:
            self._followed.add(live)

    def late(self) -> str:
        """Say why a pointer was not read for some polls, nothing if all were."""
        return "; ".join(filter(None, (live.late() for live in self._asked())))

    def blocked(self) -> str:
        """Say why no other generation can serve in this process any more, nothing if one may."""
        return "; ".join(filter(None, (live.blocked() for live in self._asked())))

    def _asked(self) -> list[LiveScorer]:
        with self._lock:
            return list(self._followed)

    def changed(self, change: Change) -> None:
        """Tell the measures and remember the change; a job's first generation is no swap."""
        now, pointer = self._clock(), change.pointer
        with self._lock:
            first = not any(one["served"] for one in self._kept)
            self._kept.append(
                {
                    "at": now,
                    "generation": pointer.generation if pointer else None,
                    "bundle": pointer.champion if pointer else None,
                    "served": change.served,
                    "why": change.why,
                }
            )
        if not change.served or pointer is None:
            measures.count("refused_generations")
            return
        if not first:
            measures.count("swaps")
        measures.gauge("generation", pointer.generation)
        measures.gauge("bundle_loaded_seconds", now)
        variants = pointer.variants
        roles = [("champion", variants.champion)]
        roles += [("challenger", one.bundle) for one in variants.challengers]
        roles += [("shadow", bundle) for bundle in variants.shadows]
        measures.info("live_bundle", [{"variant": role, "bundle": bundle} for role, bundle in roles])

    def history(self) -> list[dict[str, Any]]:
        """Return the last changes, oldest first; `at` is Unix time."""
        with self._lock:
            return list(self._kept)

    def clear(self) -> None:
        """Forget them: another job begins in this process."""
        with self._lock:
            self._kept.clear()
            self._followed.clear()


LIVE_WATCH = LiveWatch()
