"""Batch markers: a process that really dies leaves the name of its batch, and nobody else does."""

import pathlib
import signal
import subprocess
import sys
import threading

import pytest

from beam_jobs.process.watchdog import Watchdog
from beam_jobs.stream.events import EventBatch
from beam_jobs.stream.score.batch_marker import BatchMarkers, BatchName
from schemas.errors import OnegraphError

ROOT = pathlib.Path(__file__).parents[3]
WORKER = """
import os, re, sys, time
from beam_jobs.stream.score.batch_marker import BatchMarkers
from beam_jobs.stream.events import EventBatch
from beam_jobs.process.watchdog import Watchdog

partitions, offsets = [0, 0, 3], [17, 18, 5]
events = EventBatch("events", partitions, offsets, [0] * 3, [None] * 3, [b"secret"] * 3, [[]] * 3, {})
deadline_s = float(sys.argv[3])
markers = BatchMarkers(sys.argv[1], Watchdog(deadline_s) if deadline_s else None)
with markers.naming(events):
    pass
if sys.argv[2] == "idle":
    os.abort()
try:
    with markers.naming(events):
        print("in hand", flush=True)
        if sys.argv[2] == "abort":
            os.abort()
        if sys.argv[2] == "sleep":
            time.sleep(1000)
        if sys.argv[2] == "keep the lock":
            re.match(r"(a+)+$", "a" * 60 + "b")
        if sys.argv[2] == "raise":
            raise ValueError
except ValueError:
    os._exit(0)
"""
FULL = """
import resource, sys
from beam_jobs.stream.score.batch_marker import BatchMarkers
from schemas.errors import OnegraphError

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    BatchMarkers(sys.argv[1])
except OnegraphError as error:
    print(error)
"""


def batch(partitions, offsets, topic="events"):
    count = len(offsets)
    return EventBatch(topic, partitions, offsets, [0] * count, [None] * count, [b""] * count, [[]] * count, {})


def start(folder, what, deadline_s=0.0):
    command = [sys.executable, "-X", "faulthandler", "-c", WORKER, str(folder), what, str(deadline_s)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def die(folder, what, deadline_s=0.0):
    """Run a worker to its death; return its exit status and what it said."""
    process = start(folder, what, deadline_s)
    _, said = process.communicate(timeout=60)
    return process.returncode, said


@pytest.fixture
def markers(tmp_path):
    made = BatchMarkers(tmp_path, look_s=0.0)
    yield made
    made.close()


def test_the_events_of_a_process_that_died_are_suspects_until_they_are_done(tmp_path, markers):
    assert list(markers.suspects(batch([0, 3], [17, 5]))) == []
    assert die(tmp_path, "abort")[0] == -signal.SIGABRT
    assert list(markers.suspects(batch([3, 0, 0, 0, 0, 1, 3], [5, 16, 17, 18, 19, 17, 6]))) == [0, 2, 3]
    assert list(markers.suspects(batch([0], [17], topic="others"))) == []
    with markers.naming(batch([0, 0], [16, 17])):
        pass
    assert list(markers.suspects(batch([0, 0, 3], [17, 18, 5]))) == [1, 2]
    other = BatchMarkers(tmp_path)
    assert list(other.suspects(batch([0, 0, 3], [17, 18, 5]))) == [1, 2]
    other.close()
    with markers.naming(batch([0, 3], [20, 9])):
        pass
    assert list(markers.suspects(batch([0, 0, 3], [17, 18, 5]))) == []
    markers.close()
    assert list(tmp_path.iterdir()) == []


def test_a_batch_that_failed_without_a_death_leaves_suspects_as_they_are(tmp_path, markers):
    die(tmp_path, "abort")
    events = batch([0, 0, 3], [17, 18, 5])
    assert list(markers.suspects(events)) == [0, 1, 2]
    with pytest.raises(ValueError, match="broker"), markers.naming(events):
        raise ValueError("broker")
    assert list(markers.suspects(events)) == [0, 1, 2]


@pytest.mark.parametrize("what", ["idle", "raise"])
def test_a_process_that_died_with_no_batch_in_hand_leaves_no_suspects(tmp_path, markers, what):
    die(tmp_path, what)
    assert len(list(tmp_path.iterdir())) == 2
    assert list(markers.suspects(batch([0, 0, 3], [17, 18, 5]))) == []
    assert len(list(tmp_path.iterdir())) == 1


def test_a_batch_in_the_hand_of_a_living_process_is_no_suspect_until_it_is_killed(tmp_path, markers):
    events = batch([0, 0, 3], [17, 18, 5])
    process = start(tmp_path, "sleep")
    with process, process.stdout as said:
        assert said.readline() == "in hand\n"
        assert list(markers.suspects(events)) == []
        process.kill()
        process.wait(60)
        assert list(markers.suspects(events)) == [0, 1, 2]


def test_more_than_one_death_can_be_asked_for(tmp_path):
    markers = BatchMarkers(tmp_path, deaths=2, look_s=0.0)
    die(tmp_path, "abort")
    assert list(markers.suspects(batch([0], [17]))) == []
    die(tmp_path, "abort")
    assert list(markers.suspects(batch([0], [17]))) == [0]
    markers.close()


def test_dead_markers_are_looked_for_now_and_then(tmp_path):
    now = [0.0]
    markers = BatchMarkers(tmp_path, look_s=1.0, clock=lambda: now[0])
    assert list(markers.suspects(batch([0], [17]))) == []
    die(tmp_path, "abort")
    assert list(markers.suspects(batch([0], [17]))) == []
    now[0] = 1.0
    assert list(markers.suspects(batch([0], [17]))) == [0]
    markers.close()


def test_no_value_and_no_key_is_written(tmp_path):
    die(tmp_path, "abort")
    (left,) = tmp_path.iterdir()
    assert left.read_bytes().split(b"\n")[0] == b'{"topic":"events","ranges":{"0":[17,18],"3":[5,5]}}'
    assert b"secret" not in left.read_bytes()
    assert left.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("left", [b"", b"{", b"[]", b'{"topic": 5}\n', b"\xff" * 100])
def test_files_that_name_no_batch_are_removed(tmp_path, markers, left):
    (tmp_path / "1-1.batch").write_bytes(left)
    assert list(markers.suspects(batch([0], [17]))) == []
    assert not (tmp_path / "1-1.batch").exists()


def test_threads_name_their_batches_side_by_side(tmp_path):
    markers = BatchMarkers(tmp_path)
    barrier, problems = threading.Barrier(8), []

    def work(partition):
        for offset in range(100):
            with markers.naming(batch([partition], [offset])):
                if offset == 50:
                    barrier.wait(30)
                    if len(list(tmp_path.glob("*.batch"))) < 8:
                        problems.append(partition)

    threads = [threading.Thread(target=work, args=(partition,)) for partition in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    markers.close()
    assert problems == []
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OnegraphError, match="batch markers cannot be written: Not a directory"):
        BatchMarkers(tmp_path / "file" / "folder")


@pytest.mark.parametrize("room", [0, 1000])
def test_a_full_disk_is_said_and_nothing_is_left_behind(tmp_path, room):
    command = [sys.executable, "-c", FULL, str(tmp_path), str(room)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (
        done.stdout == f"{tmp_path}: batch markers cannot be written: File too large; free it or name another folder\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_names_shrink_by_what_is_done():
    name = BatchName("events", {0: (5, 9), 1: (0, 3)})
    assert name.without(BatchName("events", {0: (2, 6)})).ranges == {0: (7, 9), 1: (0, 3)}
    assert name.without(BatchName("events", {0: (0, 100), 1: (4, 4)})).ranges == {}
    assert BatchName.of(batch([1, 0, 1], [4, 7, 9])).ranges == {1: (4, 9), 0: (7, 7)}


def test_a_batch_that_hangs_ends_the_process_with_one_line(tmp_path, markers):
    status, said = die(tmp_path, "sleep", deadline_s=0.8)
    assert status == 1
    assert said.count("\n") == 1
    assert "events 0/17-18 3/5-5 has been in work for over 0.8 s" in said
    assert list(markers.suspects(batch([0], [17]))) == [0]


def test_a_batch_that_hangs_and_keeps_pythons_lock_ends_the_process_too(tmp_path, markers):
    status, said = die(tmp_path, "keep the lock", deadline_s=0.8)
    assert status == 1
    assert "Timeout" in said
    assert "secret" not in said
    assert list(markers.suspects(batch([0], [17]))) == [0]


def test_work_that_ends_in_time_is_left_alone():
    ended: list[str] = []
    watchdog = Watchdog(0.2, ended.append)
    over = threading.Event()
    for _ in range(5):
        with watchdog.watching("quick"):
            over.wait(0.1)  # half the deadline each, more than it together
    watchdog.close()
    assert ended == []


def test_work_that_takes_too_long_is_named_once():
    ended, told = [], threading.Event()

    def end(line):
        ended.append(line)
        told.set()

    watchdog = Watchdog(0.2, end)
    with watchdog.watching("quick"):
        pass
    with watchdog.watching("slow"):
        assert told.wait(30)
    watchdog.close()
    assert len(ended) == 1
    assert "slow" in ended[0]
