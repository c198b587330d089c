"""Records that end the process: tried in a child after two deaths, remembered, and known by place and value."""

import dataclasses
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import pytest

from beam_jobs.stream.events import EventBatch
from beam_jobs.stream.score.isolated_scoring import IsolatedScoring, IsolationSettings
from schemas.errors import OnegraphError
from schemas.rejection import Reason
from tests.support.deadly_probe import DeadlyProbe

ROOT = pathlib.Path(__file__).parents[3]
WORKER = """
import os, pathlib, sys
from beam_jobs.stream.score.isolated_scoring import IsolatedScoring
from tests.stream.score.test_isolated_scoring import batch

values = [word.encode() for word in sys.argv[2:]] or [b"a", b"abort", b"b"]
scoring = IsolatedScoring(pathlib.Path(sys.argv[1]), 20.0)
assert scoring.parts(batch([b"x"], first=0), None) == [(batch([b"x"], first=0), {})]
with scoring.naming(batch(values)):
    os.abort()
"""


def batch(values, first=7):
    count = len(values)
    offsets = list(range(first, first + count))
    return EventBatch("events", [0] * count, offsets, [0] * count, [None] * count, values, [[]] * count, {})


def die(folder, *values):
    done = subprocess.run(
        [sys.executable, "-c", WORKER, str(folder), *values], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode < 0, done.stderr


def culprits(scoring, events, make_probe):
    """The rows that must not be scored where all events are one part."""
    ((part, found),) = scoring.parts(events, make_probe)
    assert part == events
    return found


@pytest.fixture
def scoring(tmp_path):
    made = []

    def make(deadline_s=20.0):
        made.append(IsolatedScoring(tmp_path, deadline_s))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_the_third_process_finds_the_culprit_and_all_later_ones_know_it(tmp_path, scoring):
    events = batch([b"a", b"abort", b"b"])
    born = tmp_path / "born"
    die(tmp_path)
    first = scoring()
    assert culprits(first, events, DeadlyProbe(str(born))) == {}
    die(tmp_path)
    third = scoring()
    assert culprits(third, events, DeadlyProbe(str(born))) == {1: Reason.NATIVE_CRASH}
    children = born.read_text()
    with third.naming(events):
        pass
    for one in (third, scoring()):
        assert culprits(one, events, DeadlyProbe(str(born))) == {1: Reason.NATIVE_CRASH}
        assert culprits(one, batch([b"x", b"y"], first=6), DeadlyProbe(str(born))) == {}
        assert culprits(one, batch([b"abort"], first=6), DeadlyProbe(str(born))) == {}
        assert culprits(one, batch([b"x", b"y", b"abort"], first=6), DeadlyProbe(str(born))) == {2: Reason.NATIVE_CRASH}
        assert culprits(one, batch([b"x", b"y", b"another"], first=6), DeadlyProbe(str(born))) == {}
    assert born.read_text() == children, "known ones cost no child"
    assert b"abort" not in (tmp_path / "culprits.jsonl").read_bytes()


def test_a_torn_line_of_the_known_ones_is_passed_over(tmp_path, scoring):
    for _ in range(2):
        die(tmp_path)
    events = batch([b"a", b"abort", b"b"])
    assert culprits(scoring(), events, DeadlyProbe()) == {1: Reason.NATIVE_CRASH}
    with (tmp_path / "culprits.jsonl").open("ab") as file:
        file.write(b'{"topic":"ev')
    assert culprits(scoring(), events, DeadlyProbe()) == {1: Reason.NATIVE_CRASH}


SLOW = [b"first", *[b"sleep 0.6" + b" " * 60_000] * 6, b"last"]


@pytest.mark.needs_time
def test_what_is_slow_only_together_is_scored_in_parts_and_so_is_what_comes_behind_it(tmp_path, scoring):
    events = dataclasses.replace(batch(SLOW), next_offsets={0: 15})
    for _ in range(2):
        die(tmp_path, *[value.decode() for value in SLOW])
    one = scoring(3.0)
    parts = one.parts(events, DeadlyProbe())
    assert len(parts) > 1
    assert [found for _, found in parts] == [{}] * len(parts)
    assert [value for part, _ in parts for value in part.values] == SLOW
    done: dict[int, int] = {}
    for part, _ in parts:
        with one.naming(part):
            done |= part.next_offsets
            assert done == {0: part.offsets[-1] + 1}
    behind = batch([*SLOW, b"x"], first=15)
    assert one.parts(batch([b"x"] * 4_000, first=40), None) == [(batch([b"x"] * 4_000, first=40), {})], "not as large"
    parts = one.parts(behind, None)  # no process died with these
    assert len(parts) > 1
    assert [value for part, _ in parts for value in part.values] == behind.values


@pytest.mark.needs_time
def test_what_moved_without_events_is_done_with_the_last_part(tmp_path, scoring):
    events = dataclasses.replace(batch(SLOW), next_offsets={0: 19, 1: 4})
    for _ in range(2):
        die(tmp_path, *[value.decode() for value in SLOW])
    parts = scoring(3.0).parts(events, DeadlyProbe())
    assert [1 in part.next_offsets for part, _ in parts] == [False] * (len(parts) - 1) + [True]
    assert parts[-1][0].next_offsets == {0: 19, 1: 4}


@pytest.mark.needs_time
def test_where_the_child_finds_nothing_parts_are_halved_with_each_further_death(tmp_path, scoring):
    values = [b"a", b"b", b"c", b"d", b"e"]
    for sizes in ([5], [5], [5], [3, 2], [2, 2, 1], [1] * 5):
        assert [len(part) for part, _ in scoring().parts(batch(values), DeadlyProbe())] == sizes
        die(tmp_path, *[value.decode() for value in values])


def test_only_the_batch_that_processes_died_with_is_halved(tmp_path, scoring):
    values = [b"a" * 70_000, b"b"]
    for _ in range(3):
        die(tmp_path, *[value.decode() for value in values])
    one = scoring()
    assert len(one.parts(batch(values), DeadlyProbe())) == 2
    behind = batch([b"c" * 70_000] * 3, first=9)
    assert one.parts(behind, None) == [(behind, {})]


@pytest.mark.needs_time
def test_culprits_and_events_of_others_are_in_the_parts_where_they_stand(tmp_path, scoring):
    suspects = [b"sleep 0.6", b"sleep 0.6", b"abort", b"sleep 0.6", b"sleep 0.6", b"sleep 0.6", b"sleep 0.6"]
    for _ in range(2):
        die(tmp_path, *[value.decode() for value in suspects])  # offsets 7 to 13
    events = batch([b"before", *suspects, b"behind"], first=6)
    parts = scoring(3.0).parts(events, DeadlyProbe())
    assert [offset for part, _ in parts for offset in part.offsets] == events.offsets
    assert parts[0][0].values == [b"before"]
    assert parts[-1][0].values == [b"behind"]
    rejected = {part.offsets[row]: reason for part, found in parts for row, reason in found.items()}
    assert rejected == {9: Reason.NATIVE_CRASH}


@pytest.mark.needs_time
def test_partitions_that_take_turns_make_no_more_parts(tmp_path, scoring):
    suspects = [b"%d" % number for number in range(40)]
    for _ in range(3):
        die(tmp_path, *[value.decode() for value in suspects])  # partition 0, offsets 7 to 46
    count = 2 * len(suspects)
    events = dataclasses.replace(
        batch([b"x"] * count),
        partitions=[0, 1] * len(suspects),
        offsets=[offset for offset in range(7, 47) for _ in (0, 1)],
        values=[value for suspect in suspects for value in (suspect, b"x")],
    )
    parts = [part for part, _ in scoring().parts(events, DeadlyProbe())]
    assert [offset for part in parts for offset in part.offsets] == events.offsets
    assert [len(part) for part in parts] == [39, 1, 39, 1], "two halves, and what stands behind each"


def test_the_default_folder_is_of_the_user_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    settings = IsolationSettings("", 20.0)
    path = settings.path("broker/trips/group")
    assert path.parent == tmp_path / f"onegraph-{os.getuid()}"
    assert [one.stat().st_mode & 0o777 for one in (path, path.parent)] == [0o700, 0o700]
    assert settings.path("broker/trips/other") != path
    path.parent.chmod(0o755)
    with pytest.raises(OnegraphError, match="is not a folder of this user alone; remove it or give --marker-folder"):
        settings.path("broker/trips/group")
    for one in path.parent.iterdir():
        one.rmdir()
    path.parent.rmdir()
    path.parent.symlink_to(tmp_path)
    with pytest.raises(OnegraphError, match="not a folder of this user alone"):
        settings.path("broker/trips/group")


def test_a_job_that_ends_well_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    scoring = IsolatedScoring(IsolationSettings("", 20.0).path("group"), 20.0)
    with scoring.naming(batch([b"a"])):
        pass
    scoring.close()
    assert list((tmp_path / f"onegraph-{os.getuid()}").iterdir()) == []


def test_naming_costs_little(scoring):
    one = scoring()
    events = batch([b"a"] * 1_000)
    seconds = []
    for _ in range(300):
        begin = time.thread_time()
        one.parts(events, DeadlyProbe())
        with one.naming(events):
            pass
        seconds.append(time.thread_time() - begin)
    cost_ms = sorted(seconds)[150] * 1000
    print(f"markers cost {cost_ms:.3f} ms a batch of 1,000")
    assert cost_ms < 10, "of this thread's CPU, about a hundred times what it takes"
