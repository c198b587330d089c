"""Counts of ids: exact while there are few, estimates beyond, the same in whatever parts and order."""

import numpy as np
import pytest

from schemas.schema import Schema
from schemas.sets.id_anomalies import id_anomalies
from schemas.sets.id_counts import IdCounts, IdFindings


def hashes(ids: np.ndarray) -> np.ndarray:
    """Spread numbers over 64 bits, as hashes of ids are."""
    random = np.random.default_rng(0)
    return random.integers(0, 2**64, int(ids.max()) + 1, dtype=np.uint64)[ids]


def counted(ids: np.ndarray, sides: np.ndarray, limit: int = 1 << 20) -> IdCounts:
    counts = IdCounts(limit)
    counts.add(ids, sides)
    return counts


def test_counts_of_few_ids_are_exact() -> None:
    numbers = np.concatenate([np.arange(1000), np.arange(10), np.arange(5)])
    sides = np.concatenate([np.zeros(1010), np.ones(5)]).astype(np.uint8)
    assert counted(hashes(numbers), sides).findings() == IdFindings(True, 1000, 15, 5)
    assert IdCounts().findings() == IdFindings(True, 0, 0, 0)


def test_counts_of_many_are_estimates_without_bias_in_bounded_memory() -> None:
    numbers = np.concatenate([np.arange(200_000), np.arange(0, 200_000, 10)])  # every tenth id twice
    counts = counted(hashes(numbers), np.zeros(len(numbers), np.uint8), limit=5000)
    found = counts.findings()
    assert not found.exact
    assert found.distinct == pytest.approx(200_000, rel=0.05)
    assert found.repeated == pytest.approx(20_000, rel=0.15)
    assert len(counts._ids) <= 5000


def test_parts_in_any_order_give_the_same() -> None:
    numbers = np.concatenate([np.arange(30_000), np.arange(0, 30_000, 7)])
    ids = hashes(np.random.default_rng(2).permutation(numbers))
    sides = (np.arange(len(ids)) % 3).astype(np.uint8)
    whole = counted(ids, sides, limit=3000).findings()
    assert whole.on_two_sides > 0
    parts = np.array_split(np.arange(len(ids)), 7)
    for order in (parts, parts[::-1], [parts[at] for at in (3, 0, 6, 2, 5, 1, 4)]):
        merged = IdCounts(3000)
        for part in order:
            merged.merge(counted(ids[part], sides[part], limit=3000))
        assert merged.findings() == whole


@pytest.mark.parametrize(("tags", "severity"), [('tag: "id"', "warning"), ('tag: "id" tag: "unique"', "error")])
def test_repeated_ids_are_an_error_where_they_are_to_be_unique(tags: str, severity: str) -> None:
    schema = Schema.from_text(f'feature {{ name: "loan" type: INT annotation {{ {tags} }} }}')
    twice = counted(np.array([1, 1], np.uint64), np.array([0, 2], np.uint8))
    assert [(one.column, one.severity, one.limit, one.found) for one in id_anomalies(twice, schema)] == [
        ("loan", severity, "rows that repeat an id", 1),
        ("loan", "warning", "ids in two splits", 1),
    ]
