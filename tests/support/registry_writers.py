"""Processes that write to a registry, side by side or not to their end; run by the fixture `jobs`."""

import itertools
import os
import resource
import signal
from collections.abc import Sequence

from beam_jobs.cli.command_line import main
from models.registry.generations import Generations
from models.registry.registry import Registry

_STEPS = ("open", "fsync", "link", "replace", "rename", "unlink", "mkdir")


def killed_at(argv: Sequence[str]) -> int:
    """Roll a registry back and be killed before the n-th step that the writing of the generation takes on the disk."""
    registry, last = argv[0], int(argv[1])
    steps = itertools.count(1)

    def counted(real):
        def step(*given, **more):
            if next(steps) == last:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*given, **more)

        return step

    write = Generations.write

    def watched(self, pointer):
        for name in _STEPS:
            setattr(os, name, counted(getattr(os, name)))
        write(self, pointer)

    Generations.write = watched  # type: ignore[method-assign]
    Registry(registry).rollback(None, "me", "now", "killed")
    return 0


def release_shadow(argv: Sequence[str]) -> int:
    """Release a candidate as a shadow."""
    registry, candidate = argv
    Registry(registry).release(candidate, "me", "now", "", "shadow")
    return 0


def without_space(argv: Sequence[str]) -> int:
    """Run a verb on a disk on which no file gets longer than 1,000 bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    return main(argv)
