"""The taxi graph, built from TFX's own examples, gives TFX's own transformed examples."""

import collections

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from schemas.schema import SERVING, Schema
from tests.support.small_artifacts import build_graph
from tests.tfx import taxi
from transforms.graph.graph import TransformGraph

SPLITS = ("train", "eval")
EXACT = [f"{name}_xf" for name in (*taxi.AS_THEY_ARE, *taxi.VOCABULARIES)]
_SCALED_WITHIN, _BUCKETS_WITHIN = 2e-5, 0.01


def _columns(files, names):
    """Return the columns of gzipped TFRecord files of examples: one value per row, None where a list is empty."""
    found = collections.defaultdict(list)
    for record in tf.data.TFRecordDataset([str(file) for file in files], "GZIP").as_numpy_iterator():
        features = tf.train.Example.FromString(record).features.feature
        for name in names:
            kind = features[name].WhichOneof("kind")
            values = getattr(features[name], kind).value if kind else ()
            found[name].append(values[0] if values else None)
    return found


@pytest.fixture(scope="module")
def schema(data_folder) -> Schema:
    """The curated schema of the sample, as TFX's users have it."""
    text = (data_folder / "chicago_taxi" / "tfx_testdata" / "schema_gen" / "schema.pbtxt").read_text()
    inferred = Schema.from_text(text, "schema.pbtxt")
    features = []
    for column in inferred.columns:
        only = ' in_environment: "TRAINING"' if column.name == "tips" else ""
        features.append(f'feature {{ name: "{column.name}" type: {column.kind.name}{only} }}')
    return Schema.from_text("\n".join(features))


@pytest.fixture(scope="module")
def examples(data_folder, schema) -> dict[str, pa.RecordBatch]:
    """TFX's examples, by its split."""
    found = {}
    for split in SPLITS:
        folder = data_folder / "chicago_taxi" / "tfx_testdata" / "csv_example_gen" / f"Split-{split}"
        columns = _columns(sorted(folder.iterdir()), schema.names)
        decoded = {
            name: [value.decode() if isinstance(value, bytes) else value for value in values]
            for name, values in columns.items()
        }
        found[split] = pa.RecordBatch.from_pydict(decoded, schema.arrow_schema)
    return found


@pytest.fixture(scope="module")
def ours(examples, schema, tmp_path_factory) -> dict[str, dict[str, np.ndarray]]:
    """What our graph makes of them, analyzed over its train split in batches as a build has them."""
    rows = examples["train"]
    batches = [rows.slice(start, 2000) for start in range(0, rows.num_rows, 2000)]
    path = build_graph(taxi.preprocessing_fn, schema.environment(SERVING), batches, tmp_path_factory.mktemp("t") / "g")
    graph = TransformGraph.load(path)
    found = {}
    for split, batch in examples.items():
        features = dict(zip(graph.feature_names, graph.apply(batch).T, strict=True))
        found[split] = {**features, "tips_xf": taxi.label(batch)}
    found["terms"] = {
        name: (path / "transform_fn" / "assets" / name).read_text().splitlines() for name in taxi.VOCABULARIES
    }
    return found


@pytest.fixture(scope="module")
def theirs(data_folder, ours) -> dict[str, dict[str, np.ndarray]]:
    """What TFX made of them."""
    found = {}
    for split in SPLITS:
        folder = data_folder / "chicago_taxi" / "tfx_testdata" / "transform" / "transformed_examples"
        columns = _columns(sorted((folder / f"Split-{split}").iterdir()), ours[split])
        found[split] = {name: np.array(values, np.float32) for name, values in columns.items()}
    return found


@pytest.mark.needs_data
@pytest.mark.parametrize("split", SPLITS)
def test_rows_are_the_same_in_all_that_is_whole(ours, theirs, split):
    rows = []
    for side in (ours[split], theirs[split]):
        rows.append(collections.Counter(zip(*(side[name].tolist() for name in [*EXACT, "tips_xf"]), strict=True)))
    assert rows[0] == rows[1]
    assert sum(rows[0].values()) == {"train": 9909, "eval": 5091}[split]


@pytest.mark.needs_data
@pytest.mark.parametrize("split", SPLITS)
def test_scores_of_every_row_are_near(ours, theirs, split):
    """Rows that are the same in all else are compared in order of the scores, which therefore belong together."""
    names = [*EXACT, "tips_xf"]
    ordered = []
    for side in (ours[split], theirs[split]):
        scaled = [side[f"{name}_xf"] for name in taxi.SCALED]
        whole = [side[name] for name in names]
        order = np.lexsort([*(score.round(3) for score in scaled), *whole])
        ordered.append(np.stack(scaled)[:, order])
    apart = np.abs(ordered[0].astype(np.float64) - ordered[1])
    assert apart.max() <= _SCALED_WITHIN


@pytest.mark.needs_data
def test_vocabularies_are_the_same_in_the_same_order(ours, data_folder):
    folder = data_folder / "chicago_taxi" / "tfx_testdata" / "transform"
    for name in taxi.VOCABULARIES:
        assert ours["terms"][name] == (folder / f"vocab_{name}.txt").read_text().splitlines()


@pytest.mark.needs_data
@pytest.mark.parametrize("split", SPLITS)
def test_buckets_hold_as_many_rows(ours, theirs, split):
    for name in taxi.BUCKETED:
        counts = [np.bincount(side[split][f"{name}_xf"].astype(int), minlength=10) for side in (ours, theirs)]
        assert len(counts[0]) == len(counts[1]) == 10
        assert np.abs(counts[0] - counts[1]).max() <= _BUCKETS_WITHIN * counts[0].sum(), name
