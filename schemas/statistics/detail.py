"""How much of a column is kept: less where there are very many columns, and less of a slice."""

import dataclasses

import numpy as np

WEIGHT_UNIT = 2.0**-24
"""Weights are summed in whole numbers of this, so that no order of adding matters."""

_FEW_COLUMNS = 100


@dataclasses.dataclass(frozen=True)
class Detail:
    """How many different texts are counted as they are, and the sizes of the sketches."""

    texts: int = 20_000
    quantiles: int = 8192
    distinct: int = 16_384
    frequent: int = 16_384

    @classmethod
    def of(cls, columns: int) -> "Detail":
        """Return what is kept of each of so many columns: all columns together stay within some hundred MiB."""
        return _WHOLE if columns <= _FEW_COLUMNS else _PART


_WHOLE = Detail()
_PART = Detail(texts=2000, quantiles=1024, distinct=2048, frequent=2048)
SLICE = Detail(texts=1000, quantiles=512, distinct=1024, frequent=1024)


def whole_weights(weights: np.ndarray) -> np.ndarray:
    """Return weights (float32, 0 or more) as whole numbers of `WEIGHT_UNIT`, int64."""
    return np.rint(weights.astype(np.float64) / WEIGHT_UNIT).astype(np.int64)
