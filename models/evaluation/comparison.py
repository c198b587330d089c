"""A candidate against the champion, on the same rows: every metric of both, the difference and its interval."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from models.evaluation.comparable import check_comparable
from models.families.family import Model
from models.families.table.choice import family_of
from models.measures.measuring import Measuring, scores_of
from models.measures.resampling import differences
from models.measures.scored_rows import ScoredRows
from models.measures.slicing import SHOWN, SliceValue
from models.spec import ModelSpec
from models.tasks import UNRANKED
from models.training.training import MODEL_FOLDER
from models.training.training_set import TrainingSet
from schemas.artifacts import artifact


@dataclasses.dataclass(frozen=True)
class Champion:
    """A released model that a candidate is held against: its bundle's id, its threshold (0 without one), and itself."""

    bundle: str
    threshold: float
    model: Model

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return its scores of features float32 [rows, features]."""
        return scores_of(self.model, features, f"champion {self.bundle}")


def load_champion(bundle: str | pathlib.Path, spec: ModelSpec, training_set: TrainingSet) -> Champion:
    """Load the model of a bundle, every byte compared; raises as `check_comparable` does."""
    opened = check_comparable(bundle, spec, training_set)
    opened.verify()
    model = family_of(opened.manifest["family"]).load(opened.path / MODEL_FOLDER)
    return Champion(artifact.content_id(opened.manifest), float(opened.manifest.get("threshold", 0.0)), model)


@dataclasses.dataclass(frozen=True)
class Compared:
    """What a comparison found: the champion's own metrics, overall and by slice and value, and the written file."""

    bundle: str
    overall: Mapping[str, Any]
    slices: Mapping[str, Mapping[str | None, Mapping[str, Any]]]
    written: Mapping[str, Any]


def compare(
    champion: Champion,
    ours: Measuring,
    rows: ScoredRows,
    scores: np.ndarray,
    overall: Mapping[str, Any],
    slices: Mapping[str, Sequence[tuple[SliceValue, Mapping[str, Any]]]],
    draws: int,
) -> Compared:
    """Compare with the champion's scores of the same rows, float32 [rows] or [rows, classes]; `draws` for intervals.

    `overall` and `slices` are the candidate's metrics, the latter with the rows of their values.
    """
    theirs = dataclasses.replace(ours, threshold=champion.threshold)
    their_rows = rows.with_scores(scores)
    their_overall, their_slices = theirs.metrics(their_rows), dict[str, dict[str | None, dict[str, Any]]]()
    written = {"metrics": _compared(ours, theirs, rows, their_rows, overall, their_overall, draws), "slices": {}}
    for name, values in slices.items():
        their_slices[name], written["slices"][name] = {}, []
        for at, (one, found) in enumerate(values):
            mine, other = rows.take(one.rows), their_rows.take(one.rows)
            of_champion = their_slices[name][one.value] = theirs.of_slice(other)
            if at < SHOWN:
                differ = _compared(ours, theirs, mine, other, found, of_champion, draws)
                written["slices"][name].append({"value": one.value, "rows": len(one.rows), "metrics": differ})
    return Compared(champion.bundle, their_overall, their_slices, {"champion": champion.bundle, **written})


def _compared(
    ours: Measuring,
    theirs: Measuring,
    rows: ScoredRows,
    their_rows: ScoredRows,
    found: Mapping[str, Any],
    of_champion: Mapping[str, Any],
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
        mine, other = found[name], of_champion[name]
        difference = None if mine is None or other is None else mine - other
        compared[name] = {
            "candidate": mine,
            "champion": other,
            "difference": difference,
            "higher_is_better": ours.spec.higher_is_better(name),
            "interval": between.get(name) if difference is not None else None,
        }
    return compared
