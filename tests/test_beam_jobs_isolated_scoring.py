"""Records that end the process: tried in a child after two deaths, remembered, and known by place and value."""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

import pytest

from beam_jobs import isolated_scoring
from beam_jobs.events import EventBatch
from beam_jobs.isolated_scoring import IsolatedScoring, IsolationSettings
from schemas.errors import OnegraphError
from schemas.rejection import Reason
from tests.fragile_probe import FragileProbe

ROOT = pathlib.Path(__file__).parent.parent
WORKER = """
import os, sys
from beam_jobs.isolated_scoring import IsolatedScoring, IsolationSettings
from tests.test_beam_jobs_isolated_scoring import batch

values = [b"a", b"abort", b"b"]
scoring = IsolatedScoring(IsolationSettings(sys.argv[1], "group", 20.0))
assert scoring.culprits(batch(values), None) == {}
with scoring.naming(batch(values)):
    os.abort()
"""


def batch(values, first=7):
    count = len(values)
    offsets = list(range(first, first + count))
    return EventBatch("events", [0] * count, offsets, [0] * count, [None] * count, values, [[]] * count, {})


def die(folder):
    done = subprocess.run([sys.executable, "-c", WORKER, str(folder)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode < 0, done.stderr


@pytest.fixture
def scoring(tmp_path):
    made = []

    def make():
        made.append(IsolatedScoring(IsolationSettings(str(tmp_path), "group", 20.0)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_the_third_process_finds_the_culprit_and_all_later_ones_know_it(tmp_path, scoring):
    events = batch([b"a", b"abort", b"b"])
    born = tmp_path / "born"
    die(tmp_path)
    first = scoring()
    assert first.culprits(events, FragileProbe(str(born))) == {}
    die(tmp_path)
    third = scoring()
    assert third.culprits(events, FragileProbe(str(born))) == {1: Reason.NATIVE_CRASH}
    children = born.read_text()
    with third.naming(events):
        pass
    for one in (third, scoring()):
        assert one.culprits(events, FragileProbe(str(born))) == {1: Reason.NATIVE_CRASH}
        assert one.culprits(batch([b"x", b"y"], first=6), FragileProbe(str(born))) == {}
        assert one.culprits(batch([b"abort"], first=6), FragileProbe(str(born))) == {}
        assert one.culprits(batch([b"x", b"y", b"abort"], first=6), FragileProbe(str(born))) == {2: Reason.NATIVE_CRASH}
        assert one.culprits(batch([b"x", b"y", b"another"], first=6), FragileProbe(str(born))) == {}
    assert born.read_text() == children, "known ones cost no child"
    assert b"abort" not in (tmp_path / "culprits.jsonl").read_bytes()


def test_a_torn_line_of_the_known_ones_is_passed_over(tmp_path, scoring):
    for _ in range(2):
        die(tmp_path)
    events = batch([b"a", b"abort", b"b"])
    assert scoring().culprits(events, FragileProbe()) == {1: Reason.NATIVE_CRASH}
    with (tmp_path / "culprits.jsonl").open("ab") as file:
        file.write(b'{"topic":"ev')
    assert scoring().culprits(events, FragileProbe()) == {1: Reason.NATIVE_CRASH}


def test_the_default_folder_is_of_the_user_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    settings = IsolationSettings("", "broker/trips/group", 20.0)
    path = settings.path()
    assert path.parent == tmp_path / f"onegraph-{os.getuid()}"
    assert [one.stat().st_mode & 0o777 for one in (path, path.parent)] == [0o700, 0o700]
    assert IsolationSettings("", "broker/trips/other", 20.0).path() != path
    path.parent.chmod(0o755)
    with pytest.raises(OnegraphError, match="is not a folder of this user alone; remove it or give --marker-folder"):
        settings.path()
    for one in path.parent.iterdir():
        one.rmdir()
    path.parent.rmdir()
    path.parent.symlink_to(tmp_path)
    with pytest.raises(OnegraphError, match="not a folder of this user alone"):
        settings.path()


def test_a_job_that_ends_well_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    settings = IsolationSettings("", "group", 20.0)
    scoring = IsolatedScoring(settings)
    with scoring.naming(batch([b"a"])):
        pass
    scoring.close()
    assert list((tmp_path / f"onegraph-{os.getuid()}").iterdir()) == []


def test_naming_costs_little(scoring):
    one = scoring()
    events = batch([b"a"] * 1_000)
    seconds = []
    for _ in range(300):
        begin = time.perf_counter()
        one.culprits(events, FragileProbe())
        with one.naming(events):
            pass
        seconds.append(time.perf_counter() - begin)
    cost_ms = sorted(seconds)[150] * 1000
    print(f"markers cost {cost_ms:.3f} ms a batch of 1,000")
    assert cost_ms < 1
    assert isolated_scoring._DEATHS == 2
