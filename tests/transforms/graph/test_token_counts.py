"""Tokens counted per batch: the vocabularies that tf.Transform makes by itself."""

import numpy as np
import pyarrow as pa
import pytest
import tensorflow_transform as tft
from tensorflow_transform import analyzer_nodes
from tensorflow_transform.beam import analyzer_impls, common

from schemas.schema import Schema
from tests.support.small_artifacts import build_graph
from tests.transforms.graph.test_analysis import files
from transforms.graph import token_counts
from transforms.missing import fill

SCHEMA = Schema.from_text(
    'feature { name: "company" type: BYTES } feature { name: "area" type: INT } feature { name: "fare" type: FLOAT }'
)


def preprocessing_fn(inputs):
    company, area, fare = fill(inputs["company"], ""), fill(inputs["area"], -1), fill(inputs["fare"], 0.0)
    return {
        "company": tft.compute_and_apply_vocabulary(company, frequency_threshold=2, num_oov_buckets=1),
        "top": tft.compute_and_apply_vocabulary(company, top_k=3),
        "area": tft.compute_and_apply_vocabulary(area),
        "weighted": tft.compute_and_apply_vocabulary(company, weights=fare),
    }


def batches() -> list[pa.RecordBatch]:
    random = np.random.default_rng(1)
    words = [None, "", *"abcdefgh", "a b", "ü", "line\nfeed"]
    columns = [
        pa.array(random.choice(np.array(words, object), 900), pa.string()),
        pa.array(random.integers(0, 9, 900), mask=random.random(900) < 0.1),
        pa.array(random.random(900), pa.float32()),
    ]
    batch = pa.record_batch(columns, ["company", "area", "fare"])
    return [batch.slice(start, 70) for start in range(0, 900, 70)]


def each_once(batch):
    return [(token, 1) for token in set(batch[0].tolist())]


@pytest.mark.needs_time
def test_the_vocabularies_are_tf_transforms_own(tmp_path, monkeypatch):
    ours = build_graph(preprocessing_fn, SCHEMA, batches(), tmp_path / "ours" / "graph")
    register = common.register_ptransform(analyzer_nodes.VocabularyAccumulate)
    with monkeypatch.context() as patched:
        patched.setattr(token_counts, "install", lambda: register(analyzer_impls._VocabularyAccumulateImpl))
        patched.setattr(token_counts, "counts", pytest.fail)
        theirs = build_graph(preprocessing_fn, SCHEMA, batches(), tmp_path / "theirs" / "graph")
    assert len([name for name in files(ours) if "assets/" in name]) == 4
    assert files(ours) == files(theirs)
    with monkeypatch.context() as patched:
        patched.setattr(token_counts, "counts", each_once)  # ours is what counts
        others = build_graph(preprocessing_fn, SCHEMA, batches(), tmp_path / "others" / "graph")
    assert files(others) != files(ours)
