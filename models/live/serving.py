"""Serving: the variants of one generation, loaded, and what each of them makes of a batch.

Variants of one schema stand in one lane: they share the decoding, and those of one graph the feature pass.
"""

import dataclasses
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from models.scoring.scorer import RowsDiffer, Scored, Scorer
from models.variants.shares import coordinates
from models.variants.variants import CHALLENGER, CHAMPION, SHADOW, Variants
from schemas.personal.treatments import Treatments
from schemas.rejection import Reason, Rejection, Stage
from schemas.schema import Schema

Lap = Callable[[str], None]  # gets the name of a stage, `transform` or `score`, when it ends


def untimed(stage: str) -> None:
    """Take no time of a stage."""


@dataclasses.dataclass(frozen=True)
class Variant:
    """A loaded bundle with its role; `owner` is its number in the line of keys, None for a shadow."""

    role: str
    scorer: Scorer
    owner: int | None


@dataclasses.dataclass(frozen=True)
class ScoredRows:
    """What one variant made of its rows of a batch (`rows`, int64), and which of them it could not score."""

    variant: Variant
    rows: np.ndarray
    scored: Scored
    rejections: list[Rejection]

    def without(self, kept: np.ndarray, refused: Sequence[Rejection]) -> "ScoredRows":
        """Return these with only the scored rows `kept`; `refused` are the others, counted as `kept` counts."""
        more = [dataclasses.replace(one, row=int(self.rows[one.row])) for one in refused]
        scored = Scored(self.scored.features[kept], self.scored.scores[kept])
        return ScoredRows(self.variant, self.rows[kept], scored, self.rejections + more)


class Lane:
    """The variants that take raw batches by one schema, treated alike; `deciders` is how many there are in all lanes.

    `schema` is that of the raw batches before they are treated; `score` takes them treated.
    """

    def __init__(self, variants: Sequence[Variant], deciders: int):
        self.treatments: Treatments = variants[0].scorer.treatments
        self.schema: Schema = self.treatments.raw
        self._wanted = _Wanted(variants, deciders)
        by_graph: dict[str, list[Variant]] = {}
        for variant in variants:
            by_graph.setdefault(variant.scorer.graph.fingerprint, []).append(variant)
        self._by_graph = [(_Wanted(group, deciders), group) for group in by_graph.values()]

    def rows(self, owners: np.ndarray) -> np.ndarray:
        """Return the rows (int64) that some variant here scores; `owners` (int64) says by row who decides."""
        return self._wanted.rows(owners)

    def decides(self, owner: int) -> bool:
        """Whether this decider is in the lane."""
        return owner in self._wanted.owners

    def score(self, batch: pa.RecordBatch, owners: np.ndarray, lap: Lap = untimed) -> Iterator[ScoredRows]:
        """Yield scored rows per variant: a shadow scores every row, the others those that they decide on.

        One feature pass serves all variants of a graph. A shadow that fails on the whole batch yields no rows; for a
        decider, what is wrong with the whole batch is raised.
        """
        for wanted, variants in self._by_graph:
            rows = wanted.rows(owners)
            if not len(rows) and batch.num_rows:
                continue
            part = batch if len(rows) == batch.num_rows else batch.take(pa.array(rows))
            try:
                features, kept, failed = variants[0].scorer.feature_rows(part)
            except Exception as error:
                if wanted.owners:
                    raise
                variants[0].scorer.causes.tell("a shadow has no features for a batch", error)
                features = np.empty((0, len(variants[0].scorer.feature_names)), np.float32)
                kept = np.empty(0, np.int64)
                failed = [Rejection(row, Stage.SCORE, Reason.SCORE_FAILED) for row in range(len(rows))]
            failed = [dataclasses.replace(one, row=int(rows[one.row])) for one in failed]
            lap("transform")
            for variant in variants:
                scored = _scored_by(variant, features, rows[kept], failed, owners)
                lap("score")  # before the yield: what is done with these rows is no part of it
                yield scored


class _Wanted:
    """Which rows a group of variants needs."""

    def __init__(self, variants: Sequence[Variant], deciders: int):
        self.owners = frozenset(variant.owner for variant in variants if variant.owner is not None)
        self._numbers = sorted(self.owners)
        self._all = len(self.owners) == deciders or any(variant.owner is None for variant in variants)

    def rows(self, owners: np.ndarray) -> np.ndarray:
        return np.arange(len(owners)) if self._all else np.flatnonzero(np.isin(owners, self._numbers))


def _scored_by(
    variant: Variant, features: np.ndarray, rows: np.ndarray, failed: list[Rejection], owners: np.ndarray
) -> ScoredRows:
    if variant.owner is not None:
        mine = owners[rows] == variant.owner
        if not mine.all():
            features, rows = features[mine], rows[mine]
        failed = [one for one in failed if owners[one.row] == variant.owner]
    try:
        scored, kept, refused = variant.scorer.score_features(features)
    except RowsDiffer as error:
        if variant.owner is not None:
            raise
        variant.scorer.causes.tell("a shadow has no scores for a batch", error)
        return ScoredRows(variant, rows[:0], Scored(features[:0], variant.scorer.form.none()), [])
    rejections = failed + [dataclasses.replace(one, row=int(rows[one.row])) for one in refused]
    return ScoredRows(variant, rows[kept], scored, rejections)


class Serving:
    """The variants of one generation, loaded. Never changes; safe to use from several threads."""

    def __init__(self, generation: int, variants: Variants, scorers: Mapping[str, Scorer]):
        self.generation = generation
        self.variants = variants
        self.scorers = {bundle: scorers[bundle] for bundle in variants.bundles}
        self.champion = scorers[variants.champion]
        served = [Variant(CHAMPION, self.champion, 0)]
        served += [Variant(CHALLENGER, scorers[one.bundle], 1 + at) for at, one in enumerate(variants.challengers)]
        self.deciders = tuple(served)
        served += [Variant(SHADOW, scorers[bundle], None) for bundle in variants.shadows]
        by_schema: dict[Hashable, list[Variant]] = {}
        for variant in served:
            treatments = variant.scorer.treatments
            same = treatments.raw.fingerprint, treatments.schema.fingerprint, treatments.key_id
            by_schema.setdefault(same, []).append(variant)
        self.lanes = tuple(Lane(group, len(self.deciders)) for group in by_schema.values())
        self._line = variants.deciders()

    @classmethod
    def alone(cls, scorer: Scorer) -> "Serving":
        """Return a scorer as champion without others, of no generation."""
        return cls(0, Variants(scorer.bundle_id), {scorer.bundle_id: scorer})

    def owners(
        self, topic: str, partitions: Sequence[int], offsets: Sequence[int], keys: Sequence[bytes | None]
    ) -> np.ndarray:
        """Return the number in `deciders` of who decides on each event (int64)."""
        if len(self.deciders) == 1:
            return np.zeros(len(keys), np.int64)
        named = [
            coordinates(topic, partition, offset) if key is None else key
            for key, partition, offset in zip(keys, partitions, offsets, strict=True)
        ]
        return np.array(self._line.owners(named), np.int64)
