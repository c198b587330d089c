"""Make small artifacts quickly: graph, training set, candidate.

The training set is written with the same parts that `build_training_set` uses, but for the pipeline around them.
"""

import itertools
import pathlib

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.csv
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from tensorflow_metadata.proto.v0 import statistics_pb2

from models.evaluation.evaluation import evaluate_candidate
from models.training.training import overridden, train_candidate
from models.training.training_set import FORMAT, TrainingSet
from models.use_case import UseCase
from schemas import fingerprint
from schemas.artifacts import artifact
from transforms.examples.examples import ExampleEncoder
from transforms.examples.tfrecord import SUFFIXES, ShardWriter
from transforms.graph.analysis import AnalyzeGraph, graph_fingerprint
from transforms.graph.graph import TransformGraph

ROOT = pathlib.Path(__file__).parents[2]
FAST = {"nthread": 1, "max_depth": 3, "eta": 0.3}


def with_fact(path: pathlib.Path, kind: str, name: str, value: object) -> None:
    """Give a completed artifact another fact, and the marker that goes with it."""
    facts = dict(artifact.open_artifact(path, kind).manifest) | {name: value}
    artifact.complete(path, kind, {name: fact for name, fact in facts.items() if name not in ("kind", "files")})


def read_trips(use_case: UseCase, rows: int | None = None) -> pa.RecordBatch:
    """Return the shipped trips as one raw batch."""
    types = {column.name: column.arrow_type for column in use_case.schema.columns}
    options = pyarrow.csv.ConvertOptions(column_types=types, strings_can_be_null=True)
    table = pyarrow.csv.read_csv(ROOT / "schemas" / "data" / "taxi.csv.gz", convert_options=options)
    table = table.select(use_case.schema.names)
    return table.slice(0, rows).combine_chunks().to_batches()[0]


def build_graph(preprocessing_fn, schema, batches, output: pathlib.Path) -> pathlib.Path:
    """Analyze raw batches; return the graph directory."""
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        _ = (
            pipeline
            | "Create Batches" >> beam.Create(batches, reshuffle=False)
            | "Analyze Graph" >> AnalyzeGraph(preprocessing_fn, schema, str(output), str(output) + ".temp")
        )
    return output


def write_training_set(use_case: UseCase, graph: pathlib.Path, rows: pa.RecordBatch, output: pathlib.Path) -> None:
    """Write a training set of three splits in the order of the rows: 60 %, 20 %, 20 %."""
    path = artifact.create(output, "training_set")
    loaded = TransformGraph.load(graph)
    slices = use_case.model.slices
    encoder = ExampleEncoder(loaded.feature_names, loaded.feature_kinds, slices)
    ends = {"train": 0.6, "eval": 0.8, "test": 1.0}
    shards, counts, means, start = {}, {}, {}, 0
    for split, end in ends.items():
        part = rows.slice(start, int(rows.num_rows * end) - start)
        start += part.num_rows
        label = use_case.label(part)
        writer = ShardWriter(path / f"{split}-00000-of-00001.tfrecord{SUFFIXES['gzip']}", "gzip")
        writer.write(encoder.encode(loaded.apply(part), label, {name: part.column(name) for name in slices}))
        shard = writer.close()
        shards[split], counts[split] = [{"name": shard.name, "rows": shard.rows}], shard.rows
        means[split] = float(label.mean())
    (path / "statistics").mkdir()
    (path / "statistics" / "train.pb").write_bytes(statistics_of(rows).SerializeToString())
    (path / "schema.pbtxt").write_text(use_case.schema.text())
    for file in graph.rglob("*"):
        if file.is_file():
            target = path / "graph" / file.relative_to(graph)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    facts = {
        "format": FORMAT,
        "use_case": use_case.name,
        "rows": {"read": rows.num_rows, **counts, "rejected": 0},
        "shards": shards,
        "feature_names": list(loaded.feature_names),
        "feature_kinds": list(loaded.feature_kinds),
        "slices": list(slices),
        "compression": "gzip",
        "schema_fingerprint": use_case.schema.fingerprint,
        "graph_fingerprint": graph_fingerprint(graph),
        "label_mean": means,
        "rejections": [],
    }
    artifact.complete(path, "training_set", {**facts, "fingerprint": fingerprint.of_json(facts)})


def statistics_of(rows: pa.RecordBatch) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Return as much of the statistics as golden rows are drawn from."""
    statistics = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = statistics.datasets.add(name="train", num_examples=rows.num_rows)
    for name, column in zip(rows.schema.names, rows.columns, strict=True):
        feature = dataset.features.add()
        feature.path.step.append(name)
        is_text = pa.types.is_string(column.type)
        common = (feature.string_stats if is_text else feature.num_stats).common_stats
        common.num_missing, common.num_non_missing = column.null_count, len(column) - column.null_count
        values = column.drop_null()
        if is_text:
            for count in sorted(values.value_counts().to_pylist(), key=lambda count: -count["counts"])[:20]:
                feature.string_stats.top_values.add(value=count["values"], frequency=count["counts"])
        elif len(values):
            histogram = feature.num_stats.histograms.add(type=statistics_pb2.Histogram.QUANTILES)
            edges = np.quantile(values.to_numpy(), np.linspace(0, 1, 11))
            for low, high in itertools.pairwise(edges):
                histogram.buckets.add(low_value=low, high_value=high, sample_count=len(values) / 10)
    return statistics


def make_candidate(use_case: UseCase, training_set: pathlib.Path, output: pathlib.Path, seed: int = 1) -> pathlib.Path:
    """Train quickly and evaluate; return the candidate."""
    opened = TrainingSet.open(training_set)
    spec = overridden(use_case.model, seed=seed, parameters={**FAST, "subsample": 0.5})
    train_candidate(use_case.name, spec, opened, output)
    evaluate_candidate(output, opened)
    return output
