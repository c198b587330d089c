"""Examples: exact round trips, and plain protobuf to every reader."""

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import ArtifactError
from transforms.examples.examples import ExampleDecoder, ExampleEncoder

NAMES, KINDS, SLICES = ("fare", "hour", "rank"), ("float", "int", "int"), ("company", "hour")


def encoder() -> ExampleEncoder:
    return ExampleEncoder(NAMES, KINDS, SLICES)


def sample():
    features = np.array([[1.5, 3, 2**24], [-0.0, 0, -(2**24)], [np.nan, 23, 7]], np.float32)
    slices = {"company": pa.array(["Ünïcode", None, ""]), "hour": pa.array([3, None, 23], pa.int64())}
    return features, np.array([1, 0, 1], np.float32), slices


def test_round_trip():
    features, label, slices = sample()
    examples = encoder().encode(features, label, slices)
    got, got_label, got_slices, *_ = ExampleDecoder(NAMES, KINDS, SLICES).decode(examples)
    assert got.tobytes() == features.tobytes()
    assert got_label.tolist() == [1, 0, 1]
    assert got_slices["company"].tolist() == ["Ünïcode", None, ""]
    assert got_slices["hour"].tolist() == ["3", None, "23"]


def test_protobuf_reads_it_field_by_field():
    example = tf.train.Example.FromString(encoder().encode(*sample())[0])
    feature = example.features.feature
    assert set(feature) == {"fare", "hour", "rank", "label", "slice.company", "slice.hour"}
    assert list(feature["fare"].float_list.value) == [1.5]
    assert list(feature["rank"].int64_list.value) == [2**24]
    assert list(feature["label"].float_list.value) == [1.0]
    assert list(feature["slice.company"].bytes_list.value) == ["Ünïcode".encode()]


def test_parse_example_reads_it():
    features, label, slices = sample()
    spec = {
        "fare": tf.io.FixedLenFeature([], tf.float32),
        "rank": tf.io.FixedLenFeature([], tf.int64),
        "label": tf.io.FixedLenFeature([], tf.float32),
        "slice.company": tf.io.VarLenFeature(tf.string),
    }
    parsed = tf.io.parse_example(encoder().encode(features, label, slices), spec)
    assert parsed["fare"].numpy().tobytes() == np.ascontiguousarray(features[:, 0]).tobytes()
    assert parsed["rank"].numpy().tolist() == [2**24, -(2**24), 7]
    assert parsed["label"].numpy().tolist() == [1, 0, 1]
    assert parsed["slice.company"].values.numpy().tolist() == ["Ünïcode".encode(), b""]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(width=32, allow_nan=False),
            st.integers(-(2**24), 2**24),
            st.one_of(st.none(), st.text(max_size=200)),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_any_values_come_back(rows):
    features = np.array([[number, integer, 0] for number, integer, _ in rows], np.float32)
    slices = {"company": pa.array([text for *_, text in rows], pa.string()), "hour": pa.nulls(len(rows), pa.string())}
    examples = encoder().encode(features, np.zeros(len(rows), np.float32), slices)
    got, _, got_slices, *_ = ExampleDecoder(NAMES, KINDS, SLICES).decode(examples)
    assert got.tobytes() == features.tobytes()
    assert got_slices["company"].tolist() == [text for *_, text in rows]


def test_many_features_make_a_long_length():
    names = [f"a_rather_long_feature_name_{place}" for place in range(800)]
    features = np.arange(1600, dtype=np.float32).reshape(2, 800)
    examples = ExampleEncoder(names, ["float"] * 800).encode(features, np.zeros(2, np.float32))
    assert ExampleDecoder(names, ["float"] * 800).decode(examples)[0].tobytes() == features.tobytes()


def test_no_rows():
    examples = ExampleEncoder(NAMES, KINDS).encode(np.empty((0, 3), np.float32), np.empty(0, np.float32))
    assert examples == []


def test_example_without_a_feature_is_refused():
    examples = ExampleEncoder(NAMES[:2], KINDS[:2]).encode(np.zeros((2, 2), np.float32), np.zeros(2, np.float32))
    with pytest.raises(ArtifactError, match="'rank' has not one value in every row"):
        ExampleDecoder(NAMES, KINDS).decode(examples)
