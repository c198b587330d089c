"""Small splits to train and evaluate on, made of random numbers; no file, no graph."""

import numpy as np
import pyarrow as pa

from models.families.family import FeatureColumns, Split
from models.spec import ModelSpec
from tests.support.small_artifacts import FAST

COLUMNS = FeatureColumns.floats("a", "b", "c")
SPEC = ModelSpec(parameters=FAST, rounds=60, early_stopping_rounds=5, seed=3)


def random_split(rows: int, seed: int, share: float = 0.1) -> Split:
    """Return a split whose label follows the first of three features; a `share` of its rows is positive."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(rows, 3)).astype(np.float32)
    order = features[:, 0] + 0.5 * random.normal(size=rows)
    label = (order > np.quantile(order, 1 - share)).astype(np.float32)
    sides = pa.array(["left" if right > 0 else None for right in features[:, 1]]).dictionary_encode()
    return Split(features, label, {"side": sides})
