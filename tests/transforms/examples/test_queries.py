"""The query of an example, as every reader of `tf.train.Example` sees it."""

import numpy as np
import pytest
import tensorflow as tf

from schemas.errors import ArtifactError
from transforms.examples.examples import ExampleDecoder, ExampleEncoder
from transforms.examples.queries import QueryDecoder, with_query
from transforms.examples.weights import with_weight

QUERIES = np.array([0, 1, 127, 128, 2**40 + 5, 2**63 - 1])


def test_it_is_plain_protobuf_beside_features_label_and_weight() -> None:
    encoder = ExampleEncoder(["fare"], ["float"])
    plain = encoder.encode(np.arange(6, dtype=np.float32)[:, None], np.ones(6, np.float32))
    examples = with_query(with_weight(plain, np.full(6, 2.5, np.float32)), QUERIES)
    parsed = [tf.train.Example.FromString(example).features.feature for example in examples]
    assert [one["example.query"].int64_list.value[0] for one in parsed] == QUERIES.tolist()
    assert [one["example.weight"].float_list.value[0] for one in parsed] == [2.5] * 6
    assert QueryDecoder().decode(examples).tolist() == QUERIES.tolist()
    features, label, *_ = ExampleDecoder(["fare"], ["float"]).decode(examples)
    assert (features[:, 0].tolist(), label.tolist()) == ([0, 1, 2, 3, 4, 5], [1] * 6)


def test_an_example_without_one_is_one_line() -> None:
    with pytest.raises(ArtifactError, match=r"'example.query' has not one value in every row; build the training set"):
        QueryDecoder().decode([b"", *with_query([b""], np.array([3]))])
