"""Seeded faults against the running stream, then the proof that nothing came of them. See docs/operations.md."""

import argparse
import concurrent.futures
import contextlib
import json
import logging
import os
import pathlib
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read when TensorFlow is imported
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

from chaos.arguments import arguments, messages_per_seed, schedule


class Log:
    """The action log: seconds since the start, who, what."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    def __call__(self, who: str, what: str) -> None:
        print(f"{self.seconds:8.2f} s  {who:<10} {what}", flush=True)


def main(argv: list[str] | None = None) -> int:
    """Run what was asked for; returns 1 if any check failed or any negative control passed."""
    given = arguments(argv)
    logging.getLogger().setLevel(logging.CRITICAL)
    signal.signal(signal.SIGTERM, _end)
    log = Log()
    with contextlib.ExitStack() as stack:
        folder = given.folder or stack.enter_context(tempfile.TemporaryDirectory(prefix="onegraph-chaos-"))
        result = run(given, log, pathlib.Path(folder).resolve())
    if given.json:
        print(json.dumps(result))
    return 0 if result["passed"] else 1


def _end(number: int, frame: Any) -> None:
    """End what was started, then this; a second signal must not cut that short."""
    signal.signal(number, signal.SIG_IGN)
    sys.exit(143)


def run(given: argparse.Namespace, log: Log, folder: pathlib.Path) -> dict[str, Any]:
    """Run seeds and controls in one folder with one broker; returns all figures."""
    from chaos import controls as chaos_controls
    from chaos import report
    from chaos.world import World

    world = World(folder, given.tier, lambda what: log("world", what))
    seeds, controls = [], []
    try:
        if not given.controls:
            seeds = run_seeds(given, log, world)
        if given.controls or not given.no_controls:
            controls = [one_control(log, control) for control in chaos_controls.run_all(world)]
    finally:
        world.close()
    result = report.summary(seeds, controls, log.seconds)
    for line in report.lines(result):
        print(line)
    return result


def run_seeds(given: argparse.Namespace, log: Log, world: Any) -> list[dict[str, Any]]:
    """Run every seed; what one has left is checked in a thread while the next one runs, which mostly waits."""
    with concurrent.futures.ThreadPoolExecutor(1, "verifier") as verifier:
        found = [one_seed(given, log, world, verifier, seed, runner) for seed, runner in schedule(given)]
        return [figures() for figures in found]


def one_seed(
    given: argparse.Namespace, log: Log, world: Any, verifier: concurrent.futures.Executor, seed: int, runner: str
) -> Callable[[], dict[str, Any]]:
    """Run one seed and return what waits for its figures; one that does not come to its end has failed."""
    from chaos import plan, report
    from chaos.run import Run
    from schemas.errors import OnegraphError

    who = f"{runner} {seed}"
    count = messages_per_seed(given)
    log(who, f"seed {seed} on runner {runner} over {plan.client(seed, runner)}: {count:,} messages")
    started = time.monotonic()
    try:
        one = Run(world, seed, runner, count, world.make_job(runner), lambda what: log(who, what))
        seen = one.evidence()
    except (AssertionError, OnegraphError) as error:
        log(who, f"FAIL  {error}")
        world.mend()
        broken = report.broken(seed, runner, str(error), time.monotonic() - started)
        return lambda: broken
    world.topics.remove(one.topics)
    seconds = time.monotonic() - started
    return verifier.submit(_verified, log, who, world, seen, seed, runner, seconds).result


def _verified(log: Log, who: str, world: Any, seen: Any, seed: int, runner: str, seconds: float) -> dict[str, Any]:
    """Check what a seed has left and print it."""
    from chaos import checks as chaos_checks
    from chaos import report

    checks = chaos_checks.check_all(seen, world.scored_again.of(seen))
    for check in checks:
        log(who, str(check))
    figures = report.figures(seed, runner, seen, checks, seconds)
    log(who, report.times(figures))
    return figures


def one_control(log: Log, control: Any) -> dict[str, Any]:
    """Print what became of one negative control; it must have failed its check."""
    log("control", str(control))
    return control.figures()


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # threads of the libraries would hold the interpreter
