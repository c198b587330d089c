"""The generations: one writer at a time, nothing half made, and torn files that stop nobody."""

import errno
import fcntl
import os
import shutil
import signal
import threading
from functools import partial

import pytest

from models.registry.generations import Generations, locked
from models.registry.pointer import LIVE_FILE, Pointer
from models.registry.registry import Registry
from models.variants.variants import Variants
from schemas.errors import ArtifactError
from tests.support.artifact_fixtures import another_bundle
from tests.support.present import present
from tests.support.small_artifacts import make_candidate

PATIENCE_S = 120


def torn_empty(path):
    path.write_bytes(b"")


def torn_half(path):
    path.write_text('{"generation": 3, "who": "m')


def torn_pipe(path):
    os.mkfifo(path)


def torn_folder(path):
    path.mkdir()


def torn_other(path):
    shutil.copy(path.with_name("000001.json"), path)


@pytest.mark.parametrize("tear", [torn_empty, torn_half, torn_pipe, torn_folder, torn_other])
def test_a_torn_generation_is_named_and_left_out_and_its_number_is_not_given_again(registry_of_two, tear, caplog):
    first, second = registry_of_two.history()
    tear(registry_of_two.path / "history" / "000003.json")
    stands = registry_of_two.standing()
    assert (stands.history, stands.pointer, stands.live) == ([first, second], second, True)
    (trouble,) = stands.troubles
    assert "000003.json: " in trouble
    assert "left out" in trouble
    back = registry_of_two.rollback(None, "me", "now", "")
    assert (back.generation, back.variants) == (4, first.variants)
    assert caplog.messages == [trouble]
    assert registry_of_two.standing().history == [first, second, back]


def live_missing(path):
    path.unlink()


def live_empty(path):
    path.write_bytes(b"")


def live_bytes(path):
    path.write_bytes(b"\xff")


def live_deep(path):
    path.write_bytes(b"[" * 100_000)


def live_pipe(path):
    path.unlink()
    os.mkfifo(path)


def live_folder(path):
    path.unlink()
    path.mkdir()
    (path / "file").touch()


def live_circle(path):
    path.unlink()
    path.symlink_to(LIVE_FILE)


LIVE_LOST = [live_missing, live_empty, live_bytes, live_deep, live_pipe, live_folder, live_circle]


@pytest.mark.parametrize("lose", LIVE_LOST)
def test_where_the_pointer_is_lost_the_history_stands_for_it(registry_of_two, lose, caplog):
    first, second = registry_of_two.history()
    lose(registry_of_two.path / LIVE_FILE)
    stands = registry_of_two.standing()
    assert (stands.pointer, stands.live) == (second, False)
    assert f"{LIVE_FILE}: " in stands.troubles[0]
    assert "generation 2, the newest of the history, stands for it" in stands.troubles[0]
    back = registry_of_two.rollback(None, "me", "now", "cure")
    assert (back.generation, back.variants, registry_of_two.live()) == (3, first.variants, back)
    assert caplog.messages == stands.troubles
    assert registry_of_two.standing().troubles == []


def test_the_same_variants_may_be_had_again_where_the_pointer_is_lost(registry_of_two):
    second = registry_of_two.released()
    live_bytes(registry_of_two.path / LIVE_FILE)
    again = registry_of_two.rollback(second.champion, "me", "now", "")
    assert (again.generation, again.variants) == (3, second.variants)


@pytest.mark.parametrize("lose", LIVE_LOST)
def test_a_release_where_the_pointer_is_lost(registry_of_two, second_candidate, lose):
    registry_of_two.rollback(None, "me", "now", "")
    lose(registry_of_two.path / LIVE_FILE)
    pointer = registry_of_two.release(second_candidate, "me", "now", "", "shadow")
    assert (pointer.generation, pointer.champion) == (4, registry_of_two.history()[0].champion)
    assert registry_of_two.live() == pointer


def test_nothing_that_can_be_read(registry_of_two):
    for path in registry_of_two.path.rglob("*.json"):
        if path.parent.name == "history" or path.name == LIVE_FILE:
            path.write_bytes(b"")
    with pytest.raises(ArtifactError, match=r"no bundle is released here \(.*live.json: .*000001.json: .*000002.json"):
        registry_of_two.rollback(None, "me", "now", "")
    released = registry_of_two.point_at(Variants(registry_of_two.bundles()[0]), "me", "now", "")
    assert (released.generation, registry_of_two.live()) == (3, released)


def test_a_forged_pointer_does_not_give_its_number_again(registry_of_two):
    first, second = registry_of_two.history()
    forged = Pointer(7, Variants("0" * 12), "x", "now", "")
    (registry_of_two.path / LIVE_FILE).write_text(forged.text())
    back = registry_of_two.rollback(None, "me", "now", "")
    assert (back.generation, back.variants) == (8, second.variants)
    (registry_of_two.path / LIVE_FILE).write_text(Pointer(999_999_999, Variants("0" * 12), "x", "now", "").text())
    assert registry_of_two.rollback(first.champion, "me", "now", "").generation == 9


def test_a_generation_that_never_served_is_not_gone_back_to(registry_of_two):
    """Its writer was stopped between the history and the pointer."""
    first, second = registry_of_two.history()
    lost = Pointer(3, Variants(first.champion, shadows=(second.champion,)), "me", "now", "killed")
    (registry_of_two.path / "history" / "000003.json").write_text(lost.text())
    back = registry_of_two.rollback(None, "me", "now", "")
    assert (back.generation, back.variants) == (4, first.variants)


def test_killed_at_every_step_of_writing(registry_of_two, jobs, tmp_path):
    """What is left can be read, serves the old generation or the new one, and the next write works."""
    first, second = registry_of_two.history()
    seen = set()
    for step in range(1, 100):
        path = shutil.copytree(registry_of_two.path, tmp_path / f"killed-{step}")
        code = jobs("tests.support.registry_writers:killed_at", [str(path), str(step)]).wait(PATIENCE_S)
        killed = Registry(path)
        stands = killed.standing()
        assert (stands.live, stands.troubles) == (True, [])
        pointer = present(stands.pointer)
        seen.add((pointer.generation, len(stands.history)))
        assert pointer.variants == (second if pointer.generation == 2 else first).variants
        assert killed.bundles() == registry_of_two.bundles()
        then = killed.rollback(None, "me", "now", "")
        assert then.generation == len(stands.history) + 1
        assert then.variants == (first if pointer.generation == 2 else second).variants
        assert [one.generation for one in killed.history()] == list(range(1, then.generation + 1))
        assert [one.name for one in path.iterdir() if one.name.startswith(f".{LIVE_FILE}")] == []
        if code == 0:
            break
        assert code == -signal.SIGKILL
    assert step > 10
    assert seen == {(2, 2), (2, 3), (3, 3)}


def test_a_full_disk_leaves_everything_as_it_was(registry_of_two, jobs):
    before = {path: path.read_bytes() for path in registry_of_two.path.rglob("*") if path.is_file()}
    job = jobs(
        "tests.support.registry_writers:without_space",
        ["rollback", "--registry", str(registry_of_two.path), "--why", "x" * 1000],
    )
    assert job.wait(PATIENCE_S) == 1
    assert "live.json: File too large; free or choose another place" in job.err.read_text()
    assert "Traceback" not in job.err.read_text()
    after = {path: path.read_bytes() for path in registry_of_two.path.rglob("*") if path.is_file()}
    assert {path: data for path, data in after.items() if path.name != ".lock"} == {
        path: data for path, data in before.items() if path.name != ".lock"
    }
    assert registry_of_two.rollback(None, "me", "now", "").generation == 3


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_a_filesystem_without_links(registry_of_two, monkeypatch, number):
    def link(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", link)
    back = registry_of_two.rollback(None, "me", "now", "")
    assert registry_of_two.live() == back == registry_of_two.history()[-1]
    with pytest.raises(ArtifactError, match="written by somebody else"):
        Generations(registry_of_two.path).write(back)
    assert registry_of_two.live() == back == registry_of_two.history()[-1]
    assert sorted(path.name for path in (registry_of_two.path / "history").iterdir()) == [
        "000001.json",
        "000002.json",
        "000003.json",
    ]


def test_a_filesystem_without_locks_is_refused(registry_of_two, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    before = registry_of_two.released()
    with pytest.raises(ArtifactError, match=r"cannot be locked \(No locks available\), so two writers could undo"):
        registry_of_two.rollback(None, "me", "now", "")
    assert (registry_of_two.released(), len(registry_of_two.history())) == (before, 2)


def test_a_lock_that_is_held_is_waited_for_and_not_for_ever(registry_of_two):
    said = "somebody else has been writing to it for 0.1 s"
    with (
        locked(registry_of_two.path),
        pytest.raises(ArtifactError, match=said),
        locked(registry_of_two.path, patience_s=0.1),
    ):
        pass
    assert registry_of_two.rollback(None, "me", "now", "").generation == 3


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("elsewhere", path)])
def test_a_lock_that_is_no_file(registry_of_two, make):
    (registry_of_two.path / ".lock").unlink()
    make(registry_of_two.path / ".lock")
    with pytest.raises(ArtifactError, match=r"\.lock: no plain file; remove it"):
        registry_of_two.rollback(None, "me", "now", "")


def weighed(bundle, weight, now):
    return now.base().variants.with_weight(bundle, weight)


def test_changes_at_once_are_made_on_top_of_one_another(registry_of_two):
    first, second = (pointer.champion for pointer in registry_of_two.history())
    third = another_bundle(registry_of_two.path / "bundles" / first, threshold=0.25)
    registry_of_two.point_at(
        Variants(first).with_challenger(second, 0.01).with_challenger(third, 0.01), "me", "now", ""
    )
    before = registry_of_two.released().generation
    start = threading.Barrier(2)

    def weigh(bundle, weights):
        start.wait()
        for weight in weights:
            Registry(registry_of_two.path).change(partial(weighed, bundle, weight), "me", "now", "")

    weights = {second: [0.02 * at for at in range(1, 11)], third: [0.03 * at for at in range(1, 11)]}
    threads = [threading.Thread(target=weigh, args=one) for one in weights.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.bundle: one.weight for one in registry_of_two.released().variants.challengers} == {
        bundle: pytest.approx(wanted[-1]) for bundle, wanted in weights.items()
    }
    assert registry_of_two.released().generation == before + 20
    assert [one.generation for one in registry_of_two.history()] == list(range(1, before + 21))


@pytest.mark.needs_time
def test_releases_at_once_by_real_processes(registry_of_two, candidates, jobs):
    """Five shadows, or a refusal: never one that is lost."""
    given = [[str(registry_of_two.path), str(candidate)] for candidate in candidates]
    started = [jobs("tests.support.registry_writers:release_shadow", argv) for argv in given]
    codes = [job.wait(PATIENCE_S) for job in started]
    assert codes == [0] * 5, [job.err.read_text() for job in started]
    assert len(set(registry_of_two.released().variants.shadows)) == 5
    assert [one.generation for one in registry_of_two.history()] == list(range(1, 8))


@pytest.fixture(scope="module")
def candidates(taxi, small_training_set, tmp_path_factory):
    """Five evaluated candidates."""
    folder = tmp_path_factory.mktemp("five")
    return [make_candidate(taxi, small_training_set, folder / str(seed), seed) for seed in range(11, 16)]
