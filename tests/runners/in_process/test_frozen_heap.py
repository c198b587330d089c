"""The collector leaves alone what was there before the block, and looks at what is made in it."""

import gc
import weakref

import pytest

from beam_jobs.runners.in_process.frozen_heap import frozen_heap


class Thing:
    def __init__(self) -> None:
        self.itself = self


def test_what_is_made_in_the_block_is_collected() -> None:
    with frozen_heap():
        assert gc.get_freeze_count() > 0
        gone = weakref.ref(Thing())
        gc.collect()
        assert gone() is None
    assert gc.get_freeze_count() == 0


def test_an_error_ends_it_too() -> None:
    with pytest.raises(KeyError), frozen_heap():
        raise KeyError
    assert gc.get_freeze_count() == 0
