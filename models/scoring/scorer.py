"""The scorer: a bundle's graph and model together, raw batch in, features and scores out."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from models.families.family import Model
from models.families.table.choice import family_of
from models.scoring.causes import Causes
from models.scoring.inputs import raw_batch
from models.scoring.manifest import check_manifest
from models.scoring.score_form import ScoreForm
from schemas import roles
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.errors import ArtifactError, InputError, OnegraphError
from schemas.personal.keys import PersonalKey
from schemas.personal.treatments import Treatments
from schemas.rejection import Reason, Rejection, Stage
from schemas.schema import SERVING, Schema
from transforms.graph.finite import infinite_rows, kept_rows
from transforms.graph.graph import TransformGraph, graph_fingerprint

_NO_ROWS = np.empty(0, np.int64)
_NO_GRAPHS: Mapping[str, TransformGraph] = {}


class RowsDiffer(OnegraphError):
    """Graph or model gave another number of rows than it got, so which score is whose is unknown; scoring stops."""


@dataclasses.dataclass(frozen=True)
class Scored:
    """Features float32 [rows, features] and scores float32 [rows], or [rows, classes] of several, of a batch."""

    features: np.ndarray
    scores: np.ndarray


class Scorer:
    """One loaded bundle. Safe to call from several threads; never changes, a new bundle is a new Scorer.

    `treatments` make of the raw batches of `treatments.raw` those of `schema`, which graph and model take.
    """

    def __init__(
        self,
        opened: artifact.Artifact,
        treatments: Treatments,
        graph: TransformGraph,
        model: Model,
        keys: Sequence[PersonalKey] = (),
    ):
        self.path = opened.path
        self.manifest = opened.manifest
        self.bundle_id = artifact.content_id(opened.manifest)
        self.use_case: str = opened.manifest["use_case"]
        self.form = ScoreForm.of(opened.manifest)
        self.threshold = self.form.threshold
        self.treatments = treatments
        self.schema = treatments.schema
        self._keys = keys
        self.graph = graph
        self.model = model
        self.feature_names = graph.feature_names
        self.causes = Causes(self.bundle_id)

    @functools.cached_property
    def _keyed(self) -> Treatments:
        return self.treatments.keyed(self._keys, f"bundle {self.bundle_id}")

    @classmethod
    def load(
        cls,
        path: str | pathlib.Path,
        verify: bool = True,
        graphs: Mapping[str, TransformGraph] = _NO_GRAPHS,
        keys: Sequence[PersonalKey] = (),
    ) -> "Scorer":
        """Load a bundle directory; `verify` compares every byte with the manifest first.

        `keys` are what `score` hashes personal columns with; other methods take what is treated already.

        A graph that is in `graphs`, loaded ones by fingerprint, is taken from there: it holds most of the loading.
        Raises `ArtifactError` if the bundle is incomplete, altered, or its parts do not belong together.
        """
        opened = artifact.open_artifact(path, ArtifactKind.BUNDLE)
        if verify:
            opened.verify()
        return cls.of_parts(opened.path, opened.manifest, graphs, keys)

    @classmethod
    def of_parts(
        cls,
        path: pathlib.Path,
        manifest: Mapping[str, Any],
        graphs: Mapping[str, TransformGraph] = _NO_GRAPHS,
        keys: Sequence[PersonalKey] = (),
    ) -> "Scorer":
        """Load what a bundle directory holds by a manifest that may not be written yet.

        Raises as `load` does, and for a manifest that does not say what is used of it.
        """
        check_manifest(manifest, str(path))
        treatments = _loaded_treatments(path, manifest)
        graph = _loaded_graph(path, manifest, treatments.schema, graphs)
        model = _loaded_model(path, manifest)
        return cls(artifact.Artifact(path, manifest), treatments, graph, model, keys)

    def score(self, given: Any) -> Scored:
        """Score a raw batch, a pandas frame or a list of dicts in one call of graph and model; all rows, or it raises.

        Raises `InputError` for a row with an infinite feature: `score_rows` rejects such rows of a batch alone. What is
        no batch is taken in first, as `inputs.raw_batch` says; a batch is taken as it is. What is personal is treated
        here, with the key that the bundle was built with: `ServiceError` if `load` did not get it. A name that the
        schema does not have is passed over, and a column that may be missing is missing where it is not given: a frame
        whose column is misspelt is warned of, a key of a dict is not.
        """
        batch = self._keyed(raw_batch(given, self.treatments.raw))
        scored = self.compute(batch)
        if found := infinite_rows(scored.features, self.feature_names):
            raise InputError(
                f"row {found[0].row}: {found[0].path} is infinite, as in {len(found)} of {batch.num_rows} rows; call "
                "score_rows, which rejects such rows alone, or guard the division in preprocessing_fn"
            )
        return scored

    def compute(self, batch: pa.RecordBatch) -> Scored:
        """Return what graph and model make of a raw batch, infinite features included, as golden rows hold it."""
        features = self._features(batch)
        return Scored(features, self._scores(features))

    def score_rows(self, batch: pa.RecordBatch) -> tuple[Scored, np.ndarray, list[Rejection]]:
        """Score what can be scored: return it, the indices of its rows (int64), and a rejection per other row.

        A batch that fails is halved until the bad rows stand alone (`SCORE_FAILED`); an infinite feature is
        `FEATURE_NONFINITE`, a score that is not a finite number `BAD_OUTPUT`. A failure of the whole batch at every
        size, such as a missing column, is raised, and so is another number of rows out than in (`RowsDiffer`).
        """
        features, rows, failed = self.feature_rows(batch)
        scored, kept, refused = self.score_features(features)
        if not failed and not refused:
            return scored, rows, []
        rejections = failed + [dataclasses.replace(rejection, row=int(rows[rejection.row])) for rejection in refused]
        return scored, rows[kept], sorted(rejections, key=lambda rejection: rejection.row)

    def feature_rows(self, batch: pa.RecordBatch) -> tuple[np.ndarray, np.ndarray, list[Rejection]]:
        """Transform what can be transformed: features, the rows that they are of (int64), a rejection per other row.

        A missing value is NaN in the features; none is infinite. Bundles that share the graph share this,
        `score_features` does the rest. Raises what is wrong with every row.
        """
        features, rows, failed = halved(
            batch.num_rows,
            lambda start, end: self._features(batch.slice(start, end - start)),
            lambda error: self.causes.tell("a row has no features", error),
        )
        if len(failed):
            self.graph.check_columns(batch)
        if not len(rows):
            features = np.empty((0, len(self.feature_names)), np.float32)
        rejections = [Rejection(int(row), Stage.SCORE, Reason.SCORE_FAILED) for row in failed]
        if infinite := infinite_rows(features, self.feature_names):
            kept = kept_rows(len(rows), infinite)
            rejections += [dataclasses.replace(rejection, row=int(rows[rejection.row])) for rejection in infinite]
            features, rows = features[kept], rows[kept]
        return features, rows, rejections

    def score_features(self, features: np.ndarray) -> tuple[Scored, np.ndarray, list[Rejection]]:
        """Score what can be scored of features, float32 [rows, features]; returns what `score_rows` does."""
        scores, rows, failed = halved(
            len(features),
            lambda start, end: self._scores(features[start:end]),
            lambda error: self.causes.tell("a row has no score", error),
        )
        if not len(rows):
            scores = self.form.none()
        rejections = [Rejection(int(row), Stage.SCORE, Reason.SCORE_FAILED) for row in failed]
        finite = np.isfinite(scores)
        if scores.ndim > 1:
            finite = finite.all(axis=1)
        if not finite.all():
            rejections += [Rejection(int(row), Stage.SCORE, Reason.BAD_OUTPUT) for row in rows[~finite]]
            scores, rows = scores[finite], rows[finite]
        return Scored(features if len(rows) == len(features) else features[rows], scores), rows, rejections

    def _features(self, batch: pa.RecordBatch) -> np.ndarray:
        features = self.graph.apply(batch)
        self._check_shape("features", features, (batch.num_rows, len(self.feature_names)))
        return features

    def _scores(self, features: np.ndarray) -> np.ndarray:
        scores = self.model.predict(features) if len(features) else self.form.none()
        self._check_shape("scores", scores, (len(features), *self.form.shape))
        return scores

    def _check_shape(self, what: str, made: np.ndarray, wanted: tuple[int, ...]) -> None:
        if made.shape != wanted:
            raise RowsDiffer(
                f"bundle {self.bundle_id}: {wanted[0]} rows in, {what} of shape {made.shape} out, wanted {wanted}; "
                "stop and look at the bundle"
            )


def halved(
    rows: int, call: Callable[[int, int], np.ndarray], tell: Callable[[Exception], None]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Call for all rows at once; if that fails, halve until the bad rows stand alone; tell why of each.

    Returns what the calls gave, the rows that it is of and the rows that failed (int64).
    """
    parts: list[np.ndarray] = []
    kept: list[np.ndarray] = [_NO_ROWS]
    failed: list[int] = []
    waiting = [(0, rows)]
    while waiting:
        start, end = waiting.pop()
        try:
            parts.append(call(start, end))
            kept.append(np.arange(start, end))
        except RowsDiffer:
            raise
        except Exception as error:
            if end == start:
                raise
            if end - start == 1:
                failed.append(start)
                tell(error)
            else:
                middle = (start + end) // 2
                waiting += [(middle, end), (start, middle)]
    whole = parts[0] if len(parts) == 1 else np.concatenate(parts or [np.empty(0, np.float32)])
    return whole, np.concatenate(kept), np.array(failed, np.int64)


def _loaded_treatments(path: pathlib.Path, manifest: Mapping[str, Any]) -> Treatments:
    """Return what raw batches are and become; their times can be read, the manifest names their schema."""
    schema = Schema.load(path / "schema.pbtxt")
    serving = schema.environment(SERVING)
    roles.event_time(serving.columns, str(path / "schema.pbtxt"))
    if schema.fingerprint != manifest["schema_fingerprint"]:
        raise ArtifactError(f"{path / 'schema.pbtxt'}: not the schema that the manifest names; release again")
    return Treatments.of_manifest(serving, manifest, str(path))


def _loaded_graph(
    path: pathlib.Path, manifest: Mapping[str, Any], schema: Schema, graphs: Mapping[str, TransformGraph]
) -> TransformGraph:
    """Return the graph that the manifest names, from `graphs` if it is there; it was built for the schema."""
    graph = graphs.get(graph_fingerprint(path / "graph")) if graphs else None
    graph = graph or TransformGraph.load(path / "graph")
    if graph.schema.fingerprint != schema.fingerprint:
        raise ArtifactError(
            f"{path / 'graph'}: built for another schema than {path / 'schema.pbtxt'}; build, train and release again"
        )
    if graph.fingerprint != manifest["graph_fingerprint"]:
        raise ArtifactError(f"{path / 'graph'}: not the graph that the manifest names; release again")
    wanted = manifest["feature_names"]
    _check_features(path / "graph", graph.feature_names, tuple(wanted), wanted)
    return graph


def _loaded_model(path: pathlib.Path, manifest: Mapping[str, Any]) -> Model:
    """Return the model, which takes the features that the manifest names."""
    family = family_of(manifest["family"])
    model = family.load(path / "model")
    wanted, classes = manifest["feature_names"], len(manifest.get("classes", ()))
    _check_features(path / "model", model.feature_names, family.names_in_model(wanted), wanted)
    if model.classes != classes:
        raise ArtifactError(
            f"{path / 'model'}: gives {model.classes or 1} scores for a row, wanted {classes or 1} of task "
            f"{manifest['task']}, which the manifest names; train and release again"
        )
    return model


def _check_features(
    path: pathlib.Path, names: Sequence[str], known_as: Sequence[str], manifest_names: Sequence[str]
) -> None:
    if names != known_as:
        raise ArtifactError(
            f"{path}: its features are {', '.join(names)}; the manifest has "
            f"{', '.join(manifest_names)}; train and release again"
        )
