"""Garbage of a registry: what goes, what stays, and a collection that is stopped at any step."""

import os
import pathlib
import shutil
import time

import pytest

from models.registry.garbage import YOUNG_S, collect, garbage
from models.registry.lineage import lineage
from models.registry.pointer import LIVE_FILE
from models.registry.registry import Registry
from models.registry.standing import BUNDLES
from schemas.errors import ArtifactError, InputError


@pytest.fixture
def own(registry, second_bundle, tmp_path) -> Registry:
    """A registry whose second generation serves."""
    own = Registry(shutil.copytree(registry, tmp_path / "registry"))
    second_bundle(own.path)
    return own


def later() -> float:
    return time.time() + 2 * YOUNG_S


def bundles_of_history(registry: Registry) -> set[str]:
    return {bundle for one in registry.history() for bundle in one.variants.bundles}


def test_all_that_the_history_names_stays(own):
    before = own.bundles()
    found = collect(own, later())
    assert (found.bundles, found.generations, found.leftovers, found.bytes) == ((), (), (), 0)
    assert list(found.kept) == own.bundles() == before


def test_a_bundle_that_no_generation_names_goes_once_it_is_old(own):
    lone = own.released().champion
    own.rollback(None, "me", "now", "")
    (own.path / "history" / "000002.json").unlink()  # as if its release had been stopped before the pointer
    assert garbage(own, time.time()).bundles == ()
    found = collect(own, later())
    assert found.bundles == (lone,)
    assert found.bytes > 10_000
    assert own.bundles() == [own.released().champion] == list(found.kept)
    assert sorted(path.name for path in (own.path / BUNDLES).iterdir()) == own.bundles()


def test_older_generations_are_forgotten_by_number_alone(own):
    first, second = own.history()
    assert garbage(own, later(), 2).generations == ()
    found = collect(own, later(), 1)
    assert (found.generations, found.bundles) == ((1,), (first.champion,))
    assert own.history() == [second] == [own.live()]
    with pytest.raises(InputError, match="has no predecessor"):
        own.rollback(None, "me", "now", "")
    assert own.point_at(second.variants, "me", "now", "").generation == 3  # no number is given again


def test_who_released_what_serves_is_known_once_its_generation_is_forgotten(own):
    second = own.live()
    own.point_at(second.variants, "ben", "later", "weighed anew")
    (before,) = lineage(own, second.champion)["releases"]
    assert (before["generation"], before["who"], before["why"]) == (2, "tests", "second")
    collect(own, later(), 1)
    assert [one.generation for one in own.history()] == [3]
    assert lineage(own, second.champion)["releases"] == [before]


def test_the_generation_that_serves_is_kept_wherever_it_stands(own):
    first, second = own.history()
    shutil.copy(own.path / "history" / "000001.json", own.path / LIVE_FILE)
    found = collect(own, later(), 1)
    assert (found.generations, found.bundles) == ((2,), (second.champion,))
    assert own.bundles() == [first.champion]


def test_what_writers_left_goes_and_what_is_not_ours_stays(own):
    folder = own.path / BUNDLES
    (folder / ".unfinished-1" / "graph").mkdir(parents=True)
    (folder / ".unfinished-1" / "graph" / "half").write_text("x" * 1000)
    (folder / "notes").mkdir()
    (folder / "notes" / "why.txt").write_text("mine")
    os.symlink(folder / "notes", folder / ".removed-link")
    found = collect(own, later())
    assert (found.leftovers, found.bytes) == ((".unfinished-1",), 1000)
    assert (folder / "notes" / "why.txt").read_text() == "mine"


def test_nothing_goes_while_a_generation_cannot_be_read(own):
    (own.path / "history" / "000001.json").write_text("{")
    with pytest.raises(ArtifactError, match=r"000001\.json.*nothing was removed"):
        collect(own, later(), 1)
    assert len(own.bundles()) == 2


class Killed(Exception):
    """The process ended here."""


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 10, 25])
def test_a_collection_that_is_stopped_leaves_every_generation_its_bundles(own, monkeypatch, steps):
    left = iter(range(steps))

    def stopping(act):
        def act_or_stop(*arguments, **named):
            if next(left, None) is None:
                raise Killed
            return act(*arguments, **named)

        return act_or_stop

    live = own.live()
    with monkeypatch.context() as patch:
        patch.setattr(pathlib.Path, "rename", stopping(pathlib.Path.rename))
        patch.setattr(os, "unlink", stopping(os.unlink))
        patch.setattr(os, "rmdir", stopping(os.rmdir))
        with pytest.raises(Killed):
            collect(own, later(), 1)
    assert bundles_of_history(own) <= set(own.bundles())
    assert own.live() == live
    collect(own, later() + 1, 1)
    assert [path.name for path in (own.path / BUNDLES).iterdir()] == [own.released().champion]
