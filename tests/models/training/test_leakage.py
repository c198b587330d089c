"""Columns that know the label are named; those that merely help are not; parts in any order find the same."""

import numpy as np
import pyarrow as pa
import pytest

from models.training.leakage import LeakageSample
from models.training.one_column import Column, explained
from schemas.schema import Schema
from transforms.intake.split import id_hashes

SCHEMA = Schema.from_text("""
feature { name: "id" type: INT annotation { tag: "id" } }
feature { name: "at" type: INT annotation { tag: "event_time:s" } }
feature { name: "paid_at" type: INT annotation { tag: "time:s" } }
feature { name: "paid_on" type: INT annotation { tag: "time:day" } }
feature { name: "copy" type: INT }
feature { name: "word" type: BYTES }
feature { name: "gap" type: FLOAT }
feature { name: "middle" type: FLOAT }
feature { name: "name" type: BYTES }
feature { name: "helps" type: FLOAT }
feature { name: "tip" type: FLOAT not_in_environment: "SERVING" }
""")
ROWS = 6000
AT = 1_700_000_000


def rows() -> tuple[pa.RecordBatch, np.ndarray]:
    random = np.random.default_rng(5)
    label = (random.random(ROWS) < 0.2).astype(np.float32)
    one = label == 1
    noise = random.normal(size=ROWS)
    columns = {
        "id": np.arange(ROWS),
        "at": np.full(ROWS, AT),
        "paid_at": np.where(np.arange(ROWS) < 7, AT + 1, AT),
        "paid_on": np.full(ROWS, AT // 86_400),
        "copy": label.astype(np.int64),
        "word": np.where(one, "late", "in time"),
        "gap": pa.array(noise, pa.float32(), mask=one),
        "middle": np.where(one, 0.01 * noise, np.sign(noise) * (1 + abs(noise))),
        "name": [f"n{number}" for number in range(ROWS)],
        "helps": noise + label,
        "tip": label,
    }
    return pa.RecordBatch.from_pydict(columns, SCHEMA.arrow_schema), label


def sample_of(parts: list[slice]) -> LeakageSample:
    batch, label = rows()
    ids = id_hashes(batch, SCHEMA)
    whole = LeakageSample(SCHEMA, "binary")
    for at in parts:
        part = LeakageSample(SCHEMA, "binary")
        part.add(batch.slice(at.start, at.stop - at.start), ids[at], label[at])
        whole.merge(part)
    return whole


def test_columns_that_know_the_label_are_named() -> None:
    found = {one.column: one for one in sample_of([slice(0, ROWS)]).findings()}
    assert {one.severity for one in found.values()} == {"warning"}
    assert {name: one.limit for name, one in found.items()} == {
        "paid_at": "rows in which it is later than the event",
        "copy": "share of sampled rows of train in which it equals the label",
        "word": "AUC of this column alone",
        "gap": "AUC of this column alone",
        "middle": "AUC of this column alone",
    }
    assert found["paid_at"].found == 7


def test_parts_in_any_order_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.training.leakage.ROWS", 1000)
    parts = [slice(first, first + 500) for first in range(0, ROWS, 500)]
    whole = sample_of([slice(0, ROWS)])
    assert len(whole._parts[0].ids) <= 1000
    orders = [parts, parts[::-1], parts[3:] + parts[:3]]
    samples = [whole, *(sample_of(order) for order in orders)]
    assert [sample._parts[0].ids.tolist() for sample in samples[1:]] == [whole._parts[0].ids.tolist()] * 3
    assert [sample.findings() for sample in samples[1:]] == [whole.findings()] * 3


def test_too_few_rows_say_nothing() -> None:
    assert [one.column for one in sample_of([slice(0, 99)]).findings()] == ["paid_at"]


@pytest.mark.parametrize(
    ("task", "name"), [("regression", "R2"), ("multiclass", "share of errors that is gone by use")]
)
def test_other_tasks(task: str, name: str) -> None:
    random = np.random.default_rng(1)
    label = random.integers(0, 5, 4000).astype(np.float32)
    known = np.ones(4000, np.bool_)
    assert explained(Column(label * 3.0, known), label, task) == (name, pytest.approx(1.0, abs=1e-3))
    assert explained(Column(random.normal(size=4000), known), label, task)[1] < 0.1
