"""Where Flink puts the reader's groups; held against a real cluster in `tests/services/test_local_flink.py`."""

import collections

import pytest

from beam_jobs.runners.flink.key_groups import key_group, spread_names, subtask


def test_key_groups_are_those_of_flinks_own_classes():
    # from KeyGroupRangeAssignment.assignToKeyGroup on StringUtf8Coder's nested bytes, Flink 1.19.0
    assert [key_group(name) for name in ("events/0", "events/1", "x" * 200 + "é")] == [99, 91, 26]


@pytest.mark.parametrize("groups", [1, 2, 3, 8, 12])
def test_as_many_subtasks_as_groups_have_one_each(groups):
    assert [subtask(name, groups) for name in spread_names("events", groups)] == list(range(groups))


@pytest.mark.parametrize("groups", [2, 4, 8, 12])
@pytest.mark.parametrize("parallelism", [1, 2, 3, 4])
def test_fewer_subtasks_share_evenly(groups, parallelism):
    counts = collections.Counter(subtask(name, parallelism) for name in spread_names("events", groups))
    assert max(counts.values()) <= -(-groups // parallelism) + 1
    if groups % parallelism == 0:
        assert set(counts.values()) == {groups // parallelism}


def test_plain_names_would_not_spread():
    assert {subtask(f"events/{index}", 2) for index in range(2)} == {1}
