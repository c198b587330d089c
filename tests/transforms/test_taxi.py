"""The taxi use case: TFX's label to the row, features as described."""

import numpy as np
import pyarrow as pa
import pytest

from tests.support.small_artifacts import build_graph
from transforms import taxi as taxi_transform
from transforms.graph.graph import TransformGraph
from transforms.intake.split import assign_splits


def test_label_is_that_of_tfx(trips):
    label = taxi_transform.label(trips)
    assert label.dtype == np.float32
    assert int(label.sum()) == 3_382
    assert len(label) == 15_002


def test_label_is_counted_in_float32():
    """20 cents on a dollar: in float64 float32's 0.2 is more than 0.2, in float32, as TFX counts, it is not."""
    tips, fare = np.float32(0.2), np.float32(1.0)
    assert float(tips) > 0.2 * float(fare)
    batch = pa.record_batch({"tips": pa.array([tips], pa.float32()), "fare": pa.array([fare], pa.float32())})
    assert taxi_transform.label(batch).tolist() == [0.0]


def test_row_without_tip_or_fare_has_no_label():
    batch = pa.record_batch({"tips": pa.array([None, 1.0], pa.float32()), "fare": pa.array([1.0, None], pa.float32())})
    assert np.isnan(taxi_transform.label(batch)).all()


def test_label_is_no_serving_input(taxi):
    assert "tips" not in taxi.schema.environment("SERVING")
    assert taxi_transform.WINDOWS == ()


def test_features(taxi, taxi_graph, trips):
    rows = trips.slice(0, 2000)
    train = rows.filter(pa.array(assign_splits(rows, taxi.schema, taxi.model.split) == 0))  # what a build analyzes
    graph = TransformGraph.load(taxi_graph)
    features = dict(zip(graph.feature_names, graph.apply(train).T, strict=True))
    assert len(features) == 16
    for name in ("trip_miles", "fare", "trip_seconds"):
        values = train.column(name).fill_null(0).to_numpy().astype(np.float64)
        assert features[name] == pytest.approx((values - values.mean()) / values.std(), abs=2e-5)
    for name in ("pickup_latitude", "dropoff_longitude"):
        assert set(features[name]) <= set(range(10))
    hours = train.column("trip_start_hour").to_numpy()
    assert features["trip_start_hour"].tolist() == hours.tolist()


def test_unseen_strings_and_tracts_go_to_the_last_buckets(taxi_graph, trips):
    graph = TransformGraph.load(taxi_graph)
    seen = len((taxi_graph / "transform_fn" / "assets" / "company").read_text().splitlines())
    row = trips.slice(0, 1).drop_columns(["company", "dropoff_census_tract"])
    row = row.append_column("company", pa.array(["Unheard Of Cabs"]))
    row = row.append_column("dropoff_census_tract", pa.array([17_031_999_999]))
    features = dict(zip(graph.feature_names, graph.apply(row)[0], strict=True))
    assert seen <= features["company"] < seen + 10
    tracts = len((taxi_graph / "transform_fn" / "assets" / "dropoff_census_tract").read_text().splitlines())
    assert tracts <= features["dropoff_census_tract"] < tracts + 10


def test_all_values_missing_gives_finite_features(taxi, taxi_graph):
    schema = taxi.schema.environment("SERVING").arrow_schema
    row = pa.RecordBatch.from_arrays([pa.nulls(1, field.type) for field in schema], schema=schema)
    assert np.isfinite(TransformGraph.load(taxi_graph).apply(row)).all()


@pytest.mark.needs_data
def test_z_scores_and_vocabularies_are_those_of_tfx(taxi, data_folder, tmp_path):
    """TFX's own statistics over its train split: see the data's README."""
    import tensorflow as tf

    folder = data_folder / "chicago_taxi" / "tfx_testdata" / "csv_example_gen" / "Split-train"
    records = [r for f in sorted(folder.iterdir()) for r in tf.data.TFRecordDataset(str(f), "GZIP").as_numpy_iterator()]
    schema = taxi.schema.environment("SERVING").arrow_schema
    columns: dict[str, list] = {field.name: [] for field in schema}
    for record in records:
        values = tf.train.Example.FromString(record).features.feature
        for field in schema:
            found = [*values[field.name].float_list.value, *values[field.name].int64_list.value]
            found += [text.decode() for text in values[field.name].bytes_list.value]
            columns[field.name].append(found[0] if found else None)
    batch = pa.RecordBatch.from_pydict(columns, schema=schema)
    assert batch.num_rows == 9_909
    graph = build_graph(taxi.preprocessing_fn, taxi.schema.environment("SERVING"), [batch], tmp_path / "graph")
    payment = (graph / "transform_fn" / "assets" / "payment_type").read_text().splitlines()
    assert payment[:4] == ["Cash", "Credit Card", "No Charge", "Unknown"]
    assert len((graph / "transform_fn" / "assets" / "company").read_text().splitlines()) == 53
    loaded = TransformGraph.load(graph)
    features = dict(zip(loaded.feature_names, loaded.apply(batch).T, strict=True))
    miles = batch.column("trip_miles").fill_null(0).to_numpy()
    assert features["trip_miles"] == pytest.approx((miles - 2.7062286790) / 6.0181310497, abs=1e-5)
    fare = batch.column("fare").fill_null(0).to_numpy()
    assert features["fare"] == pytest.approx((fare - 11.6607972562) / 10.1413648658, abs=1e-5)
