"""What was seen of a numeric column: exact sums, zeros, quantiles; weighted ones too where rows have weights."""

import dataclasses

import numpy as np
import pyarrow as pa

from schemas.statistics.detail import Detail, whole_weights
from schemas.statistics.exact_moments import ExactMoments
from schemas.statistics.quantiles import Quantiles
from schemas.statistics.valency import Valency


@dataclasses.dataclass
class Distribution:
    """Sums and quantiles of numbers; counts are rows, or whole numbers of `WEIGHT_UNIT` where they are weighted."""

    quantiles: Quantiles
    moments: ExactMoments = dataclasses.field(default_factory=ExactMoments)

    def merge(self, other: "Distribution") -> None:
        """Take in what another has seen."""
        self.moments.merge(other.moments)
        self.quantiles.merge(other.quantiles)


class NumberStatistics:
    """What was seen of a numeric column; the same numbers give the same statistics in any order.

    >>> statistics = NumberStatistics(Detail())
    >>> statistics.add(pa.array([1.0, 3.0, None], pa.float32()))
    >>> statistics.present, statistics.mean, statistics.std
    (2, 2.0, 1.0)
    """

    def __init__(self, detail: Detail, lists: bool = False, weighted: bool = False):
        self.valency = Valency(detail, lists, weighted)
        self.zeros = 0
        self.whole = Distribution(Quantiles(detail.quantiles))
        self.weighted = Distribution(Quantiles(detail.quantiles)) if weighted else None

    def add(self, column: pa.Array, weights: np.ndarray | None = None) -> None:
        """Take in one column of a block, and the weights of its rows if they have any."""
        values = self.valency.add(column, weights)
        numbers = np.asarray(values.array)
        if not len(numbers):
            return
        self.zeros += len(numbers) - int(np.count_nonzero(numbers))
        self.whole.moments.add(numbers)
        self.whole.quantiles.add(numbers)
        if self.weighted is not None and values.weights is not None:
            self.weighted.moments.add(numbers, values.weights)
            self.weighted.quantiles.add(numbers, whole_weights(values.weights))

    def merge(self, other: "NumberStatistics") -> None:
        """Take in what another has seen."""
        self.valency.merge(other.valency)
        self.zeros += other.zeros
        self.whole.merge(other.whole)
        if self.weighted is not None and other.weighted is not None:
            self.weighted.merge(other.weighted)

    @property
    def present(self) -> int:
        """Rows that have a value."""
        return self.valency.present

    @property
    def mean(self) -> float:
        """The mean of all values; 0 where there are none."""
        return self.whole.moments.mean if self.valency.values else 0.0

    @property
    def std(self) -> float:
        """The standard deviation of all values; 0 where there are none."""
        return self.whole.moments.std if self.valency.values else 0.0

    @property
    def minimum(self) -> float:
        """The least value; infinite where there are none."""
        return self.quantiles.minimum

    @property
    def maximum(self) -> float:
        """The greatest value; infinite where there are none."""
        return self.quantiles.maximum

    @property
    def quantiles(self) -> Quantiles:
        """The quantiles of all values."""
        return self.whole.quantiles
