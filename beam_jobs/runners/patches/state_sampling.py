"""How often Beam's worker looks at what a bundle is doing, which is also how long the end of a bundle may take."""

import contextlib
from collections.abc import Iterator

from apache_beam.runners.worker import statesampler

_PERIOD_MS = 10


@contextlib.contextmanager
def short_sampling() -> Iterator[None]:
    """Let workers that are made within the block, in this process, end bundles at once.

    Beam samples what a bundle is doing every 200 ms, and the end of a bundle waits for the next sample: about 140 ms
    in which a reader does not read. There is no option for the period, so its default is changed, for new workers.
    """
    defaults = statesampler.StateSampler.__init__.__defaults__
    if defaults == (statesampler.DEFAULT_SAMPLING_PERIOD_MS,):
        statesampler.StateSampler.__init__.__defaults__ = (_PERIOD_MS,)
    try:
        yield
    finally:
        statesampler.StateSampler.__init__.__defaults__ = defaults
