"""A registry that is away when a process starts: waited for, then what served here last serves."""

import os
import shutil
import threading
import time

import pytest

from beam_jobs.registries.kept_registry import KeptCopy, KeptRegistry, keeping
from beam_jobs.registries.opening import open_registry
from models.live.live import LiveScorer
from models.registry.registry import Registry
from schemas.errors import ArtifactError, InputError

WAIT_S = 60


@pytest.fixture
def own(registry, tmp_path) -> Registry:
    return Registry(shutil.copytree(registry, tmp_path / "registry"))


@pytest.fixture
def opened(own, tmp_path):
    """Return `open(wait_s)`: the registry as a process opens it that keeps a copy."""
    return lambda wait_s=0.0: open_registry(str(own.path), None, KeptCopy(str(tmp_path / "kept"), wait_s))


def served(registry, trials):
    """Let a process begin, serve and end; return what served."""
    live = LiveScorer(registry, 0.02, keeping(registry, lambda change: None), trials=trials)
    try:
        return live.current().champion.bundle_id
    finally:
        live.close()


def bundles_in(folder):
    """Return where the copies of the one registry lie that a folder has."""
    (found,) = folder.glob("*/bundles")
    return found


def away(own):
    own.path.rename(own.path.with_name("moved"))


def back(own):
    own.path.with_name("moved").rename(own.path)


def test_what_served_last_serves_while_the_registry_is_away_and_it_is_followed_once_it_is_back(
    own, opened, trials, second_bundle, caplog
):
    first = own.released().champion
    assert served(opened(), trials) == first
    away(own)
    registry = opened()
    live = LiveScorer(registry, 0.02, keeping(registry, lambda change: None), trials=trials)
    try:
        assert live.current().champion.bundle_id == first
        assert "generation 1, which served here last, serves from" in caplog.text
        back(own)
        second = second_bundle(own.path)
        assert live.wait_for(second, WAIT_S)
        assert live.current().champion.bundle_id == second.champion
    finally:
        live.close()
    away(own)
    assert served(opened(), trials) == second.champion


def test_it_is_waited_for(own, opened, trials):
    assert served(opened(), trials) == own.released().champion
    away(own)
    timer = threading.Timer(1.5, back, [own])
    timer.start()
    began = time.monotonic()
    assert opened(WAIT_S).released() == own.released()
    assert 1 < time.monotonic() - began < WAIT_S / 2
    timer.join()


def test_without_anything_kept_it_says_what_is_wrong_after_the_wait(own, opened):
    away(own)
    began = time.monotonic()
    with pytest.raises(ArtifactError, match="no bundle is released here"):
        opened(1.2).released()
    assert time.monotonic() - began >= 1.2


def test_a_stop_ends_the_wait(own, tmp_path):
    away(own)
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    registry = KeptRegistry(str(own.path), None, KeptCopy(str(tmp_path / "kept"), WAIT_S), stop)
    began = time.monotonic()
    with pytest.raises(ArtifactError):
        registry.released()
    assert time.monotonic() - began < WAIT_S / 2


def test_a_kept_bundle_that_was_altered_is_refused(own, opened, trials, tmp_path):
    first = served(opened(), trials)
    away(own)
    model = bundles_in(tmp_path / "kept") / first / "model" / "model.ubj"
    model.write_bytes(model.read_bytes()[:-1] + b"x")
    with pytest.raises(ArtifactError, match=r"model\.ubj: its bytes are not those in the manifest"):
        served(opened(), trials)


def test_older_copies_go_once_another_generation_serves(own, opened, trials, second_bundle, tmp_path):
    first = served(opened(), trials)
    second = second_bundle(own.path).champion
    assert served(opened(), trials) == second
    bundles = bundles_in(tmp_path / "kept")
    assert sorted(path.name for path in bundles.iterdir()) == sorted([first, second])
    os.utime(bundles / first, (1, 1))
    assert served(opened(), trials) == second
    assert [path.name for path in bundles.iterdir()] == [second]


def test_two_registries_share_a_folder_and_neither_takes_the_others_pointer_or_bundles(
    own, opened, second_bundle, tmp_path
):
    other = Registry(shutil.copytree(own.path, tmp_path / "other"))
    second = second_bundle(other.path)
    kept = KeptCopy(str(tmp_path / "kept"), 0.0)
    both = [opened(), open_registry(str(other.path), None, kept)]
    for one in both:
        one.bundle_path(one.released().champion)
        for folder in (tmp_path / "kept").rglob("bundles/*"):
            os.utime(folder, (1, 1))
        one.keep(one.released())
    first = own.released()
    away(own)
    assert opened().released() == first
    assert opened().bundle_path(first.champion).is_dir()
    other.path.rename(tmp_path / "gone")
    assert open_registry(str(other.path), None, kept).released() == second


def test_a_kept_bundle_that_was_damaged_is_copied_anew_from_a_registry_that_is_there(
    own, opened, trials, tmp_path, caplog
):
    first = served(opened(), trials)
    model = bundles_in(tmp_path / "kept") / first / "model" / "model.ubj"
    model.write_bytes(b"")
    assert served(opened(), trials) == first
    assert model.read_bytes() == (own.path / "bundles" / first / "model" / "model.ubj").read_bytes()
    assert [path.name for path in bundles_in(tmp_path / "kept").iterdir()] == [first]
    assert "copied anew" in caplog.text


def test_a_copy_is_on_the_disk_before_it_has_its_name(own, opened, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.readlink(f"/proc/self/fd/{handle}")))
    path = opened().bundle_path(own.released().champion)
    *before, last = synced
    assert last == str(path.parent)
    assert all(name.startswith(f"{path.parent}/.unfinished-") for name in before)
    unfinished = min(before, key=len)
    assert sorted(before) == sorted([unfinished, *(f"{unfinished}/{one.relative_to(path)}" for one in path.rglob("*"))])


def test_a_folder_that_others_may_write_to_is_refused(own, opened, tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept").chmod(0o777)
    with pytest.raises(InputError, match=r"--registry-copy .*others may write to it"):
        opened()
    (tmp_path / "kept").rmdir()
    (tmp_path / "kept").write_text("")
    with pytest.raises(InputError, match=r"--registry-copy .*cannot be made"):
        opened()
