"""Read a training set: its manifest, and a split as matrices."""

import dataclasses
import pathlib
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from schemas import artifact
from schemas.errors import ArtifactError, InputError
from schemas.schema import Schema
from transforms.examples import TEXTS, ExampleDecoder
from transforms.tfrecord import read_shard

KIND = "training_set"


@dataclasses.dataclass(frozen=True)
class Split:
    """Features float32 [rows, features], label float32 [rows], and the slices: strings, null where missing."""

    features: np.ndarray
    label: np.ndarray
    slices: Mapping[str, pa.DictionaryArray]


class TrainingSet:
    """A completed training set directory."""

    def __init__(self, opened: artifact.Artifact):
        self.path = opened.path
        self.manifest = opened.manifest
        self.feature_names = tuple(self.manifest["feature_names"])
        self.feature_kinds = tuple(self.manifest["feature_kinds"])
        self.slices = tuple(self.manifest["slices"])

    @classmethod
    def open(cls, path: str | pathlib.Path) -> "TrainingSet":
        """Open a directory; raises `ArtifactError` where it is no completed training set."""
        return cls(artifact.open_artifact(path, KIND))

    @property
    def graph(self) -> pathlib.Path:
        return self.path / "graph"

    @property
    def schema(self) -> Schema:
        """The schema of the raw columns, training's included."""
        return Schema.load(self.path / "schema.pbtxt")

    @property
    def fingerprint(self) -> str:
        return self.manifest["fingerprint"]

    def load(self, split: str) -> Split:
        """Read every shard of a split, checksums compared; raises `ArtifactError` where rows are missing."""
        shards = self.manifest["shards"].get(split)
        if shards is None:
            raise InputError(f"{self.path}: has no split {split!r}; known: {', '.join(self.manifest['shards'])}")
        decoder = ExampleDecoder(self.feature_names, self.feature_kinds, self.slices)
        blocks = []
        for shard in shards:
            path = self.path / shard["name"]
            if not path.is_file():
                raise ArtifactError(f"{path}: missing, the manifest names it; copy the training set again")
            found = [decoder.decode(records) for records in read_shard(path, self.manifest["compression"])]
            rows = sum(len(label) for _, label, _ in found)
            if rows != shard["rows"]:
                raise ArtifactError(f"{path}: {rows} rows, the manifest says {shard['rows']}; copy the file again")
            blocks += found
        return self._joined(blocks)

    def _joined(self, blocks: list[tuple[np.ndarray, np.ndarray, dict[str, pa.DictionaryArray]]]) -> Split:
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
