"""Whether a feature of a row depends on the other rows of its batch: then batch and stream would not agree.

The same rows are transformed together, in another order and in parts. What is looked for here is a value that means
something else; last bits are compared where a bundle is made (golden rows).
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa

ROWS = 48
_PART = 16
_RELATIVE, _ABSOLUTE = 1e-4, 1e-6

_INSTEAD = (
    "for what is over a whole column use tf.Transform's tft.mean, tft.min, tft.max, tft.sum, tft.scale_to_z_score"
)

Features = Mapping[str, np.ndarray]


def wrong_features(apply: Callable[[pa.RecordBatch], Features], rows: pa.RecordBatch) -> tuple[list[str], list[str]]:
    """Return which features of `apply` have another number of rows, and which depend on the batch.

    `apply` gives them by name, [rows] or [rows, n]. Tried on some rows; raises what `apply` raises.
    """
    size = rows.num_rows
    if size < 2:
        return [], []
    together = apply(rows)
    backwards = apply(rows.take(pa.array(range(size - 1, -1, -1))))
    parts = [apply(rows.slice(start, _PART)) for start in range(0, size, _PART)]
    misshapen, depending = [], []
    for name, values in together.items():
        in_parts = np.concatenate([part[name] for part in parts])
        if not len(values) == len(backwards[name]) == len(in_parts) == size:
            misshapen.append(name)
        elif not all(_same(values, other) for other in (backwards[name][::-1], in_parts)):
            depending.append(name)
    return misshapen, depending


def _same(values: np.ndarray, other: np.ndarray) -> bool:
    if values.dtype == object:
        return bool((values == other).all())
    return np.allclose(values, other, _RELATIVE, _ABSOLUTE, equal_nan=True)


def said(where: str, names: Sequence[str], operations: Sequence[str]) -> str:
    """Return what is said of features that depend on their batch.

    >>> said("transforms/c.py", ["ratio"], ["Mean at line 12"])[:88]
    "transforms/c.py: feature 'ratio' of a row depends on the other rows of its batch, by Mea"
    """
    features = f"feature {names[0]!r}" if len(names) == 1 else f"features {', '.join(map(repr, names))}"
    verb = "depends" if len(names) == 1 else "depend"
    by = f", by {' or '.join(operations)}" if operations else ""
    return f"{where}: {features} of a row {verb} on the other rows of its batch{by}; {_INSTEAD}"
