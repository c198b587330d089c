"""Reads the raw rows of the test split that a training set may keep.

They are Parquet files of their own, so that whoever reads features reads none of them, and no part of the set's
fingerprint: without them it teaches a model the same.
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from models.training.test_rows import FACT, SPLIT
from models.training.training_set import TrainingSet
from schemas import fingerprint
from schemas.errors import ArtifactError

_ROWS = 16_384  # of one block


def are_kept(training_set: TrainingSet) -> bool:
    """Say whether a training set has them."""
    return FACT in training_set.manifest


def read_test_rows(training_set: TrainingSet) -> Iterator[pa.RecordBatch]:
    """Yield them in blocks of some thousands, in the order of `TrainingSet.load("test")`.

    Raises `ArtifactError` for files that are missing, altered, or have not the rows that the manifest names.
    """
    import pyarrow.parquet

    schema, rows = training_set.serving.schema.arrow_schema, 0
    for name in _names(training_set):
        path = training_set.path / name
        said = training_set.manifest["files"].get(name)
        if said is None or not path.is_file() or fingerprint.of_file(path) != said["sha256"]:
            raise ArtifactError(f"{path}: missing, or its bytes are not those in the manifest; copy it again")
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(_ROWS, columns=schema.names):
                rows += batch.num_rows
                yield pa.RecordBatch.from_arrays(
                    [batch.column(one.name).cast(one.type) for one in schema], schema=schema
                )
    if rows != training_set.rows_of(SPLIT):
        raise ArtifactError(
            f"{training_set.path}: {rows:,} raw rows of split {SPLIT}, wanted {training_set.rows_of(SPLIT):,}; copy "
            "it again, or build it again"
        )


def _names(training_set: TrainingSet) -> list[str]:
    found: Any = training_set.manifest.get(FACT)
    if not isinstance(found, list) or not all(
        isinstance(one, dict) and isinstance(one.get("name"), str) for one in found
    ):
        raise ArtifactError(f"{training_set.path}: its manifest names no files of {FACT}; copy it again")
    return [one["name"] for one in found]
