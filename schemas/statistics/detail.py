"""How much of a column is kept: less where there are very many columns, and less of a slice."""

import dataclasses

import numpy as np

WEIGHT_UNIT = 2.0**-24
"""Weights are summed in whole numbers of this, so that no order of adding matters."""

_FEW_COLUMNS = 100
_MOST = 2.0**62  # far enough below 2^63 for the rounding of a float64


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
    """Return weights (float32, 0 to 2^38) as whole numbers of `WEIGHT_UNIT`: int64, or Python's where they are large.

    So their sum over a block never wraps.
    """
    return summable(np.rint(weights.astype(np.float64) / WEIGHT_UNIT).astype(np.int64))


def summable(counts: np.ndarray) -> np.ndarray:
    """Return counts (0 or more) of which any may be added up: as Python's integers where int64 could wrap.

    >>> int(summable(np.array([2**62, 2**62, 1])).sum()) == 2**63 + 1
    True
    """
    return counts.astype(object) if counts.sum(dtype=np.float64) >= _MOST else counts
