"""The live scorer: switches to a good bundle, keeps the old one when the new one is bad."""

import concurrent.futures
import json
import logging
import os
import shutil

import pytest

from models import live
from models.live import LiveScorer
from models.registry import LIVE, Registry
from schemas import artifact
from schemas.errors import ArtifactError

SOON_S = 30


@pytest.fixture
def own(registry, tmp_path) -> Registry:
    return Registry(shutil.copytree(registry, tmp_path / "registry"))


@pytest.fixture
def following(own):
    scorer = LiveScorer(own.path, poll_s=0.02)
    yield scorer
    scorer.close()


def test_serves_the_champion(following, own, trips):
    assert following.generation == 1
    assert following.current().bundle_id == own.released().champion
    assert len(following.current().score(trips.slice(0, 3)).scores) == 3


def test_switches_to_the_next_generation(following, own, second_bundle):
    old = following.current()
    pointer = second_bundle(own.path)
    assert following.wait_for(2, SOON_S)
    assert following.current().bundle_id == pointer.champion != old.bundle_id
    assert (following.generation, following.refused) == (2, 0)


def test_old_scorer_still_scores_after_the_switch(following, own, second_bundle, trips):
    old = following.current()
    before = old.score(trips.slice(0, 20)).scores.tobytes()
    second_bundle(own.path)
    assert following.wait_for(2, SOON_S)
    shutil.rmtree(own.path / "bundles" / old.bundle_id)
    assert old.score(trips.slice(0, 20)).scores.tobytes() == before


def point(own: Registry, text: str) -> None:
    """Replace the pointer in one step, as a release does."""
    (own.path / "next").write_text(text)
    os.replace(own.path / "next", own.path / LIVE)


def spoil_byte(bundle):
    data = bytearray((bundle / "model" / "model.ubj").read_bytes())
    data[100] ^= 1
    (bundle / "model" / "model.ubj").write_bytes(data)


def spoil_marker(bundle):
    (bundle / artifact.MARKER).unlink()


def spoil_whole(bundle):
    shutil.rmtree(bundle)


@pytest.mark.parametrize("spoil", [spoil_byte, spoil_marker, spoil_whole])
def test_bad_bundle_is_refused_once_and_the_old_one_serves(own, second_bundle, following, spoil, caplog):
    old = following.current()
    caplog.set_level(logging.WARNING, "models.live")
    other = Registry(shutil.copytree(own.path, own.path.with_name("other")))
    pointer = second_bundle(other.path)
    shutil.copytree(other.bundle_path(pointer.champion), own.path / "bundles" / pointer.champion)
    spoil(own.path / "bundles" / pointer.champion)
    point(own, pointer.text())
    assert following.wait_for(2, SOON_S)
    assert following.current() is old
    assert (following.generation, following.refused) == (1, 1)
    (warning,) = [record.getMessage() for record in caplog.records]
    assert "generation 2 refused" in warning
    assert "\n" not in warning


def test_goes_on_after_a_refusal(own, second_bundle, following):
    first = own.released()
    point(own, json.dumps({**json.loads(first.text()), "generation": 2, "champion": "0" * 12}))
    assert following.wait_for(2, SOON_S)
    shutil.copy(own.path / LIVE, own.path / "history" / "000002.json")
    pointer = second_bundle(own.path)
    assert following.wait_for(3, SOON_S)
    assert following.current().bundle_id == pointer.champion
    assert following.refused == 1


def test_pointer_that_is_none_is_refused(own, following):
    point(own, "no pointer")
    with following._changed:
        assert following._changed.wait_for(lambda: following.refused == 1, SOON_S)
    assert following.generation == 1


def test_golden_difference_at_the_start_is_an_error(own, second_candidate):
    bundle = own.champion()
    shutil.copy(second_candidate / "model" / "model.ubj", bundle / "model" / "model.ubj")
    manifest = json.loads((bundle / artifact.MANIFEST).read_text())
    facts = {name: value for name, value in manifest.items() if name not in ("files", "kind")}
    spoiled = artifact.complete(bundle, "bundle", facts)
    other = artifact.content_id(spoiled.manifest)
    bundle.rename(bundle.with_name(other))
    (own.path / LIVE).write_text(own.released().text().replace(own.released().champion, other))
    with pytest.raises(ArtifactError, match="the score differs in"):
        LiveScorer(own.path, poll_s=1)


def test_nothing_released(tmp_path):
    with pytest.raises(ArtifactError, match="no bundle is released here"):
        LiveScorer(tmp_path, poll_s=1)


def test_one_for_a_process(own, monkeypatch):
    monkeypatch.setattr(live, "_shared", {})
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = {id(scorer) for scorer in pool.map(lambda _: live.shared(own.path, 5.0), range(8))}
    assert len(found) == 1
    live.shared(own.path, 5.0).close()


def test_many_threads_see_one_scorer_per_batch(following, own, second_bundle, trips):
    """Whatever the moment of the switch, features and scores of a batch are one bundle's."""
    batch = trips.slice(0, 40)
    wanted = {following.current().bundle_id: following.current().score(batch).scores.tobytes()}

    def score(_):
        scorer = following.current()
        return scorer.bundle_id, scorer.score(batch).scores.tobytes()

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        early = [pool.submit(score, None) for _ in range(60)]
        second_bundle(own.path)
        assert following.wait_for(2, SOON_S)
        late = [pool.submit(score, None) for _ in range(30)]
    wanted[following.current().bundle_id] = following.current().score(batch).scores.tobytes()
    seen = [future.result() for future in early + late]
    assert all(wanted[bundle] == scores for bundle, scores in seen)
    assert {bundle for bundle, _ in seen} == set(wanted)
