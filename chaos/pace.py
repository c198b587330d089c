"""Waiting for what an action does to a job; meanwhile a few more messages are sent."""

import time
from collections.abc import Callable
from typing import Any

from chaos.messages import MessageSender
from chaos.plan import Action
from chaos.watch import Watch

PATIENCE_S = 600.0
_TRICKLE_S = 0.05  # between two messages while an action waits for its effect
_TRICKLES = 200


class Pace:
    """Waits on behalf of one seed, of that name; whatever it waits for, the job must go on."""

    def __init__(self, name: str, job: Any, sender: MessageSender, watch: Watch):
        self._name, self._job, self._sender, self._watch = name, job, sender, watch
        self._acted_at = self._trickled_at = 0.0

    def begin(self) -> None:
        """Begin an action."""
        self._acted_at = time.monotonic()

    def until(self, true: Callable[[], bool], what: str, meanwhile: Callable[[], object] = int) -> None:
        """Wait until `true()`; raises `AssertionError` naming `what` if that does not come."""

        def step() -> None:
            self._job.check()
            meanwhile()

        self._watch.wait_for(true, f"{self._name}: {what}", PATIENCE_S, step)

    def sending_until(self, true: Callable[[], bool], what: str) -> None:
        """Wait until `true()`, and let a message go now and then."""
        self.until(true, what, self.send_one_more)

    def commits_move(self, action: Action, after: float) -> None:
        """Wait until the group commits something later than that time, or everything is committed."""
        samples = self._watch.samples
        self.sending_until(lambda: samples[-1].at > after, f"a look at the broker after {action}")
        before = self._watch.committed
        self.sending_until(lambda: self._watch.committed > before or self._nothing_left(), f"commits after {action}")

    def send_one_more(self) -> None:
        """Let one more message go, if it is time: an endless wait must not use up all of them."""
        now = time.monotonic()
        pause_s = max(_TRICKLE_S, (now - self._acted_at) / _TRICKLES)
        if self._sender.sent >= self._sender.allowed and now > self._trickled_at + pause_s:
            self._sender.allow(self._sender.allowed + 1)
            self._trickled_at = now

    def _nothing_left(self) -> bool:
        return self._sender.sent == self._sender.count and self._watch.committed >= self._sender.sent
