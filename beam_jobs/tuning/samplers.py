"""The names of what chooses parameters and of what ends trials early. Imports nothing heavy."""

from collections.abc import Mapping

TPE, RANDOM, GRID = "tpe", "random", "grid"
SAMPLERS: Mapping[str, str] = {
    TPE: "near what was good",
    RANDOM: "anywhere",
    GRID: "every cell of a grid, in a random order",
}
MEDIAN, HYPERBAND, NONE = "median", "hyperband", "none"
PRUNERS: Mapping[str, str] = {
    MEDIAN: "worse than half of those before, after as many rounds",
    HYPERBAND: "by successive halving",
    NONE: "never",
}


def repeatable(sampler: str, pruner: str, parallel: int) -> bool:
    """Say whether the same search makes the same trials again.

    With several trials at a time TPE and pruners go by what has ended by then, which is a matter of time.

    >>> repeatable(TPE, MEDIAN, 1), repeatable(TPE, NONE, 2), repeatable(RANDOM, NONE, 2)
    (True, False, True)
    """
    return parallel == 1 or (sampler != TPE and pruner == NONE)
