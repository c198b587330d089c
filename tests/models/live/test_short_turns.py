"""Short turns: the interval is short while any thread is inside, and comes back with the last."""

import sys
import threading

from models.live.short_turns import SHORT_TURNS

SOON_S = 30


def test_two_load_at_once_and_the_last_gives_the_interval_back() -> None:
    before, inside = sys.getswitchinterval(), threading.Event()

    def load() -> None:
        with SHORT_TURNS:
            inside.set()

    other = threading.Thread(target=load, daemon=True)
    with SHORT_TURNS:
        other.start()
        assert inside.wait(SOON_S), "one waits until the other has loaded"
        other.join()
        assert sys.getswitchinterval() < before
    assert sys.getswitchinterval() == before
