"""Examples read without TensorFlow are what TensorFlow reads."""

import subprocess
import sys
from typing import Any

import pytest
import tensorflow as tf
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.examples.example_values import example_values

FLOATS = st.lists(st.floats(width=32, allow_nan=False), max_size=5)
INTEGERS = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5)
BYTES = st.lists(st.binary(max_size=20), max_size=5)
FEATURES = st.dictionaries(
    st.text(st.characters(codec="utf-8"), max_size=10),
    st.one_of(
        st.tuples(st.just("float_list"), FLOATS),
        st.tuples(st.just("int64_list"), INTEGERS),
        st.tuples(st.just("bytes_list"), BYTES),
    ),
    max_size=6,
)


def by_tensorflow(record: bytes) -> dict[str, list[Any]] | None:
    """What TensorFlow reads, None for what it refuses."""
    try:
        example = tf.train.Example.FromString(record)
    except DecodeError:
        return None
    return {
        name: list(getattr(one, which).value) if (which := one.WhichOneof("kind")) else []
        for name, one in sorted(example.features.feature.items())
    }


def ours(record: bytes) -> dict[str, list[Any]] | None:
    try:
        return example_values(record)
    except ValueError:
        return None


@given(FEATURES, st.data())
@settings(max_examples=100, deadline=None)
def test_as_tensorflow_reads_it(features: dict[str, tuple[str, list]], data: st.DataObject) -> None:
    example = tf.train.Example()
    for name, (kind, values) in features.items():
        getattr(example.features.feature[name], kind).value.extend(values)
    record = example.SerializeToString()
    assert ours(record) == by_tensorflow(record) == {name: values for name, (_, values) in sorted(features.items())}
    cut = record[: data.draw(st.integers(0, len(record)))]
    assert repr(ours(cut)) == repr(by_tensorflow(cut))
    for merged in (record + record, record + cut):
        assert repr(ours(merged)) == repr(by_tensorflow(merged))


@given(st.binary(max_size=60))
@settings(max_examples=200, deadline=None)
def test_whatever_arrives_is_read_or_refused_as_tensorflow_does(record: bytes) -> None:
    assert repr(ours(record)) == repr(by_tensorflow(record))


@pytest.mark.parametrize("record", [b"\x0a\xff", b"x", b"\x0a\x05\x0a\x03\x0a\x01\xff"])
def test_no_example(record: bytes) -> None:
    with pytest.raises(ValueError, match=r"^not a tf\.train\.Example$"):
        example_values(record)
    assert by_tensorflow(record) is None


def test_without_tensorflow() -> None:
    program = "import sys; from transforms.examples.example_values import example_values as e; e(b''); "
    program += "import transforms.examples.tfrecord; print({'tensorflow', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("set()\n", "")
