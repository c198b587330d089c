"""The scorer: a bundle's graph and model together, raw batch in, features and scores out."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from models import xgb
from schemas import artifact
from schemas.errors import ArtifactError, OnegraphError
from schemas.rejection import Reason, Rejection, Stage
from schemas.schema import SERVING, Schema
from transforms.graph import TransformGraph

KIND = "bundle"

Lap = Callable[[str], None]  # told the name of a stage when it ends: `transform`, `score`


def _unheard(stage: str) -> None:
    """Nobody asks how long a stage took."""


@dataclasses.dataclass(frozen=True)
class Scored:
    """Features float32 [rows, features] and scores float32 [rows] of a batch."""

    features: np.ndarray
    scores: np.ndarray


class Scorer:
    """One loaded bundle. Safe to call from several threads; never changes, a new bundle is a new Scorer."""

    def __init__(self, opened: artifact.Artifact, schema: Schema, graph: TransformGraph, model: xgb.XGBoostModel):
        self.path = opened.path
        self.manifest = opened.manifest
        self.bundle_id = artifact.content_id(opened.manifest)
        self.use_case: str = opened.manifest["use_case"]
        self.threshold: float = opened.manifest["threshold"]
        self.schema = schema
        self.graph = graph
        self.model = model
        self.feature_names = graph.feature_names

    @classmethod
    def load(cls, path: str | pathlib.Path, verify: bool = True) -> "Scorer":
        """Load a bundle directory; `verify` compares every byte with the manifest first.

        Raises `ArtifactError` where the bundle is incomplete, altered, or its parts do not belong together.
        """
        opened = artifact.open_artifact(path, KIND)
        if verify:
            opened.verify()
        return cls.of_parts(opened.path, opened.manifest)

    @classmethod
    def of_parts(cls, path: pathlib.Path, manifest: Mapping[str, Any]) -> "Scorer":
        """Load what a bundle directory holds by a manifest that may not be written yet."""
        opened = artifact.Artifact(path, manifest)
        schema = Schema.load(path / "schema.pbtxt")
        graph = TransformGraph.load(path / "graph")
        model = xgb.XGBoostModel.load(path / "model")
        _check_parts(opened, schema, graph, model)
        return cls(opened, schema.environment(SERVING), graph, model)

    def score(self, batch: pa.RecordBatch, lap: Lap = _unheard) -> Scored:
        """Score a raw batch in one call of graph and model; every row or an exception."""
        features = self.graph.apply(batch)
        lap("transform")
        scores = self.model.predict(features) if len(features) else np.empty(0, np.float32)
        lap("score")
        if not len(features) == len(scores) == batch.num_rows:
            raise OnegraphError(
                f"bundle {self.bundle_id}: {batch.num_rows} rows in, {len(features)} features and {len(scores)} scores "
                "out; stop and look at the bundle"
            )
        return Scored(features, scores)

    def score_rows(self, batch: pa.RecordBatch, lap: Lap = _unheard) -> tuple[Scored, np.ndarray, list[Rejection]]:
        """Score what can be scored: return it, the indices of its rows (int64), and a rejection per other row.

        A batch that fails is halved until the bad rows stand alone (`SCORE_FAILED`); a score that is not a finite
        number is `BAD_OUTPUT`. A failure of the whole batch at every size, such as a missing column, is raised.
        """
        try:
            scored = self.score(batch, lap)
            rows = np.arange(batch.num_rows)
            failed: list[int] = []
        except Exception:
            scored, rows, failed = self._score_halves(batch)
            lap("score")
        rejections = [Rejection(row, Stage.SCORE, Reason.SCORE_FAILED) for row in failed]
        finite = np.isfinite(scored.scores)
        if not finite.all():
            rejections += [Rejection(int(row), Stage.SCORE, Reason.BAD_OUTPUT) for row in rows[~finite]]
            scored, rows = Scored(scored.features[finite], scored.scores[finite]), rows[finite]
        return scored, rows, sorted(rejections, key=lambda rejection: rejection.row)

    def _score_halves(self, batch: pa.RecordBatch) -> tuple[Scored, np.ndarray, list[int]]:
        # No row at all can only be scored where the batch as a whole fits: this raises what is wrong with all of it.
        self.graph.check_columns(batch)
        parts: list[Scored] = []
        kept: list[np.ndarray] = []
        failed: list[int] = []
        waiting = [(0, batch.num_rows)]
        while waiting:
            start, end = waiting.pop()
            try:
                parts.append(self.score(batch.slice(start, end - start)))
                kept.append(np.arange(start, end))
            except Exception:
                if end - start == 1:
                    failed.append(start)
                else:
                    middle = (start + end) // 2
                    waiting += [(middle, end), (start, middle)]
        if not parts:
            return Scored(np.empty((0, len(self.feature_names)), np.float32), np.empty(0, np.float32)), _NO_ROWS, failed
        features = np.concatenate([part.features for part in parts])
        return Scored(features, np.concatenate([part.scores for part in parts])), np.concatenate(kept), failed


_NO_ROWS = np.empty(0, np.int64)


def _check_parts(opened: artifact.Artifact, schema: Schema, graph: TransformGraph, model: xgb.XGBoostModel) -> None:
    """Graph, model and schema change together or not at all."""
    manifest, path = opened.manifest, opened.path
    if schema.fingerprint != manifest["schema_fingerprint"]:
        raise ArtifactError(f"{path / 'schema.pbtxt'}: not the schema that the manifest names; release again")
    if graph.schema.fingerprint != schema.environment(SERVING).fingerprint:
        raise ArtifactError(f"{path / 'graph'}: built for another schema than {path / 'schema.pbtxt'}; release again")
    if graph.fingerprint != manifest["graph_fingerprint"]:
        raise ArtifactError(f"{path / 'graph'}: not the graph that the manifest names; release again")
    for part, names in (("graph", graph.feature_names), ("model", model.feature_names)):
        if list(names) != manifest["feature_names"]:
            raise ArtifactError(
                f"{path / part}: its features are {', '.join(names)}; the manifest has "
                f"{', '.join(manifest['feature_names'])}; train and release again"
            )
