"""Read a training set: its manifest, and a split as matrices.

What decodes examples is imported when a split is read.
"""

import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

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
from transforms.examples.carried import Carried
from transforms.examples.tfrecord import read_shard
from transforms.graph import wide_outputs
from transforms.graph.finite import infinite_rows

METRIC_COLUMNS = "metric_columns"
"""What a manifest calls the raw columns that examples carry for metrics; sets without any, and of before, do not."""


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
        columns = opened.fact(METRIC_COLUMNS, list, str) if METRIC_COLUMNS in self.manifest else ()
        self.metric_columns: tuple[str, ...] = tuple(columns)
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
            if not all(type(one.get("rows")) is int and one["rows"] >= 0 for one in shards):
                raise ArtifactError(f"{self.path}: its manifest has a shard without a number of rows; copy it again")
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
    def carried(self) -> Carried:
        """What examples carry behind their features, slices and lists."""
        return Carried(self.weighted, self.metric_columns, self.task == RANKING)

    @property
    def schema(self) -> Schema:
        """The schema of the raw columns, training's included."""
        return Schema.load(self.path / "schema.pbtxt")

    @property
    def serving(self) -> Treatments:
        """What became of the columns that serving has; `Treatments.schema` is what the graph reads."""
        return Treatments.of_manifest(self.schema.environment(SERVING), self.manifest, str(self.path))

    @property
    def fingerprint(self) -> str:
        """The sha256 of what the training set holds; candidates and bundles name it."""
        return self.manifest["fingerprint"]

    def rows_of(self, split: str) -> int:
        """Return how many rows a split has; raises `InputError` for one that there is not."""
        return sum(shard["rows"] for shard in self._shards(split))

    def load(self, split: str, rows: range | None = None) -> Split:
        """Read a split, or only those of its rows, checksums compared.

        Raises `ArtifactError` for rows missing or infinite, and for more than this machine's memory can hold.
        """
        count = len(rows) if rows is not None else self.rows_of(split)
        try:
            features = np.empty((count, len(self.feature_names)), np.float32)
            label = np.empty(count, np.float32)
            weight = np.empty(count, np.float32) if self.weighted else None
            query = np.empty(count, np.int64) if self.task == RANKING else None
        except (MemoryError, ValueError):
            raise ArtifactError(
                f"{self.path}: split {split}: {count:,} rows are more than this machine's memory holds; give "
                "--max-memory, or build a smaller set"
            ) from None
        slices: dict[str, list[pa.DictionaryArray]] = {name: [] for name in self.slices}
        at = 0
        for block in self.blocks(split, rows):
            to = at + len(block.label)
            features[at:to], label[at:to] = block.features, block.label
            if weight is not None:
                weight[at:to] = block.weight
            if query is not None and block.query is not None:
                query[at:to] = block.query
            for name, column in block.slices.items():
                slices[name].append(column)
            at = to
        self.check_finite(split, features)
        texts = {name: joined_texts(columns) for name, columns in slices.items()}
        return Split(features, label, texts, weight, query)

    def blocks(self, split: str, rows: range | None = None) -> Iterator[Split]:
        """Yield a split, or only those of its rows, in pieces of some thousands, in order; shards without are not read.

        Raises `ArtifactError` for rows missing; whether features are finite is not looked at.
        """
        from transforms.examples.examples import ExampleDecoder

        decoder = ExampleDecoder(self.feature_names, self.feature_kinds, self.slices, self.wide_outputs, self.carried)
        end = 0
        for shard in self._shards(split):
            begin, end = end, end + shard["rows"]
            wanted = range(begin, end) if rows is None else range(max(begin, rows.start), min(end, rows.stop))
            if rows is not None and not wanted:
                continue
            path = self.path / shard["name"]
            if not path.is_file():
                raise ArtifactError(f"{path}: missing, the manifest names it; copy the training set again")
            at = begin
            for records in read_shard(path, self.manifest["compression"]):
                own = records[max(0, wanted.start - at) : max(0, wanted.stop - at)]
                at += len(records)
                if own:
                    yield Split(*decoder.decode(own))
                if at >= wanted.stop and wanted.stop < end:
                    break  # the rest of the shard is another worker's
            else:
                if at != end:
                    raise ArtifactError(
                        f"{path}: {at - begin} rows, the manifest says {end - begin}; copy the file again"
                    )

    def _shards(self, split: str) -> list[dict[str, Any]]:
        shards = self.manifest["shards"].get(split)
        if shards is None:
            raise InputError(f"{self.path}: has no split {split!r}; known: {', '.join(self.manifest['shards'])}")
        return shards

    def queries(self, split: str) -> np.ndarray:
        """Return only the queries of a split of a ranking, int64 [rows]; of shards that `load` would take."""
        from transforms.examples.queries import QueryDecoder

        decoder, compression = QueryDecoder(), self.manifest["compression"]
        paths = [self.path / shard["name"] for shard in self._shards(split)]
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
        wanted = self.serving.schema.fingerprint
        if Schema.load(self.graph / "schema.pbtxt").fingerprint != wanted:
            raise ArtifactError(
                f"{self.graph}: reads other columns than serving has by {self.path / 'schema.pbtxt'}; build the "
                "training set again"
            )

    def check_finite(self, split: str, features: np.ndarray) -> None:
        """Raise `ArtifactError`, naming the first, for infinite features (float32 [rows, features])."""
        if found := infinite_rows(features, self.feature_names):
            raise ArtifactError(
                f"{self.path}: split {split}: {found[0].path} is infinite, as in {len(found)} of {len(features)} rows; "
                "build the training set again, which rejects such rows"
            )


def joined_texts(columns: Sequence[pa.DictionaryArray]) -> pa.DictionaryArray:
    """Return the slices of pieces one behind the other."""
    from transforms.examples.examples import TEXTS

    return pa.concat_arrays(columns) if columns else pa.array([], TEXTS)
