"""The champion's scores of the test rows that a candidate is measured on.

One of the candidate's graph scores the same features. One of another graph is loaded whole, and scores the raw rows
that the training set keeps, as it would score them in a stream: by its own schema's limits, its own graph, its own
model. Rows that it would reject have no score, and both are compared on the others.
"""

import collections
import dataclasses
import logging
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from models.evaluation.comparable import Comparable, NothingToCompare, check_comparable
from models.families.table.choice import family_of
from models.measures.measuring import scores_of
from models.scoring.scorer import Scorer
from models.spec import ModelSpec
from models.training.kept_test_rows import read_test_rows
from models.training.training import MODEL_FOLDER
from models.training.training_set import TrainingSet
from schemas.artifacts import artifact
from schemas.rejection import Rejection, Stage, pointer
from schemas.rejection_counts import field_of, rejections, rejections_text
from schemas.schema import Schema
from schemas.validation import validate

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class ChampionScores:
    """What a champion makes of the test rows: its bundle's id, its threshold (0 without one), its scores.

    `scores` are float32 [rows], or [rows, classes]; `scored` (bool [rows]) says which rows have one. `rejected` counts
    the others, as `rejection_counts.rejections` has them.
    """

    bundle: str
    threshold: float
    scores: np.ndarray
    scored: np.ndarray
    rejected: Sequence[Mapping[str, Any]] = ()

    def take(self, rows: np.ndarray) -> "ChampionScores":
        """Return those of some rows, by their numbers (int64)."""
        return dataclasses.replace(self, scores=self.scores[rows], scored=self.scored[rows])


def champion_scores(
    bundle: str | pathlib.Path, spec: ModelSpec, training_set: TrainingSet, features: np.ndarray
) -> ChampionScores:
    """Return the scores of a released bundle, every byte of it compared; `features` are those of the test rows.

    Raises as `check_comparable` does, and `NothingToCompare` if the champion rejects every row.
    """
    found = check_comparable(bundle, spec, training_set)
    found.opened.verify()
    manifest = found.opened.manifest
    bundle_id, threshold = artifact.content_id(manifest), float(manifest.get("threshold", 0.0))
    if found.by_features:
        model = family_of(manifest["family"]).load(found.opened.path / MODEL_FOLDER)
        scores = scores_of(model, features, f"champion {bundle_id}")
        return ChampionScores(bundle_id, threshold, scores, np.ones(len(scores), np.bool_))
    scores, scored, rejected = _of_raw_rows(found, training_set, len(features))
    if not scored.all():
        gone = f"rejects {int((~scored).sum()):,} of {len(scored):,} test rows ({rejections_text(rejected)})"
        if not scored.any():
            raise NothingToCompare(f"{bundle}: the champion {gone}, so nothing can be compared; evaluate without")
        _log.warning("%s: the champion %s; both are compared on the others", bundle, gone)
    return ChampionScores(bundle_id, threshold, scores, scored, rejected)


def _of_raw_rows(
    found: Comparable, training_set: TrainingSet, rows: int
) -> tuple[np.ndarray, np.ndarray, list[dict[str, Any]]]:
    """Return the scores of the raw test rows, which rows have one, and why the others have none."""
    scorer = Scorer.load(found.opened.path, verify=False)
    limits, known = _limits(scorer.schema, found.without), frozenset(map(pointer, scorer.schema.names))
    scores = np.full((rows, *scorer.form.shape), np.nan, np.float32)
    scored, first = np.zeros(rows, np.bool_), 0
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    for block in read_test_rows(training_set):
        arrays = [
            pa.nulls(block.num_rows, one.type) if one.name in found.without else block.column(one.name)
            for one in scorer.schema.arrow_schema
        ]
        valid = validate(pa.RecordBatch.from_arrays(arrays, schema=scorer.schema.arrow_schema), limits)
        made, kept, refused = scorer.score_rows(valid.batch)
        at = first + valid.rows[kept]
        scores[at], scored[at] = made.scores, True
        counts.update((one.reason.value, _field(one, known)) for one in [*valid.rejections, *refused])
        first += block.num_rows
    return scores, scored, rejections(counts)


def _limits(schema: Schema, without: Sequence[str]) -> Schema:
    """Return a schema without some of its columns: nothing is known of their values."""
    proto = type(schema.proto)()
    proto.CopyFrom(schema.proto)
    del proto.feature[:]
    proto.feature.extend(one for one in schema.proto.feature if one.name not in without)
    return Schema(proto)


def _field(one: Rejection, known: frozenset[str]) -> str:
    return field_of(one.path, known) if one.stage is Stage.VALIDATE else one.path
