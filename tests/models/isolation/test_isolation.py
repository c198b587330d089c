"""Deadly values are found by a child process that really dies of them; the process that asks lives."""

import os
import pathlib
import pickle
import types

import pytest

from models.isolation.isolation import Findings, find_culprits
from models.isolation.scoring_probe import ScoringProbe
from schemas.errors import OnegraphError
from schemas.personal.treatments import Treatments
from schemas.rejection import Reason
from schemas.schema import Schema
from tests.support import deadly_probe
from tests.support.deadly_probe import DeadlyProbe, ForgetfulProbe
from transforms.decode.json_decoder import JsonDecoder

CRASH, TIMEOUT = Reason.NATIVE_CRASH, Reason.TIMEOUT


def culprits(values, deadline_s=20.0, **settings):
    return find_culprits(DeadlyProbe(), values, deadline_s, **settings).culprits


def test_a_batch_that_is_not_deadly_has_no_culprits_and_costs_one_child(tmp_path):
    born = tmp_path / "born"
    assert find_culprits(DeadlyProbe(str(born)), [b"a", None, b"", b"raise"], 20.0) == Findings({}, [[0, 1, 2, 3]])
    assert len(born.read_text().splitlines()) == 1


def test_no_values_have_no_culprits():
    assert culprits([]) == {}


def test_each_culprit_costs_one_child_and_the_others_are_cleared(tmp_path):
    born = tmp_path / "born"
    values = [b"a"] * 300
    values[17] = values[299] = b"abort"
    values[50] = b"exit"
    values[200] = b"raise"
    found = find_culprits(DeadlyProbe(str(born)), values, 20.0)
    assert found.culprits == dict.fromkeys([17, 50, 299], CRASH)
    assert found.parts == [[row for row in range(300) if row not in found.culprits]]
    children = born.read_text().split()
    assert len(children) == 5  # the whole batch, three culprits, the rest
    assert not [pid for pid in children if pathlib.Path(f"/proc/{pid}").exists()]


def test_a_value_that_hangs_runs_out_of_its_time():
    assert culprits([b"a", b"hang", b"b", b"abort"], deadline_s=1.0) == {1: TIMEOUT, 3: CRASH}


def test_values_that_are_deadly_only_together_are_halved_to_a_small_group():
    found = culprits([b"fuel", b"a", b"b", b"c", b"d", b"e", b"f", b"g", b"fire"])
    assert set(found.values()) == {CRASH}
    assert {0, 8} <= set(found)
    found = culprits([b"a", b"b", b"c", b"d", b"fuel", b"fire", b"e", b"f"])
    assert found == {4: CRASH, 5: CRASH}


@pytest.mark.needs_time
def test_what_is_slow_only_together_comes_in_parts_that_are_not():
    values = [b"sleep 0.6"] * 6 + [b"a"] * 2
    found = find_culprits(DeadlyProbe(), values, 3.0)
    assert found.culprits == {}
    assert [row for part in found.parts for row in part] == list(range(8))
    assert all(sum(row < 6 for row in part) <= 2 for part in found.parts), "none takes over half of the deadline"


def test_a_value_that_makes_any_other_slow_stands_alone_and_a_culprit_among_them_is_found():
    values = [b"a", b"abort", b"b", b"slow together", b"c"]
    found = find_culprits(DeadlyProbe(), values, 2.0)
    assert found == Findings({1: CRASH}, [[0, 2], [3], [4]])


@pytest.mark.needs_time
def test_a_group_that_crashes_is_found_among_what_is_slow():
    values = [b"sleep 0.9", b"fuel", b"fire", b"sleep 0.9", b"sleep 0.9", b"sleep 0.9"]
    found = find_culprits(DeadlyProbe(), values, 3.0)
    assert found.culprits == {1: CRASH, 2: CRASH}
    assert [row for part in found.parts for row in part] == [0, 3, 4, 5]
    assert len(found.parts) > 1


@pytest.mark.timeout(120)
@pytest.mark.parametrize("deadly", [{1}, {1, *range(2, 10_000, 2)}, {1, 2, 3}], ids=["once", "by state", "again"])
def test_a_crash_that_does_not_come_again_ends_the_search(tmp_path, deadly):
    # 1 is all together, 2 all together behind the single ones, 3 the first of the search for a small group
    found = find_culprits(ForgetfulProbe(str(tmp_path / "calls"), deadly), [b"a", b"b", b"c"], 20.0)
    if 3 in deadly:
        assert found == Findings(dict.fromkeys([0, 1, 2], CRASH), [[]])
    else:
        assert found == Findings({}, [[0, 1, 2]])


@pytest.mark.needs_time
def test_it_says_that_it_is_at_work():
    told = []
    find_culprits(DeadlyProbe(), [b"sleep 1.5", b"hang"], 3.0, alive=lambda: told.append("alive"))
    assert len(told) > 5, "with each answer, and each second while there is none"


def test_too_many_culprits_are_not_the_records_fault():
    with pytest.raises(OnegraphError, match=r"more than 2 of 4 records crash or hang .* roll the bundle back"):
        culprits([b"abort"] * 4, most=2)


@pytest.mark.parametrize(
    ("make_probe", "said"), [(deadly_probe.broken, "RuntimeError: no bundle here"), (deadly_probe.dead, CRASH.value)]
)
def test_a_child_that_cannot_start_is_said(make_probe, said):
    with pytest.raises(OnegraphError, match=said):
        find_culprits(make_probe, [b"a"], 20.0)


def test_nothing_stays_open():
    before = set(os.listdir("/proc/self/fd"))
    culprits([b"a", b"abort"])
    assert set(os.listdir("/proc/self/fd")) <= before


def test_the_probe_of_a_bundle_does_what_the_stream_does(monkeypatch):
    schema = Schema.from_text('feature { name: "fare" type: FLOAT float_domain { min: 0 } }')
    scored = []
    treatments = Treatments.untouched(schema)
    scorer = types.SimpleNamespace(
        bundle_id="1", treatments=treatments, score_rows=lambda batch: scored.append(batch.to_pydict())
    )
    monkeypatch.setattr("models.scoring.scorer.Scorer.load", {"bundles/1": scorer}.__getitem__)
    probe = pickle.loads(pickle.dumps(ScoringProbe((("bundles/1", JsonDecoder(schema)),))))()
    probe([b'{"fare": 2}', b"{", None, b'{"fare": -1}'])
    assert scored == [{"fare": []}, {"fare": [2.0]}]
