"""Read a training set: its manifest, and a split as matrices.

TensorFlow, which comes with the decoder of examples, is imported when a split is loaded.
"""

import dataclasses
import pathlib

import numpy as np
import pyarrow as pa

from models.families.family import FeatureColumns, Split
from models.tasks import BINARY, RANKING
from models.training.format import FORMAT, check_names
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.errors import ArtifactError, InputError
from schemas.personal.treatments import Treatments
from schemas.schema import SERVING, Schema
from transforms.examples.tfrecord import read_shard
from transforms.graph import wide_outputs
from transforms.graph.finite import infinite_rows


class TrainingSet:
    """A completed training set directory."""

    def __init__(self, opened: artifact.Artifact):
        self.path = opened.path
        self.manifest = opened.manifest
        self.feature_names: tuple[str, ...] = tuple(opened.fact("feature_names", list, str))
        self.feature_kinds: tuple[str, ...] = tuple(opened.fact("feature_kinds", list, str))
        self.slices: tuple[str, ...] = tuple(opened.fact("slices", list, str))
        self.task = str(self.manifest.get("task", BINARY))  # sets that do not say are of before there were others
        self.classes: tuple[str, ...] = tuple(opened.fact("classes", list, str) if "classes" in self.manifest else ())
        self.weighted: bool = opened.manifest.get("weighted") is True
        try:
            described = self.manifest.get("wide_outputs", [])  # sets of before have none
            self.wide_outputs = wide_outputs.from_json(described, len(self.feature_names))
        except (ValueError, KeyError, TypeError):
            raise ArtifactError(f"{self.path}: its manifest has wide_outputs that are none; copy it again") from None
        for name in ("use_case", "fingerprint", "compression"):
            opened.fact(name, str)
        opened.fact("rows", dict, int)
        for shards in opened.fact("shards", dict, list).values():
            if not all(isinstance(one, dict) and isinstance(one.get("name"), str) for one in shards):
                raise ArtifactError(f"{self.path}: its manifest has a shard without a name; copy it again")
        self._check_format()
        self._check_graph()

    @classmethod
    def open(cls, path: str | pathlib.Path) -> "TrainingSet":
        """Open a directory; raises `ArtifactError` if it is no completed training set."""
        return cls(artifact.open_artifact(path, ArtifactKind.TRAINING_SET))

    @property
    def graph(self) -> pathlib.Path:
        """The directory of the graph that made the features."""
        return self.path / "graph"

    @property
    def columns(self) -> FeatureColumns:
        """What the columns of the feature matrix are."""
        return FeatureColumns(self.feature_names, self.feature_kinds, self.wide_outputs)

    @property
    def schema(self) -> Schema:
        """The schema of the raw columns, training's included."""
        return Schema.load(self.path / "schema.pbtxt")

    @property
    def fingerprint(self) -> str:
        """The sha256 of what the training set holds; candidates and bundles name it."""
        return self.manifest["fingerprint"]

    def load(self, split: str) -> Split:
        """Read every shard of a split, checksums compared; raises `ArtifactError` for rows missing or infinite."""
        from transforms.examples.examples import ExampleDecoder
        from transforms.examples.queries import QueryDecoder
        from transforms.examples.weights import WeightDecoder

        shards = self.manifest["shards"].get(split)
        if shards is None:
            raise InputError(f"{self.path}: has no split {split!r}; known: {', '.join(self.manifest['shards'])}")
        decoder = ExampleDecoder(self.feature_names, self.feature_kinds, self.slices, self.wide_outputs)
        weight_decoder = WeightDecoder() if self.weighted else None
        query_decoder = QueryDecoder() if self.task == RANKING else None
        blocks, weights, queries = [], [], []
        for shard in shards:
            path = self.path / shard["name"]
            if not path.is_file():
                raise ArtifactError(f"{path}: missing, the manifest names it; copy the training set again")
            found = []
            for records in read_shard(path, self.manifest["compression"]):
                found.append(decoder.decode(records))
                if weight_decoder is not None:
                    weights.append(weight_decoder.decode(records))
                if query_decoder is not None:
                    queries.append(query_decoder.decode(records))
            rows = sum(len(label) for _, label, _ in found)
            if rows != shard["rows"]:
                raise ArtifactError(f"{path}: {rows} rows, the manifest says {shard['rows']}; copy the file again")
            blocks += found
        joined = self._joined(blocks)
        if weight_decoder is not None:
            joined = dataclasses.replace(joined, weight=np.concatenate([np.empty(0, np.float32), *weights]))
        if query_decoder is not None:
            joined = dataclasses.replace(joined, query=np.concatenate([np.empty(0, np.int64), *queries]))
        self._check_finite(split, joined.features)
        return joined

    def queries(self, split: str) -> np.ndarray:
        """Return only the queries of a split of a ranking, int64 [rows]; of shards that `load` would take."""
        from transforms.examples.queries import QueryDecoder

        decoder, compression = QueryDecoder(), self.manifest["compression"]
        paths = [self.path / shard["name"] for shard in self.manifest["shards"][split]]
        found = [decoder.decode(records) for path in paths for records in read_shard(path, compression)]
        return np.concatenate([np.empty(0, np.int64), *found])

    def _check_format(self) -> None:
        written = self.manifest.get("format", 1)
        check_names(self.path, self.feature_names, written)
        if written not in (1, FORMAT):
            raise ArtifactError(
                f"{self.path}: a training set of format {written!r}, this onegraph reads 1 and {FORMAT}; build it again"
            )

    def _check_graph(self) -> None:
        """A graph of before may read columns that serving does not have by now, the label's among them."""
        wanted = Treatments.of_manifest(self.schema.environment(SERVING), self.manifest, str(self.path)).schema
        if Schema.load(self.graph / "schema.pbtxt").fingerprint != wanted.fingerprint:
            raise ArtifactError(
                f"{self.graph}: reads other columns than serving has by {self.path / 'schema.pbtxt'}; build the "
                "training set again"
            )

    def _check_finite(self, split: str, features: np.ndarray) -> None:
        if found := infinite_rows(features, self.feature_names):
            raise ArtifactError(
                f"{self.path}: split {split}: {found[0].path} is infinite, as in {len(found)} of {len(features)} rows; "
                "build the training set again, which rejects such rows"
            )

    def _joined(self, blocks: list[tuple[np.ndarray, np.ndarray, dict[str, pa.DictionaryArray]]]) -> Split:
        from transforms.examples.examples import TEXTS

        if not blocks:
            return Split(
                np.empty((0, len(self.feature_names)), np.float32),
                np.empty(0, np.float32),
                {name: pa.array([], TEXTS) for name in self.slices},
            )
        return Split(
            np.concatenate([features for features, _, _ in blocks]),
            np.concatenate([label for _, label, _ in blocks]),
            {name: pa.concat_arrays([slices[name] for _, _, slices in blocks]) for name in self.slices},
        )
