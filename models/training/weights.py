"""How much a row weighs in training: what its `weight` column says, times the rows of its class it stands for."""

import numpy as np
import pyarrow as pa

from models.spec import ModelSpec
from schemas.column import Column
from schemas.rejection import Reason, pointer
from schemas.schema import Schema

LEAST, MOST = 2.0**-20, 2.0**20
"""What a row that counts may weigh in its column: about from a millionth to a million."""


def weight_column(schema: Schema) -> Column | None:
    """Return the column with role `weight`, if there is one."""
    return next(iter(schema.with_role("weight")), None)


def are_weighted(model: ModelSpec, schema: Schema) -> bool:
    """Say whether rows of a training set have weights: a column says so, or a class is down-sampled."""
    return weight_column(schema) is not None or bool(model.down_sample)


def unusable(batch: pa.RecordBatch, schema: Schema) -> list[tuple[Reason, str, np.ndarray]]:
    """Return which rows (bool) cannot be trained on for their weight.

    It must be there and 0, or from `LEAST` to `MOST`: beyond them sums of weights would lose rows.

    >>> schema = Schema.from_text('feature { name: "w" type: FLOAT annotation { tag: "weight" } }')
    >>> batch = pa.RecordBatch.from_pydict({"w": [1.0, None, -1.0]}, schema.arrow_schema)
    >>> [(str(reason), path, mask.tolist()) for reason, path, mask in unusable(batch, schema)]
    [('REQUIRED', '/w', [False, True, False]), ('RANGE', '/w', [False, False, True])]
    """
    column = weight_column(schema)
    if column is None:
        return []
    array, path = batch.column(column.name), pointer(column.name)
    missing = array.is_null().to_numpy(zero_copy_only=False)
    values = array.fill_null(0).to_numpy(zero_copy_only=False)
    summable = (values == 0) | ((values >= LEAST) & (values <= MOST))
    return [(Reason.REQUIRED, path, missing), (Reason.RANGE, path, ~summable)]


def of_rows(batch: pa.RecordBatch, schema: Schema, stands_for: np.ndarray | None) -> np.ndarray | None:
    """Return the weight of every row, float32 [rows]; None if rows of the use case have none.

    `stands_for` (float32 [rows]) is how many rows each stands for, None where no class is down-sampled.
    """
    column = weight_column(schema)
    if column is None:
        return stands_for
    own = batch.column(column.name).to_numpy(zero_copy_only=False).astype(np.float32)
    return own if stands_for is None else own * stands_for
