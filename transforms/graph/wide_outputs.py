"""Outputs of a graph that are several columns of the feature matrix: vectors, and lists of ids, which are counted.

A vector `size` of three parts is the columns `size/0` to `size/2`. If the graph has a vocabulary of the output's name,
the columns are called by its words, `genre/Comedy`; what no word has is `genre/(unseen)`.
"""

import collections
import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from tensorflow_metadata.proto.v0 import schema_pb2

from schemas.errors import InputError
from transforms.graph.feature_names import is_feature_name

VECTOR, IDS = "vector", "ids"
MOST_COLUMNS = 10_000
"""Columns of one output; more are no longer a matrix that fits into memory."""
UNSEEN = "(unseen)"
_KINDS = {schema_pb2.FLOAT: "float", schema_pb2.INT: "int"}


@dataclasses.dataclass(frozen=True)
class WideOutput:
    """One output that is the `width` columns of the matrix from `first` on.

    `form` is `vector`, or `ids` for lists of integers, of which `least` is the smallest: a column counts how often a
    row has its id.
    """

    name: str
    form: str
    first: int
    width: int
    least: int = 0

    @property
    def columns(self) -> slice:
        """Where its columns are in the matrix."""
        return slice(self.first, self.first + self.width)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "WideOutput":
        """Return what a file describes; raises `ValueError`, `KeyError` or `TypeError` for what is none."""
        found = cls(value["name"], value["form"], value["first"], value["width"], value.get("least", 0))
        numbers = (found.first, found.width, found.least)
        if found.form not in (VECTOR, IDS) or not is_feature_name(found.name) or {*map(type, numbers)} != {int}:
            raise ValueError("no output")
        return found


def from_json(values: Sequence[Mapping[str, Any]], columns: int) -> tuple[WideOutput, ...]:
    """Return the outputs that a file describes, which lie one behind another in a matrix of so many columns.

    Raises as `WideOutput.from_json` does.
    """
    found = tuple(map(WideOutput.from_json, values))
    end = 0
    for one in found:
        if one.first < end or one.width < 1:
            raise ValueError("outputs that overlap")
        end = one.first + one.width
    if end > columns:
        raise ValueError("an output beyond the matrix")
    return found


def described(
    schema: schema_pb2.Schema, vocabulary: Callable[[str], Sequence[bytes] | None]
) -> dict[str, list[dict[str, Any]]]:
    """Return what a graph's file says of its outputs, as JSON, by the schema that tf.Transform has of them.

    `features` are the columns of the matrix, `wide_outputs` those outputs that are several, if there are any;
    `vocabulary` returns the words of a vocabulary of the graph. Raises `InputError` for too many columns and for two
    of one name.
    """
    features: list[dict[str, Any]] = []
    wide: list[dict[str, Any]] = []
    for feature in sorted(schema.feature, key=lambda feature: feature.name):
        kind = _KINDS[feature.type]
        if feature.HasField("shape") and not feature.shape.dim:
            features.append({"name": feature.name, "kind": kind})
            continue
        output = _wide(feature, len(features))
        wide.append(dataclasses.asdict(output))
        features += [{"name": name, "kind": kind} for name in column_names(output, vocabulary(output.name))]
    names = collections.Counter(feature["name"] for feature in features)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise InputError(f"preprocessing_fn: two columns of the matrix are called {twice[0]!r}; rename an output")
    return {"features": features} | ({"wide_outputs": wide} if wide else {})


def _wide(feature: schema_pb2.Feature, first: int) -> WideOutput:
    if feature.HasField("shape"):
        output = WideOutput(feature.name, VECTOR, first, feature.shape.dim[0].size)
    else:
        least, most = feature.int_domain.min, feature.int_domain.max
        output = WideOutput(feature.name, IDS, first, most - least + 1, least)
    if output.width > MOST_COLUMNS:
        raise InputError(
            f"preprocessing_fn: output {output.name!r} is {output.width:,} columns of the matrix, wanted at most "
            f"{MOST_COLUMNS:,}; keep the most frequent words with top_k, or make buckets"
        )
    return output


def counted(ids: pa.ListArray, output: WideOutput) -> np.ndarray:
    """Return how often every row has each id: float32 [rows, width], as the matrix has it.

    Raises `InputError` for an id outside the output's range.

    >>> lists = pa.array([[0, 2, 2], None, [1]], pa.list_(pa.int64()))
    >>> counted(lists, WideOutput("genre", IDS, 0, 3)).tolist()
    [[1.0, 0.0, 2.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    rows = len(ids)
    lengths = ids.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    places = ids.flatten().to_numpy(zero_copy_only=False).astype(np.int64) - output.least
    if len(places) and not 0 <= places.min() <= places.max() < output.width:
        raise InputError(
            f"graph: output {output.name!r} has an id outside {output.least} to {output.least + output.width - 1}, "
            "which its vocabulary or buckets have; give ids as tf.Transform makes them"
        )
    flat = np.repeat(np.arange(rows) * output.width, lengths) + places
    return np.bincount(flat, minlength=rows * output.width).reshape(rows, output.width).astype(np.float32)


def column_names(output: WideOutput, words: Sequence[bytes] | None) -> list[str]:
    """Return the names of an output's columns; `words` are those of the vocabulary of its name, None without one.

    Ids below 0 stand for what no word has, as do those behind the words.

    >>> column_names(WideOutput("genre", IDS, 0, 4), [b"Drama", b"Comedy"])
    ['genre/Drama', 'genre/Comedy', 'genre/(unseen)', 'genre/(unseen 1)']
    >>> column_names(WideOutput("genre", VECTOR, 0, 4), [b"Drama", b"(no)"])
    ['genre/Drama', 'genre/"(no)"', 'genre/(unseen)', 'genre/(3)']
    >>> column_names(WideOutput("size", VECTOR, 0, 2), None)
    ['size/0', 'size/1']
    """
    before = max(0, -output.least)
    if words is None or len(words) > output.width - before:
        return [f"{output.name}/{place}" for place in range(output.least, output.least + output.width)]
    after = output.width - before - len(words)
    more = "(unseen {})" if output.form == IDS else "({})"
    start = before if output.form == IDS else len(words)
    others = [UNSEEN if not at and not before else more.format(start + at) for at in range(after)]
    named = [*([UNSEEN] * before)[:1], *(f"(unseen {at})" for at in range(1, before)), *map(_word, words), *others]
    return [f"{output.name}/{name}" for name in named]


def _word(word: bytes) -> str:
    """Return a word of a vocabulary as a name has it: what could be taken for one of ours, or is no text, in quotes."""
    text = word.decode("utf-8", "backslashreplace")
    return json.dumps(text, ensure_ascii=False) if text[:1] in ("(", '"') or not is_feature_name(text) else text
