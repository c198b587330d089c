"""A candidate against the champion, on the same rows: every metric of both, the difference and its interval."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from models.evaluation.champion import ChampionScores
from models.measures.measuring import Measuring
from models.measures.resampling import differences
from models.measures.scored_rows import ScoredRows
from models.measures.slicing import SHOWN, SliceValue
from models.tasks import UNRANKED


@dataclasses.dataclass(frozen=True)
class Both:
    """The metrics of candidate and champion on the same rows."""

    candidate: Mapping[str, Any]
    champion: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Compared:
    """What a comparison found: both one's metrics, overall and by slice and value, and the written file.

    A value of a slice none of whose rows the champion scores is not there.
    """

    bundle: str
    overall: Both
    slices: Mapping[str, Mapping[str | None, Both]]
    written: Mapping[str, Any]


def compare(
    champion: ChampionScores,
    ours: Measuring,
    rows: ScoredRows,
    overall: Mapping[str, Any],
    slices: Mapping[str, Sequence[tuple[SliceValue, Mapping[str, Any]]]],
    draws: int,
) -> Compared:
    """Compare with the champion's scores of the same rows, in their order; `draws` for intervals.

    `overall` and `slices` are the candidate's metrics, the latter with the rows of their values. Where the champion
    does not score every row they are measured again, on those that it scores.
    """
    theirs = dataclasses.replace(ours, threshold=champion.threshold)
    whole = bool(champion.scored.all())
    scored = np.flatnonzero(champion.scored)
    mine, other = _both(rows, champion, scored)
    both = Both(overall if whole else ours.metrics(mine), theirs.metrics(other))
    written: dict[str, Any] = {"metrics": _compared(ours, theirs, mine, other, both, draws), "slices": {}}
    if not whole:
        written |= {"rows": len(scored), "rejected": list(champion.rejected)}
    by_slice: dict[str, dict[str | None, Both]] = {}
    for name, values in slices.items():
        by_slice[name], written["slices"][name] = {}, []
        for at, (one, found) in enumerate(values):
            of_value = one.rows[champion.scored[one.rows]]
            if not len(of_value):
                continue
            mine, other = _both(rows, champion, of_value)
            met = found if len(of_value) == len(one.rows) else ours.of_slice(mine)
            both_of = by_slice[name][one.value] = Both(met, theirs.of_slice(other))
            if at < SHOWN:
                differ = _compared(ours, theirs, mine, other, both_of, draws)
                written["slices"][name].append({"value": one.value, "rows": len(of_value), "metrics": differ})
    return Compared(champion.bundle, both, by_slice, {"champion": champion.bundle, **written})


def _both(rows: ScoredRows, champion: ChampionScores, numbers: np.ndarray) -> tuple[ScoredRows, ScoredRows]:
    """Return some rows, by their numbers (int64), with the candidate's scores and with the champion's."""
    mine = rows.take(numbers)
    return mine, mine.with_scores(champion.scores[numbers])


def _compared(
    ours: Measuring,
    theirs: Measuring,
    rows: ScoredRows,
    their_rows: ScoredRows,
    both: Both,
    draws: int,
) -> dict[str, Any]:
    between: Mapping[str, Any] = {}
    if draws:
        (our_measure, weights), (their_measure, _) = ours.measure(rows), theirs.measure(their_rows)
        between = differences(our_measure, their_measure, weights, draws, ours.spec.seed)
    compared = {}
    for name in ours.spec.metric_names:
        if name in UNRANKED:
            continue
        mine, other = both.candidate[name], both.champion[name]
        difference = None if mine is None or other is None else mine - other
        compared[name] = {
            "candidate": mine,
            "champion": other,
            "difference": difference,
            "higher_is_better": ours.spec.higher_is_better(name),
            "interval": between.get(name) if difference is not None else None,
        }
    return compared
