"""The schema behind treatments: what each leaves of its column."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from tensorflow_metadata.proto.v0 import schema_pb2

from schemas.column import Column, Kind
from schemas.personal.treating import bucket_starts
from schemas.personal.treatment import BUCKET, DROP, HASH, HASH_BITS, HASHED, TRUNCATE, Treatment
from schemas.schema import Schema, is_column


def left(schema: Schema, found: Mapping[str, Treatment]) -> Schema:
    """Return the schema that treatments, by column, leave of a schema."""
    proto = schema_pb2.Schema()
    proto.CopyFrom(schema.proto)
    del proto.feature[:]
    by_name = {column.name: column for column in schema.columns}
    for feature in filter(is_column, schema.proto.feature):
        one = found.get(feature.name)
        kept = feature if one is None else _left_by(one, by_name[feature.name], feature)
        if kept is not None:
            proto.feature.append(kept)
    return Schema(proto)


def _left_by(one: Treatment, column: Column, feature: schema_pb2.Feature) -> schema_pb2.Feature | None:
    """Return the feature that a treatment leaves of a column, None if it drops it.

    How values are written no longer matters behind decoding; limits and domain are those of what is left.
    """
    if one.word == DROP:
        return None
    left = schema_pb2.Feature()
    left.CopyFrom(feature)
    if not one.acts:
        return left
    for field in (feature.WhichOneof("domain_info"), "distribution_constraints", "unique_constraints"):
        if field is not None:
            left.ClearField(field)
    times = [tag for tag in feature.annotation.tag if one.period and tag.startswith("time:")]
    left.annotation.tag[:] = [tag for tag in column.roles if not tag.startswith("personal:")] + times
    if one.word == HASH:
        left.annotation.tag.append(HASHED)
        if column.kind is Kind.INT:
            left.int_domain.min, left.int_domain.max = 0, 2**HASH_BITS - 1
    elif one.word == TRUNCATE and column.domain is not None:
        left.string_domain.value[:] = sorted({text[: one.length] for text in column.domain})
    elif one.word == BUCKET:
        _limit(left, one, column)
    return left


def _limit(left: schema_pb2.Feature, one: Treatment, column: Column) -> None:
    limits = [
        None if limit is None else bucket_starts(_values_of([limit], column), one).tolist()[0]
        for limit in (column.minimum, column.maximum)
    ]
    domain = left.int_domain if column.kind is Kind.INT else left.float_domain
    for name, limit in zip(("min", "max"), limits, strict=True):
        if limit is not None and math.isfinite(limit):
            setattr(domain, name, limit)


def _values_of(values: Sequence[float], column: Column) -> np.ndarray:
    if column.kind is Kind.INT:
        return np.array([min(max(math.floor(value), -(2**63)), 2**63 - 1) for value in values], np.int64)
    return np.array(values, np.float32)
