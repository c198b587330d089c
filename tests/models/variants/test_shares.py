"""Shares of keys: as large as they should be, the same everywhere, and no key moves without need."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.variants.shares import MILLION, Interval, Line, coordinates, resized, size

KEYS = [b"key-%d" % number for number in range(100_000)]


@pytest.mark.parametrize(
    "keys",
    [KEYS, [number.to_bytes(8) for number in range(100_000)], [coordinates("t", n % 4, n) for n in range(100_000)]],
    ids=["texts", "numbers", "coordinates"],
)
@pytest.mark.parametrize("weights", [(0.1,), (0.01, 0.5), (0.25, 0.25, 0.5)])
def test_shares_of_100_000_keys_are_within_half_a_percent(keys, weights):
    parts: list[tuple[Interval, ...]] = []
    taken: list[Interval] = []
    for weight in weights:
        parts.append(resized((), round(weight * MILLION), taken))
        taken += parts[-1]
    found = Line("autumn", parts).owners(keys)
    for owner, weight in enumerate((1 - sum(weights), *weights)):
        assert abs(found.count(owner) / len(keys) - weight) < 0.005


def test_owner_is_that_of_the_place():
    line = Line("autumn", [[(0, 1), (400_000, 500_000)], [(500_000, 600_000), (999_999, MILLION)]])
    for place, owner in zip(line.places(KEYS), line.owners(KEYS), strict=True):
        assert owner == (1 if place < 1 or 400_000 <= place < 500_000 else 2 if 500_000 <= place < 600_000 else 0)
    assert Line("autumn", [[(0, MILLION)]]).owners(KEYS[:1000]) == [1] * 1000


def test_two_experiments_have_nothing_to_do_with_one_another():
    first, second = (set(find_owned(name)) for name in ("autumn", "winter"))
    assert abs(len(first & second) / len(KEYS) - 0.25) < 0.005


def find_owned(name):
    owners = Line(name, [[(0, MILLION // 2)]]).owners(KEYS)
    return (key for key, owner in zip(KEYS, owners, strict=True) if owner)


def test_places_never_change():
    assert Line("autumn").places([b"", b"key-1", coordinates("trips", 0, 7)]) == [548411, 49602, 627618]


def places_of(parts):
    return {place for start, end in parts for place in range(start, end)}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 60)), max_size=12))
def test_growing_takes_from_nobody_and_shrinking_gives_to_nobody(changes):
    unit = MILLION // 100
    parts: dict[int, tuple[Interval, ...]] = dict.fromkeys(range(4), ())
    for owner, percent in changes:
        taken = [part for other, theirs in parts.items() if other != owner for part in theirs]
        before = places_of((start // unit, end // unit) for start, end in parts[owner])
        if size(taken) + percent * unit > MILLION:
            with pytest.raises(ValueError, match="millionths wanted"):
                resized(parts[owner], percent * unit, taken)
            continue
        parts[owner] = resized(parts[owner], percent * unit, taken)
        after = places_of((start // unit, end // unit) for start, end in parts[owner])
        assert size(parts[owner]) == percent * unit
        assert before <= after or after <= before
        assert not after & places_of((start // unit, end // unit) for start, end in taken)
