"""How columns of several values cross into TensorFlow: the values of one type end to end, and where each stands."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import tensorflow as tf

from schemas.buffers import values_of
from schemas.column import Column, Kind

_ORDER = (Kind.FLOAT, Kind.INT, Kind.BYTES)


class PackedLists:
    """The packed form of columns of several values.

    It has seven arrays: numbers (float32), integers (int64) and codes (int32), each of all columns of the type end to
    end; the strings, which codes count from 1; where every value stands, its row and its number in it (int64
    [values, 2]); how many values every column has, and its longest row (int64 [columns]).
    """

    signature = (
        tf.TensorSpec([None], tf.float32),
        tf.TensorSpec([None], tf.int64),
        tf.TensorSpec([None], tf.int32),
        tf.TensorSpec([None], tf.string),
        tf.TensorSpec([None, 2], tf.int64),
        tf.TensorSpec([None], tf.int64),
        tf.TensorSpec([None], tf.int64),
    )

    def __init__(self, columns: Sequence[Column]):
        self._columns = columns
        order = sorted(range(len(columns)), key=lambda index: _ORDER.index(columns[index].kind))
        self._order = order
        self._kinds = [columns[index].kind for index in order]
        self._counts = [self._kinds.count(kind) for kind in _ORDER]

    def pack(self, arrays: Sequence[pa.Array]) -> list[np.ndarray]:
        """Return the arrays of columns in the order of `columns`."""
        values: dict[Kind, list[pa.Array]] = {kind: [] for kind in _ORDER}
        places, counts, longest = [], [], []
        for index, kind in zip(self._order, self._kinds, strict=True):
            lengths = arrays[index].value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
            flat = arrays[index].flatten()
            values[kind].append(flat)
            places.append(_places(lengths))
            counts.append(len(flat))
            longest.append(self._columns[index].value_count.fixed or lengths.max(initial=0))  # type: ignore[union-attr]
        codes, strings = _encoded(values[Kind.BYTES])
        return [
            _end_to_end(values[Kind.FLOAT], np.float32),
            _end_to_end(values[Kind.INT], np.int64),
            codes,
            strings,
            np.concatenate(places),
            np.array(counts, np.int64),
            np.array(longest, np.int64),
        ]

    def unpack(
        self,
        rows: tf.Tensor,
        numbers: tf.Tensor,
        integers: tf.Tensor,
        codes: tf.Tensor,
        strings: tf.Tensor,
        places: tf.Tensor,
        counts: tf.Tensor,
        longest: tf.Tensor,
    ) -> dict[str, tf.SparseTensor]:
        """Return every column, by name, as a sparse tensor of shape [rows, longest]; `rows` is a scalar."""
        floats, ints, texts = self._counts
        values: list[tf.Tensor] = []
        if floats:
            values += tf.split(numbers, counts[:floats], num=floats)
        if ints:
            values += tf.split(integers, counts[floats : floats + ints], num=ints)
        if texts:
            values += tf.split(tf.gather(strings, codes), counts[floats + ints :], num=texts)
        indices = tf.split(places, counts, num=len(values))
        return {
            self._columns[index].name: tf.SparseTensor(indices[at], values[at], tf.stack([rows, longest[at]]))
            for at, index in enumerate(self._order)
        }


def _places(lengths: np.ndarray) -> np.ndarray:
    """Return the row of every value and its number in it: int64 [values, 2].

    >>> _places(np.array([2, 0, 1])).tolist()
    [[0, 0], [0, 1], [2, 0]]
    """
    ends = np.cumsum(lengths, dtype=np.int64)
    places = np.empty((int(ends[-1]) if len(ends) else 0, 2), np.int64)
    places[:, 0] = np.repeat(np.arange(len(lengths)), lengths)
    places[:, 1] = np.arange(len(places)) - np.repeat(ends - lengths, lengths)
    return places


def _end_to_end(arrays: Sequence[pa.Array], dtype: type) -> np.ndarray:
    return np.concatenate([values_of(array, dtype) for array in arrays]) if arrays else np.empty(0, dtype)


def _encoded(texts: Sequence[pa.Array]) -> tuple[np.ndarray, np.ndarray]:
    if not texts:
        return np.empty(0, np.int32), np.array([""], object)
    encoded = (texts[0] if len(texts) == 1 else pa.concat_arrays(texts)).dictionary_encode()
    return values_of(encoded.indices, np.int32) + 1, np.array(["", *encoded.dictionary.to_pylist()], object)
