"""Shards: TensorFlow reads ours, we read TensorFlow's, and a changed byte is found."""

import gzip

import numpy as np
import pytest
import tensorflow as tf

from schemas.errors import ArtifactError, InputError
from transforms.examples.examples import ExampleEncoder
from transforms.examples.tfrecord import SUFFIXES, ShardWriter, read_shard

RECORDS = [b"", b"a", *(bytes([number % 251]) * number for number in range(1, 3000, 7))]


def written(folder, compression, records=RECORDS):
    path = folder / f"train-00000-of-00001.tfrecord{SUFFIXES[compression]}"
    writer = ShardWriter(path, compression)
    writer.write(records[:100])
    writer.write(records[100:])
    return path, writer.close()


@pytest.mark.parametrize("compression", SUFFIXES)
def test_round_trip(tmp_path, compression):
    path, shard = written(tmp_path, compression)
    assert (shard.name, shard.rows, shard.size) == (path.name, len(RECORDS), path.stat().st_size)
    assert [record for block in read_shard(path) for record in block] == RECORDS
    assert [path.name for path in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("compression", SUFFIXES)
def test_tf_data_reads_examples(tmp_path, compression):
    features = np.array([[0.5, 3], [1.5, 4]], np.float32)
    examples = ExampleEncoder(["fare", "hour"], ["float", "int"]).encode(features, np.array([0, 1], np.float32))
    path, _ = written(tmp_path, compression, examples)
    kind = "GZIP" if compression == "gzip" else ""
    spec = {
        "fare": tf.io.FixedLenFeature([], tf.float32),
        "hour": tf.io.FixedLenFeature([], tf.int64),
        "label": tf.io.FixedLenFeature([], tf.float32),
    }
    data = tf.data.TFRecordDataset([str(path)], compression_type=kind).batch(2)
    (parsed,) = [tf.io.parse_example(batch, spec) for batch in data]
    assert parsed["fare"].numpy().tolist() == [0.5, 1.5]
    assert parsed["hour"].numpy().tolist() == [3, 4]
    assert parsed["label"].numpy().tolist() == [0, 1]


def test_same_records_are_same_bytes(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        written(tmp_path / name, "gzip")
    one, two = ((tmp_path / name / "train-00000-of-00001.tfrecord.gz").read_bytes() for name in ("one", "two"))
    assert one == two


def test_records_larger_than_a_block(tmp_path):
    records = [b"x" * 5_000_000, b"y", b"z" * 3_000_000]
    path, _ = written(tmp_path, "gzip", records)
    assert [record for block in read_shard(path) for record in block] == records


@pytest.mark.parametrize("place", [3, 9, 12, 5_000, -2])
def test_changed_byte_is_found(tmp_path, place):
    path, _ = written(tmp_path, "none")
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArtifactError, match=r"checksum|in the middle of a record"):
        list(read_shard(path))


@pytest.mark.parametrize("compression", SUFFIXES)
def test_cut_file_is_found(tmp_path, compression):
    path, _ = written(tmp_path, compression)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ArtifactError, match="in the middle of a record"):
        list(read_shard(path))


def test_not_gzip(tmp_path):
    path = tmp_path / "x.tfrecord.gz"
    path.write_bytes(b"plain text, no gzip")
    with pytest.raises(ArtifactError, match="not a gzip file"):
        list(read_shard(path))


def test_unfinished_shard_has_no_name(tmp_path):
    path = tmp_path / "train-00000-of-00001.tfrecord.gz"
    writer = ShardWriter(path)
    writer.write([b"a"])
    assert not path.exists()
    writer.close()
    assert list(tmp_path.iterdir()) == [path]


def test_unknown_compression(tmp_path):
    with pytest.raises(InputError, match="compression is 'snappy', wanted one of gzip, none"):
        ShardWriter(tmp_path / "x", "snappy")


def test_data_after_the_end_of_gzip_is_found(tmp_path):
    path, _ = written(tmp_path, "gzip")
    path.write_bytes(path.read_bytes() + gzip.compress(b"more"))
    with pytest.raises(ArtifactError, match="more data after the end"):
        list(read_shard(path))
