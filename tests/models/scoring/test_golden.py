"""Golden rows: they cover what was seen of every column and its edges, and hold nothing that would be rejected."""

import pathlib
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from models.families.boosting import xgb
from models.families.family import FeatureColumns, Split
from models.registry.registry import Registry
from models.scoring import golden
from models.scoring.golden_values import GoldenValues
from models.scoring.scorer import Scorer
from models.spec import ModelSpec
from schemas.artifacts import artifact
from schemas.errors import ArtifactError
from schemas.personal.treatments import Treatments
from schemas.schema import Schema
from schemas.statistics.columns import ColumnStatistics, NumberStatistics
from schemas.validation import validate
from tests.support.file_limit import no_file_can_be_opened
from tests.support.small_artifacts import FAST, build_graph
from transforms.graph.graph import TransformGraph
from transforms.missing import fill

SCHEMA = Schema.from_text("""
feature { name: "at" type: INT presence { min_fraction: 1 } annotation { tag: "event_time:s" } }
feature { name: "amount" type: FLOAT presence { min_fraction: 1 } }
feature { name: "income" type: FLOAT }
feature { name: "longitude" type: FLOAT float_domain { min: -180 max: 180 } }
feature { name: "visits" type: INT }
feature { name: "clicks" type: INT }
feature { name: "hour" type: INT int_domain { min: 0 max: 23 } }
feature { name: "phone" type: INT annotation { tag: "personal:hash" } }
feature { name: "driver" type: BYTES annotation { tag: "personal:hash" } string_domain { value: "x" } }
feature { name: "company" type: BYTES }
feature { name: "note" type: BYTES }
feature { name: "constant" type: FLOAT }
""")
ROWS = 2000


def preprocessing_fn(inputs):
    amount = fill(inputs["amount"], 0.0)
    return {
        "ratio": amount / fill(inputs["income"], 1.0),
        "clicks": fill(inputs["clicks"], 0),
        "longitude": fill(inputs["longitude"], 0.0),
    }


def raw() -> pa.RecordBatch:
    random = np.random.default_rng(1)
    columns = {
        "at": random.integers(1_600_000_000, 1_700_000_000, ROWS),
        "amount": random.lognormal(8, 1, ROWS).astype(np.float32),
        "income": random.uniform(10_000, 90_000, ROWS).astype(np.float32),
        "longitude": random.uniform(-88, -87, ROWS).astype(np.float32),
        "visits": random.integers(3, 900, ROWS),
        "clicks": random.integers(0, 10_000_000, ROWS),
        "hour": random.integers(0, 24, ROWS),
        "phone": random.integers(10**10, 10**11, ROWS),
        "driver": [f"driver {row}" for row in range(ROWS)],
        "company": [f"company {row % 15}" for row in range(ROWS)],
        "note": ["n" * 90_000 if row % 2 else "short" for row in range(ROWS)],
        "constant": np.full(ROWS, 5, np.float32),
    }
    return pa.RecordBatch.from_pydict(columns, SCHEMA.arrow_schema)


@pytest.fixture(scope="module")
def scorer(tmp_path_factory) -> Scorer:
    path = build_graph(preprocessing_fn, SCHEMA, [raw()], tmp_path_factory.mktemp("golden") / "graph")
    graph = TransformGraph.load(path)
    features = graph.apply(raw())
    split = Split(features, (np.arange(ROWS) % 2).astype(np.float32), {})
    booster = xgb.train(
        ModelSpec(parameters=FAST, rounds=5), FeatureColumns.floats(*graph.feature_names), split, split
    ).booster
    facts = {"use_case": "mine", "threshold": 0.5, "files": {}}
    opened = artifact.Artifact(pathlib.Path("bundle"), facts)
    return Scorer(opened, Treatments.untouched(SCHEMA), graph, xgb.XGBoostModel(booster))


@pytest.fixture(scope="module")
def statistics() -> bytes:
    seen = ColumnStatistics(SCHEMA)
    seen.add(raw())
    return seen.to_proto("train").SerializeToString()


@pytest.fixture(scope="module")
def rows(scorer, statistics) -> dict[str, list]:
    return golden.choose_rows(scorer, statistics).to_pydict()


@pytest.mark.parametrize(
    ("column", "distinct"),
    [
        ("at", 250),
        ("amount", 250),
        ("income", 230),
        ("longitude", 230),
        ("visits", 150),
        ("clicks", 230),
        ("hour", 24),
        ("phone", 60),
        ("driver", 4),
        ("company", 18),
        ("note", 4),
        ("constant", 5),
    ],
)
def test_every_column_has_many_values(rows, column, distinct):
    assert len(rows[column]) == golden.ROWS
    assert len({value for value in rows[column] if value is not None}) >= distinct


@pytest.mark.parametrize("column", ["at", "amount", "income", "longitude", "visits", "clicks"])
def test_numbers_cover_what_was_seen(rows, column):
    seen = np.sort(raw().column(column).to_numpy().astype(np.float64))
    values = np.array([value for value in rows[column] if value is not None], np.float64)
    assert {seen[0], seen[-1]} <= set(values)
    inside = values[(values >= seen[0]) & (values <= seen[-1])]
    tenths = np.histogram(inside, np.quantile(seen, np.linspace(0, 1, 11)))[0]
    assert tenths.min() >= 10


def test_edges_that_the_schema_allows_are_there(rows):
    for column in ("income", "visits", "clicks", "constant"):
        values = [value for value in rows[column] if value is not None]
        assert (0 in values) == (column != "income")  # amount / 0 is infinite: the scorer rejects it
        assert min(values) < 0
        assert max(values) > raw().column(column).to_numpy().max() or column == "clicks"
    for column in ("company", "note", "driver"):
        assert {"(unseen)", "(ünseen)", "", None} <= set(rows[column])
    assert not {None} & {*rows["at"], *rows["amount"]}
    for column in ("income", "longitude", "visits", "phone"):
        assert None in rows[column]


def test_what_the_schema_or_the_scorer_rejects_is_not(scorer, rows, statistics):
    chosen = golden.choose_rows(scorer, statistics)
    assert validate(chosen, SCHEMA).rejections == []
    assert len(scorer.score_rows(chosen)[1]) == golden.ROWS
    edges = GoldenValues.of(SCHEMA["clicks"], SCHEMA, _of(statistics, "clicks")).edges
    assert max(edge for edge in edges if edge is not None) > 2**24 > max(value or 0 for value in rows["clicks"])


def test_nothing_of_a_personal_column_and_no_long_text_is_in_them(rows):
    assert set(rows["driver"]) == {"x", "(unseen)", "(ünseen)", "", None}
    assert max(value for value in rows["phone"] if value is not None) < 10**4
    assert max(len(value) for value in rows["note"] if value is not None) < 20


def test_a_column_without_statistics_has_legal_times(scorer):
    times = golden.choose_rows(scorer, b"").column("at").to_pylist()
    assert len({time for time in times if 10**9 <= time <= 1.7 * 10**9}) > 100


def test_they_are_the_same_each_time_and_replayed_in_any_batch_size(scorer, statistics, tmp_path):
    chosen = golden.choose_rows(scorer, statistics)
    assert chosen.equals(golden.choose_rows(scorer, statistics))
    golden.write_golden(scorer, chosen, tmp_path)


def test_many_columns_share_rows():
    schema = Schema.from_text(" ".join(f'feature {{ name: "c{place}" type: FLOAT }}' for place in range(60)))
    seen = ColumnStatistics(schema)
    random = np.random.default_rng(2)
    seen.add(
        pa.RecordBatch.from_pydict(
            {name: random.uniform(5, 6, 100).astype(np.float32) for name in schema.names}, schema.arrow_schema
        )
    )
    chosen = golden.choose_rows(_taking(schema), seen.to_proto("train").SerializeToString())
    assert chosen.num_rows == golden.ROWS
    for name, column in zip(schema.names, chosen.columns, strict=True):
        numbers = seen.columns[name]
        assert isinstance(numbers, NumberStatistics)
        low, high = numbers.minimum, numbers.maximum
        assert {None, 0.0, low, high} <= set(column.to_pylist())
        assert len(set(column.to_pylist())) > 200


def test_rows_that_are_rejected_for_what_else_is_in_them_are_tried_again(statistics):
    chosen = golden.choose_rows(_taking(SCHEMA, share=0.5), statistics).to_pydict()
    edges = {name: GoldenValues.of(SCHEMA[name], SCHEMA, _of(statistics, name)).edges for name in ("income", "visits")}
    found = [edge in chosen[name] for name in edges for edge in edges[name]]
    assert sum(found) >= 0.8 * len(found)


def test_a_scorer_that_takes_nearly_nothing_is_no_bundle(statistics):
    with pytest.raises(ArtifactError, match=r"of 2048 rows that are like the training data .* can be scored") as raised:
        golden.choose_rows(_taking(SCHEMA, share=0.01), statistics)
    assert "\n" not in str(raised.value)


def _taking(schema, share=1.0) -> Any:
    """Return what stands for a scorer where only its rejections matter."""
    return _TakesRows(schema, share)


class _TakesRows:
    """Takes this share of rows, at random."""

    def __init__(self, schema, share):
        self.schema, self.path, self._share, self._random = schema, "bundle", share, np.random.default_rng(3)

    def score_rows(self, batch):
        return None, np.flatnonzero(self._random.random(batch.num_rows) < self._share), []


def _of(statistics, name):
    listed = statistics_pb2.DatasetFeatureStatisticsList.FromString(statistics).datasets[0].features
    return next(feature for feature in listed if feature.path.step == [name])


FLAGS = Schema.from_text(
    "".join(f'feature {{ name: "flag_{n}" type: FLOAT bool_domain {{}} }}' for n in range(30))
    + 'feature { name: "secret" type: FLOAT bool_domain {} annotation { tag: "personal:hash" } }'
)


def test_flags_are_0_and_1(tmp_path):
    random = np.random.default_rng(1)
    batch = pa.RecordBatch.from_pydict(
        {name: random.integers(0, 2, ROWS).astype(np.float32) for name in FLAGS.names}, FLAGS.arrow_schema
    )
    path = build_graph(lambda inputs: {"a": fill(inputs["flag_0"], 0.0)}, FLAGS, [batch], tmp_path / "graph")
    graph = TransformGraph.load(path)
    split = Split(graph.apply(batch), (np.arange(ROWS) % 2).astype(np.float32), {})
    booster = xgb.train(
        ModelSpec(parameters=FAST, rounds=2), FeatureColumns.floats(*graph.feature_names), split, split
    ).booster
    facts = {"use_case": "mine", "threshold": 0.5, "files": {}}
    opened = artifact.Artifact(pathlib.Path("bundle"), facts)
    scorer = Scorer(opened, Treatments.untouched(FLAGS), graph, xgb.XGBoostModel(booster))
    seen = ColumnStatistics(FLAGS)
    seen.add(batch)
    rows = golden.choose_rows(scorer, seen.to_proto("train").SerializeToString()).to_pydict()
    assert {len(values) for values in rows.values()} == {golden.ROWS}
    assert all({0.0, 1.0, None} == set(values) for values in rows.values())


def test_what_the_machine_cannot_read_is_no_fault_of_the_golden_rows(registry):
    folder = Registry(registry).champion() / "golden"
    with no_file_can_be_opened(), pytest.raises(OSError, match="Too many open files"):
        golden.read_golden(folder)
    assert golden.read_golden(folder)[0].num_rows


def test_torn_golden_rows_are_none(registry, tmp_path):
    whole = (Registry(registry).champion() / "golden" / golden.FILE).read_bytes()
    for size in (0, 7, len(whole) // 2, len(whole) - 1):
        (tmp_path / golden.FILE).write_bytes(whole[:size])
        with pytest.raises(ArtifactError, match="no golden rows"):
            golden.read_golden(tmp_path)
