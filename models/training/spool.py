"""A split that is larger than memory: its features in one file that is mapped, written once while shards are decoded.

Only the features are on the disk, float32 row by row; label, weight and slices are in memory, a few bytes a row.
"""

import pathlib

import numpy as np
import pyarrow as pa

from models.families.family import Split
from models.training.training_set import TrainingSet, joined_texts
from schemas.errors import ArtifactError


def spooled(training_set: TrainingSet, split: str, rows: range, file: pathlib.Path) -> Split:
    """Return rows of a split whose features are mapped from a new file.

    Raises as `TrainingSet.load` does, and `OSError`, naming the file, where the disk is full.
    """
    width, count = len(training_set.feature_names), 0
    label = np.empty(len(rows), np.float32)
    weight = np.empty(len(rows), np.float32) if training_set.weighted else None
    slices: dict[str, list[pa.DictionaryArray]] = {name: [] for name in training_set.slices}
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open(file, "wb") as out:
            for block in training_set.blocks(split, rows):
                training_set.check_finite(split, block.features)
                out.write(np.ascontiguousarray(block.features).data)
                to = count + len(block.label)
                label[count:to] = block.label
                if weight is not None and block.weight is not None:
                    weight[count:to] = block.weight
                for name, column in block.slices.items():
                    slices[name].append(column)
                count = to
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(file)) from error
    if count != len(rows):
        raise ArtifactError(f"{training_set.path}: split {split}: {count} rows, wanted {len(rows)}; copy it again")
    features = np.memmap(file, np.float32, "r", shape=(count, width)) if count else np.empty((0, width), np.float32)
    return Split(features, label, {name: joined_texts(columns) for name, columns in slices.items()}, weight)
