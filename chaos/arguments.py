"""The command line of the suite, and which seeds it runs where."""

import argparse

_DESCRIPTION = (
    "Seeded faults against the running stream, then the proof that nothing came of them. See docs/operations.md."
)
_COUNTS = {1: 20_000, 2: 200_000}
_SEEDS = {1: (1, 2, 3, 4), 2: tuple(range(1, 13))}


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="scripts/chaos", description=_DESCRIPTION)
    parser.add_argument("--tier", type=int, choices=sorted(_COUNTS), default=1, help="1: minutes, 2: far longer")
    parser.add_argument("--seed", type=int, action="append", metavar="N", help="only this one; may be repeated")
    parser.add_argument(
        "--runner", choices=("local", "flink", "both"), default="both", help="both: the last seed's is Flink"
    )
    parser.add_argument("--controls", action="store_true", help="only the negative controls")
    parser.add_argument("--no-controls", action="store_true", help="only the seeds")
    parser.add_argument("--messages", type=int, metavar="N", help="per seed, instead of the tier's number")
    parser.add_argument("--folder", metavar="DIR", help="keep logs, data and the two bundles there, and use them again")
    parser.add_argument("--json", action="store_true", help="print all figures as JSON in the last line")
    return parser.parse_args(argv)


def schedule(given: argparse.Namespace) -> list[tuple[int, str]]:
    """Return every seed with its runner.

    >>> schedule(arguments(["--seed", "5", "--seed", "6"]))
    [(5, 'local'), (6, 'flink')]
    >>> schedule(arguments(["--seed", "5", "--runner", "flink"]))
    [(5, 'flink')]
    """
    seeds = given.seed or list(_SEEDS[given.tier])
    if given.runner != "both":
        return [(seed, given.runner) for seed in seeds]
    return [(seed, "local") for seed in seeds[:-1]] + [(seeds[-1], "flink")]


def messages_per_seed(given: argparse.Namespace) -> int:
    """Return how many messages every seed sends.

    >>> messages_per_seed(arguments([])), messages_per_seed(arguments(["--tier", "2", "--messages", "7"]))
    (20000, 7)
    """
    return given.messages or _COUNTS[given.tier]
