"""Negative controls: the product with one mistake built in, under a fault. A check that lets one pass proves nothing.

Each mistake is made in a patched class, see `chaos.mistakes`; the same fault with the product as it is
must pass all checks.
"""

import contextlib
import dataclasses
import functools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from beam_jobs.cli.settings import ScoreStream
from beam_jobs.verbs import score_stream
from chaos import checks as chaos_checks
from chaos import mistakes
from chaos.brokers.topics import PARTITIONS
from chaos.checks import LOSS, VALUES, Check
from chaos.messages import MessageSender, messages
from chaos.world import World
from schemas.errors import OnegraphError

COUNT = 2_000
MANY = 10_500  # more than one of ten thousand
_KEYS, _BATCH, _ATTEMPTS = 50, 200, 4
_SEED = 99

Patches = Callable[[], contextlib.AbstractContextManager[Any]]


@dataclasses.dataclass(frozen=True)
class Result:
    """What became of one mistake: which check had to fail and what the checks said, with and without the mistake."""

    name: str
    wanted: str
    with_mistake: list[Check]
    without: list[Check]
    seconds: float

    @property
    def failed(self) -> list[str]:
        """The checks that failed with the mistake."""
        return [check.name for check in self.with_mistake if not check.passed]

    @property
    def caught(self) -> bool:
        """Whether the check that had to fail did, and all pass without the mistake."""
        return self.wanted in self.failed and all(check.passed for check in self.without)

    def figures(self) -> dict[str, Any]:
        """Return what became of it, for JSON."""
        wrong = [check.name for check in self.without if not check.passed]
        return {"name": self.name, "caught": self.caught, "failed": self.failed, "failed_without": wrong}

    def __str__(self) -> str:
        said = next(str(check) for check in self.with_mistake if check.name == self.wanted)
        wrong = [str(check) for check in self.without if not check.passed]
        without = f"; WITHOUT THE MISTAKE: {'; '.join(wrong)}" if wrong else ""
        return f"{'caught' if self.caught else 'NOT CAUGHT'} {self.name} ({self.seconds:.1f} s): {said}{without}"


class _Trial:
    """One small stream on topics of its own, in this process, started again after every failure."""

    def __init__(self, world: World, name: str, count: int = COUNT):
        self._world, self._name = world, name
        self._topics = world.topics.make(name)
        self._made = messages(_SEED, count, _KEYS, world.events)
        sender = MessageSender(world.servers, self._topics[0], PARTITIONS, self._made, rate=1e9)
        sender.start()
        sender.finish(60)
        self._settings = ScoreStream(
            bootstrap_servers=world.servers,
            registry=str(world.pristine),
            source_topic=self._topics[0],
            predictions_topic=self._topics[1],
            rejected_topic=self._topics[2],
            group=name,
            until_caught_up=True,
            max_batch=_BATCH,
        )

    def checks(self, mistake: Patches, fault: Patches) -> list[Check]:
        """Run with the mistake all the time and the fault at the first attempt; return what the checks say."""
        with fault(), mistake():
            done = self._attempt()
        with mistake():
            for _ in range(_ATTEMPTS):
                done = done or self._attempt()
        return self._checked()

    def after_a_cut(self, mistake: Patches) -> list[Check]:
        """Cut the log under the reader, as retention does, and run; if the job stops, accept the cut."""
        source = self._topics[0]
        with mistakes.cut_before_the_first_poll(self._world.topics, source), mistake():
            done = self._attempt()
        if not done:
            self._world.topics.commit(source, self._name, dict.fromkeys(range(PARTITIONS), mistakes.CUT))
            self._attempt()
        return self._checked()

    def _attempt(self) -> bool:
        try:
            score_stream.run(self._settings, threading.Event())
        except OnegraphError:
            return False
        return True

    def _checked(self) -> list[Check]:
        seen = self._world.evidence(
            self._topics, self._name, self._made, samples=[], deaths=[0.0], replayed_events=len(self._made)
        )
        return chaos_checks.check_all(seen, self._world.scored_again.of(seen))


def run_all(world: World) -> Iterator[Result]:
    """Make every mistake once and yield what became of it."""
    nothing: Patches = contextlib.nullcontext
    fault: Patches = lambda: mistakes.a_send_fails(".predictions", 12)  # noqa: E731
    rejected_fault: Patches = lambda: mistakes.a_send_fails(".rejected", 3)  # noqa: E731
    # the product under the same faults, and without any over the larger number
    good = {
        id(fault): _Trial(world, "good-send").checks(nothing, fault),
        id(rejected_fault): _Trial(world, "good-rejected").checks(nothing, rejected_fault),
        id(nothing): _Trial(world, "good-many", MANY).checks(nothing, nothing),
    }
    sends_not_awaited, wrong_name = mistakes.sends_not_awaited, mistakes.wrong_bundle_name
    made: list[tuple[str, str, Callable[[str], contextlib.AbstractContextManager[Any]], Patches, int]] = [
        ("commit before send", LOSS, lambda name: mistakes.commit_before_send(world.topics, name), fault, COUNT),
        ("ignored send futures", LOSS, lambda _: sends_not_awaited(""), fault, COUNT),
        ("auto-commit on", LOSS, _auto_commit, fault, COUNT),
        ("rejected send not awaited", LOSS, lambda _: sends_not_awaited(".rejected"), rejected_fault, COUNT),
        ("one record in 10,000 skipped", LOSS, lambda _: mistakes.one_in_ten_thousand_skipped(), nothing, MANY),
        ("wrong bundle name", VALUES, lambda _: wrong_name(world.first, world.second), nothing, COUNT),
        ("short prediction list", LOSS, lambda _: mistakes.short_list_of_predictions(), nothing, COUNT),
    ]
    for what, wanted, mistake, struck, count in made:
        started = time.monotonic()
        name = f"bad-{what.replace(' ', '-').replace(',', '')}"
        checks = _Trial(world, name, count).checks(functools.partial(mistake, name), struck)
        yield Result(what, wanted, checks, good[id(struck)], time.monotonic() - started)
    yield _latest_on_reset(world)


def _auto_commit(group: str) -> contextlib.AbstractContextManager[None]:
    return mistakes.readers_with(group_id=group, enable_auto_commit=True, auto_commit_interval_ms=1)


def _latest_on_reset(world: World) -> Result:
    """The log was cut: the product stops and a person decides; the mistaken reader goes on at the end by itself."""
    started = time.monotonic()
    good = _Trial(world, "good-reset").after_a_cut(contextlib.nullcontext)
    bad = _Trial(world, "bad-reset").after_a_cut(lambda: mistakes.readers_with(auto_offset_reset="latest"))
    return Result("latest on reset", LOSS, bad, good, time.monotonic() - started)
