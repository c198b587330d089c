"""Source records scored again in the suite's own process: what a job's predictions are compared with."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from beam_jobs.stream.value_format import ValueFormat
from chaos.evidence import Evidence, Place
from models.registry.registry import Registry
from models.scoring.prediction import PredictionEncoder
from models.scoring.scorer import Scorer

_AT_ONCE = 5_000


class ScoredAgain:
    """Some bundles of a registry, loaded."""

    def __init__(self, registry: Registry, bundles: Sequence[str]):
        self._scorers = {name: Scorer.load(registry.bundle_path(name)) for name in bundles}

    def of(self, seen: Evidence) -> Callable[[str, Sequence[Place]], Mapping[Place, bytes]]:
        """Return the function of `chaos.checks.values`: a bundle and places to the predictions of their records."""
        records = {(record.partition, record.offset): record for record in seen.source}

        def of_bundle(bundle: str, places: Sequence[Place]) -> Mapping[Place, bytes]:
            if bundle not in self._scorers:
                return {}
            known = [records[place] for place in places if place in records]
            found: dict[Place, bytes] = {}
            for start in range(0, len(known), _AT_ONCE):
                found.update(_predictions(self._scorers[bundle], known[start : start + _AT_ONCE]))
            return found

        return of_bundle


def _predictions(scorer: Scorer, records: Sequence[Any]) -> Iterator[tuple[Place, bytes]]:
    intake = ValueFormat().decoder(scorer.schema)([record.value for record in records])
    scored, kept, _ = scorer.score_rows(intake.batch)
    rows = intake.rows[np.asarray(kept)].tolist()
    batch = intake.batch.take(pa.array(kept))
    ids = [f"{records[row].topic}/{records[row].partition}/{records[row].offset}" for row in rows]
    values = PredictionEncoder(scorer).encode(batch, scored.scores, scored.features, ids)
    for row, value in zip(rows, values, strict=True):
        yield (records[row].partition, records[row].offset), value
