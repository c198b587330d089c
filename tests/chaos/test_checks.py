"""Every check of the chaos suite says yes to a clean run and no to the one thing that it looks for."""

import collections
import dataclasses

import pytest

from chaos import checks
from chaos.evidence import Evidence, Fault, OutputRecord, Sample
from chaos.messages import NUMBER, SPOILED, messages
from chaos.plan import FAULTS, JOB_MANAGER, KILL, POINTS, TASK_MANAGER, WORKER, Action, plan

Record = collections.namedtuple("Record", "partition offset key value headers")


def source(number, reason=None):
    """Record number n of partition 0; what must be scored has an even number."""
    return Record(0, number, b"key-%d" % (number % 2), b"event %d" % number, [(NUMBER, b"%d" % number)])


def prediction(number, at, bundle="a", value=None):
    value = value or b"%d by %s" % (number, bundle.encode())
    return OutputRecord((0, number), value, 0, at, 100.0 + number, bundle, b"key-%d" % (number % 2))


def rejected(number, at, reason="TYPE", value=None):
    return OutputRecord(
        (0, number), value or b"event %d" % number, 0, at, 100.0 + number, "a", b"key-%d" % (number % 2), reason
    )


def recompute(bundle, places):
    return {(partition, offset): b"%d by %s" % (offset, bundle.encode()) for partition, offset in places}


# six events, the last of which is bad; the commits are one behind
CLEAN = Evidence(
    source=[source(number) for number in range(6)],
    predictions=[prediction(number, number) for number in range(5)],
    rejected=[rejected(5, 0)],
    reasons=[None] * 5 + ["TYPE"],
    samples=[Sample(1.0, {0: 2}, {0: 3}, {0: 0}), Sample(2.0, {0: 6}, {0: 5}, {0: 1})],
    committed={0: 6},
)


def changed(**columns):
    return dataclasses.replace(CLEAN, **columns)


def failed(seen):
    return [check.name for check in checks.check_all(seen, recompute) if not check.passed]


def test_a_clean_run_passes_all():
    assert failed(CLEAN) == []


def test_repeats_within_the_bound_pass_and_a_swap_may_lie_between():
    again = [*CLEAN.predictions, prediction(3, 5), prediction(4, 6, bundle="b")]
    seen = changed(predictions=again, deaths=[200.0])  # after the two that were written last
    assert failed(seen) == []
    assert checks.duplicates(seen).figures == {"repeats": 2, "bound": 2, "divergent": 1, "unequal": 0}


def test_a_death_that_nothing_was_written_before_explains_no_repeats():
    bound = [
        checks.duplicates(changed(deaths=deaths, replayed_s=2.0, replayed_events=10)).figures["bound"]
        for deaths in ([103.0], [103.0, 103.2], [110.0, 200.0], [102.0, 110.0])
    ]
    assert bound == [13, 13, 13, 26]  # 2 s, one event a second, and the batch; twice if there was work between


def test_a_death_explains_what_was_written_since_the_last_checkpoint_before_it_was_begun():
    checkpoints = [(100.5, 100.8), (102.5, 103.5)]  # the second was not complete when the job died at 103
    bound = [
        checks.duplicates(changed(deaths=[death], checkpoints=checkpoints, replayed_events=10)).figures["bound"]
        for death in (103.0, 104.0, 100.2)
    ]
    assert bound == [13, 12, 11]  # since 100.5, since 102.5 and, without any, since the start; and the batch


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        (checks.PHANTOM, changed(predictions=[*CLEAN.predictions, prediction(6, 5)])),
        (checks.DISJOINT, changed(rejected=[*CLEAN.rejected, rejected(4, 1)])),
        (checks.REJECTED, changed(rejected=[rejected(5, 0, reason="RANGE")])),
        (checks.REJECTED, changed(rejected=[rejected(5, 0, value=b"event 5 ")])),
        (checks.REJECTED, changed(reasons=[None] * 6)),
        (checks.DUPLICATES, changed(predictions=[*CLEAN.predictions, prediction(4, 5)])),
        (
            checks.DUPLICATES,
            changed(predictions=[*CLEAN.predictions, prediction(4, 5, value=b"4")], deaths=[200.0]),
        ),
        (checks.ORDER, changed(predictions=[prediction(n, at) for at, n in enumerate([0, 1, 4, 3, 2])])),
        (checks.COMMITS, changed(samples=[Sample(1.0, {0: 3}, {0: 2}, {0: 0})])),
        (checks.COMMITS, changed(samples=[Sample(1.0, {0: 6}, {0: 5}, {0: 0})])),
        (checks.COMMITS, changed(committed={0: 5})),
        (checks.VALUES, changed(predictions=[*CLEAN.predictions[:4], prediction(4, 4, value=b"4 by b")])),
        (checks.REFUSED, changed(refused=[("a", 100.5, 101.5)])),
    ],
)
def test_each_check_sees_what_it_is_for(name, seen):
    assert name in failed(seen)


def test_a_lost_event_is_seen_and_the_commit_past_it_too():
    found = failed(changed(predictions=CLEAN.predictions[:4]))
    assert found == [checks.LOSS, checks.COMMITS]


def test_recovery_is_the_time_to_the_first_new_prediction():
    fault = Fault(Action(KILL, 0.5), at=101.2, resumed=102.5)
    assert checks.recoveries(changed(faults=[fault])) == [pytest.approx(1.8)]


def test_messages_are_those_of_the_seed_and_every_way_to_spoil_one_occurs():
    events = [
        b'{"fare":12.5,"trip_start_month":3,"trip_start_hour":4,"trip_start_day":5,"trip_start_timestamp":1400000000}'
    ]
    made = messages(7, 20_000, 500, events)
    assert made == messages(7, 20_000, 500, events)
    assert made != messages(8, 20_000, 500, events)
    bad = [one for one in made if one.reason]
    assert 0.015 < len(bad) / len(made) < 0.025
    assert {one.reason for one in bad} == {reason for reason, _ in SPOILED} | {"TOO_LARGE"}
    assert len({one.key for one in made}) == 500


@pytest.mark.parametrize("runner", ["local", "flink"])
def test_every_plan_has_the_faults_and_releases_in_an_order_that_makes_sense(runner):
    for seed in range(50):
        actions = plan(seed, runner)
        what = [action.what for action in actions]
        assert [one for one in what if one not in FAULTS] in (
            ["swap", "rollback", "broken bundle"],
            ["broken bundle", "swap", "rollback"],
        )
        if runner == "local":
            assert sorted(action.point for action in actions if action.what == KILL) == sorted(POINTS)
        assert [action.at for action in actions] == sorted(action.at for action in actions)


def test_tier_two_has_every_fault_of_its_runner_once():
    own = {"local": {WORKER, TASK_MANAGER, JOB_MANAGER}, "flink": {KILL}}
    for runner, not_there in own.items():
        found = [action.what for action in plan(5, runner, tier=2) if action.is_fault and action.what != KILL]
        assert sorted(found) == sorted(FAULTS - not_there - {KILL})
