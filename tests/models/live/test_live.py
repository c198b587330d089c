"""The live scorer: switches to a good bundle, keeps the old one when the new one is bad."""

import concurrent.futures
import dataclasses
import gc
import json
import logging
import os
import pathlib
import re
import shutil
import sys
import threading
import weakref

import pytest

from models.families.boosting import xgb
from models.live.live import LiveScorer
from models.registry.pointer import LIVE_FILE
from models.registry.registry import Registry
from models.scoring.scorer import Scorer
from models.variants.variants import Variants
from schemas import fingerprint
from schemas.artifacts import artifact
from schemas.artifacts.signature import TrustedKeys, load_private_key
from schemas.errors import ArtifactError, InputError
from schemas.schema import Schema
from tests.support.artifact_fixtures import another_bundle
from tests.support.deadly_work import CheckOfOthers
from tests.support.first_at_once import first_at_once
from tests.support.hostile_bundles import split_out_of_range, spoiled
from tests.support.signing_keys import make_key
from tests.support.waiting import wait_until
from transforms.graph.graph import TransformGraph, graph_fingerprint

SOON_S = 30


@pytest.fixture
def own(registry, tmp_path) -> Registry:
    return Registry(shutil.copytree(registry, tmp_path / "registry"))


@pytest.fixture
def following(own, trials):
    scorer = LiveScorer(own.path, poll_s=0.02, trials=trials)
    yield scorer
    scorer.close()


def test_serves_the_champion(following, own, trips):
    assert following.generation == 1
    assert following.current().champion.bundle_id == own.released().champion
    assert len(following.current().champion.score(trips.slice(0, 3)).scores) == 3


def test_switches_to_the_next_generation(following, own, second_bundle):
    old = following.current()
    pointer = second_bundle(own.path)
    assert following.wait_for(2, SOON_S)
    assert following.current().champion.bundle_id == pointer.champion != old.champion.bundle_id
    assert (following.generation, following.refused) == (2, 0)


def test_old_scorer_still_scores_after_the_switch(following, own, second_bundle, trips):
    old = following.current()
    before = old.champion.score(trips.slice(0, 20)).scores.tobytes()
    second_bundle(own.path)
    assert following.wait_for(2, SOON_S)
    shutil.rmtree(own.path / "bundles" / old.champion.bundle_id)
    assert old.champion.score(trips.slice(0, 20)).scores.tobytes() == before


def point(own: Registry, text: str) -> None:
    """Replace the pointer in one step, as a release does."""
    (own.path / "next").write_text(text)
    os.replace(own.path / "next", own.path / LIVE_FILE)


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
    caplog.set_level(logging.WARNING, "models.live.live")
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
    shutil.copy(own.path / LIVE_FILE, own.path / "history" / "000002.json")
    pointer = second_bundle(own.path)
    assert following.wait_for(3, SOON_S)
    assert following.current().champion.bundle_id == pointer.champion
    assert following.refused == 1


def test_pointer_that_is_none_is_refused(own, following):
    point(own, "no pointer")
    wait_until(lambda: following.refused == 1, "it is not refused")
    assert following.generation == 1


def test_golden_difference_at_the_start_is_an_error(own, second_candidate, trials):
    bundle = own.champion()
    shutil.copy(second_candidate / "model" / "model.ubj", bundle / "model" / "model.ubj")
    manifest = json.loads((bundle / artifact.MANIFEST).read_text())
    facts = {name: value for name, value in manifest.items() if name not in ("files", "kind")}
    spoiled = artifact.complete(bundle, "bundle", facts)
    other = artifact.content_id(spoiled.manifest)
    bundle.rename(bundle.with_name(other))
    (own.path / LIVE_FILE).write_text(own.released().text().replace(own.released().champion, other))
    with pytest.raises(ArtifactError, match="the score differs in"):
        LiveScorer(own.path, poll_s=1, trials=trials)


def test_nothing_released(tmp_path, trials):
    with pytest.raises(ArtifactError, match="no bundle is released here"):
        LiveScorer(tmp_path, poll_s=1, trials=trials)


def test_many_threads_see_one_scorer_per_batch(following, own, second_bundle, trips):
    """Whatever the moment of the switch, features and scores of a batch are one bundle's."""
    batch = trips.slice(0, 40)
    wanted = {following.current().champion.bundle_id: following.current().champion.score(batch).scores.tobytes()}

    def score(_):
        scorer = following.current().champion
        return scorer.bundle_id, scorer.score(batch).scores.tobytes()

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        early = [pool.submit(score, None) for _ in range(60)]
        second_bundle(own.path)
        assert following.wait_for(2, SOON_S)
        late = [pool.submit(score, None) for _ in range(30)]
    wanted[following.current().champion.bundle_id] = following.current().champion.score(batch).scores.tobytes()
    seen = [future.result() for future in early + late]
    assert all(wanted[bundle] == scores for bundle, scores in seen)
    assert {bundle for bundle, _ in seen} == set(wanted)


def released_as(own: Registry, candidate, role, weight=0.0):
    return own.release(candidate, "tests", "now", "", role, weight)


@pytest.fixture
def loads(monkeypatch):
    """Which bundles were loaded since."""
    seen, real = [], Scorer.load

    def load(path, **more):
        seen.append(path.name)
        return real(path, **more)

    monkeypatch.setattr(Scorer, "load", load)
    return seen


def test_variants_switch_together_and_what_is_loaded_stays(following, own, second_candidate, loads):
    first = following.current().champion
    pointer = released_as(own, second_candidate, "challenger", 0.25)
    assert following.wait_for(2, SOON_S)
    second = pointer.variants.challengers[0].bundle
    serving = following.current()
    assert loads == [second]
    assert serving.champion is first
    assert list(serving.scorers) == [first.bundle_id, second]
    assert serving.scorers[second].graph is first.graph
    own.point_at(pointer.variants.with_weight(second, 0.5), "tests", "now", "")
    assert following.wait_for(3, SOON_S)
    assert following.current().variants.challengers[0].weight == 0.5
    promoted = own.point_at(own.released().variants.promoted(second), "tests", "now", "")
    assert following.wait_for(promoted.generation, SOON_S)
    assert following.current().champion is serving.scorers[second]
    own.rollback(None, "tests", "now", "")
    assert following.wait_for(5, SOON_S)
    assert following.current().variants.challengers[0].weight == 0.5
    assert loads == [second, first.bundle_id]
    assert sys.getswitchinterval() == pytest.approx(0.005)


@pytest.mark.parametrize("role", first_at_once(["challenger", "shadow"]))
def test_one_bad_bundle_refuses_the_whole_generation(own, second_candidate, role, trials):
    other = Registry(shutil.copytree(own.path, own.path.with_name("other")))
    pointer = released_as(other, second_candidate, role, 0.5)
    bad = pointer.variants.newest(role)
    following = LiveScorer(own.path, poll_s=0.02, trials=trials)
    try:
        old = following.current()
        shutil.copytree(other.bundle_path(bad), own.path / "bundles" / bad)
        spoil_byte(own.path / "bundles" / bad)
        point(own, pointer.text())
        assert following.wait_for(2, SOON_S)
        assert following.current() is old
        assert following.refused == 1
    finally:
        following.close()


def test_refused_bundle_is_tried_again_only_when_its_files_changed(following, own, loads, caplog):
    caplog.set_level(logging.WARNING, "models.live.live")
    bad = spoiled(own.champion(), split_out_of_range)
    for generation in (2, 3, 4):
        point(own, dataclasses.replace(own.released(), generation=generation, variants=Variants(bad)).text())
        assert following.wait_for(generation, SOON_S)
    assert loads == []
    assert (following.generation, following.refused) == (1, 3)
    assert "tree 0: a node's feature is out of range" in caplog.messages[0]
    assert "was refused before and its files are as they were" in caplog.messages[1]


def test_a_bundle_that_was_repaired_is_taken(following, own, second_candidate):
    """Where its files have the sizes and times of before too."""
    other = Registry(shutil.copytree(own.path, own.path.with_name("other")))
    pointer = released_as(other, second_candidate, "champion")
    copy = own.path / "bundles" / pointer.champion
    shutil.copytree(other.bundle_path(pointer.champion), copy)
    good, times = (copy / "model" / "model.ubj").read_bytes(), (copy / "model" / "model.ubj").stat()
    spoil_byte(copy)
    os.utime(copy / "model" / "model.ubj", ns=(times.st_atime_ns, times.st_mtime_ns))
    point(own, pointer.text())
    assert following.wait_for(2, SOON_S)
    assert following.generation == 1
    (copy / "model" / "model.ubj").write_bytes(good)
    os.utime(copy / "model" / "model.ubj", ns=(times.st_atime_ns, times.st_mtime_ns))
    point(own, dataclasses.replace(pointer, generation=3).text())
    assert following.wait_for(3, SOON_S)
    assert following.generation == 3


def test_old_model_is_freed(following, own, second_bundle):
    old = following.current().champion
    gone = [weakref.ref(old), weakref.ref(old.model)]
    del old
    second_bundle(own.path)
    assert following.wait_for(2, SOON_S)
    gc.collect()
    assert [one() for one in gone] == [None, None]


def test_graphs_of_the_generation_before_are_kept(following, own, monkeypatch):
    """A rollback to a bundle of another graph does not load that graph again."""
    first = following.current().champion
    copy = shutil.copytree(first.path, own.path / "bundles" / "copy")
    (copy / "graph" / "note.txt").write_text("another graph")
    other = another_bundle(copy, graph_fingerprint=graph_fingerprint(copy / "graph"))
    real, seen = TransformGraph.load, []

    def load(path):
        seen.append(path)
        return real(path)

    monkeypatch.setattr(TransformGraph, "load", load)
    own.point_at(Variants(other), "tests", "now", "")
    assert following.wait_for(2, SOON_S)
    assert following.current().champion.graph is not first.graph
    own.rollback(None, "tests", "now", "")
    assert following.wait_for(3, SOON_S)
    assert following.current().champion.graph is first.graph
    assert len(seen) == 1


def test_what_the_machine_refuses_is_tried_again(own, second_bundle, monkeypatch, trials):
    served = threading.Event()

    def changed(change):
        if change.served:
            served.set()

    following = LiveScorer(own.path, poll_s=0.02, on_change=changed, retry_s=0.02, trials=trials)
    try:
        troubles, real = [OSError("stale file handle")] * 3, Scorer.load

        def load(path, **more):
            if troubles:
                raise troubles.pop()
            return real(path, **more)

        monkeypatch.setattr(Scorer, "load", load)
        second_bundle(own.path)
        assert following.wait_for(2, SOON_S)
        assert (following.generation, following.refused, troubles) == (2, 0, [])
        served.clear()
        troubles += [OSError("stale file handle")] * 20
        own.rollback(None, "tests", "now", "")
        assert following.wait_for(3, SOON_S)
        assert (following.generation, following.refused) == (2, 1)
        assert served.wait(SOON_S), "the trouble is over"
        assert (following.generation, following.refused, troubles) == (3, 1, [])
    finally:
        following.close()


def test_a_pointer_that_changed_ends_the_wait_for_the_one_before(own, second_candidate, monkeypatch, trials):
    following = LiveScorer(own.path, poll_s=0.02, retry_s=3600, trials=trials)
    try:
        tried, real = threading.Event(), Scorer.load

        def load(path, **more):
            tried.set()
            raise OSError("stale file handle")

        monkeypatch.setattr(Scorer, "load", load)
        released_as(own, second_candidate, "shadow")
        assert tried.wait(SOON_S)
        monkeypatch.setattr(Scorer, "load", real)
        pointer = own.rollback(None, "tests", "now", "")
        assert following.wait_for(pointer, SOON_S)
        assert (following.generation, following.refused) == (3, 0)
    finally:
        following.close()


def test_bundle_that_the_job_cannot_use_is_refused(own, second_bundle, trials):
    first = own.released().champion
    check = CheckOfOthers(first, "refuse")
    following = LiveScorer(own.path, poll_s=0.02, check=check, trials=trials)
    try:
        second_bundle(own.path)
        assert following.wait_for(2, SOON_S)
        assert (following.generation, following.refused) == (1, 1)
    finally:
        following.close()
    with pytest.raises(InputError, match=r"no field 'fare' \(256 rows, 256\)"):
        LiveScorer(own.path, poll_s=1, check=check, trials=trials)


def test_bundle_of_another_use_case_is_refused(following, own):
    other = another_bundle(own.champion(), use_case="fraud")
    pointer = own.released()
    point(own, dataclasses.replace(pointer, generation=2, variants=Variants(other)).text())
    assert following.wait_for(2, SOON_S)
    assert (following.generation, following.refused) == (1, 1)


@pytest.fixture
def pair(tmp_path):
    return make_key(tmp_path, "ours")


@pytest.fixture
def parsed(monkeypatch):
    """What parsers of a bundle's files were given since."""
    seen: list[pathlib.Path] = []

    def noting(real):
        def load(path, *more):
            seen.append(path)
            return real(path, *more)

        return load

    for owner in (Schema, TransformGraph, xgb):
        monkeypatch.setattr(owner, "load", noting(owner.load))
    return seen


def unsigned(own, bundle, tmp_path):
    """As it was released."""


def by_a_stranger(own, bundle, tmp_path):
    own.sign(bundle, load_private_key(make_key(tmp_path, "stranger").private))


def altered_signature(own, bundle, tmp_path):
    own.sign(bundle, load_private_key(tmp_path / "ours-key.pem"))
    file = own.path / "bundles" / bundle / artifact.SIGNATURES
    scheme, key, signature = file.read_text().split()
    file.write_text(f"{scheme} {key} {'B' if signature[0] == 'A' else 'A'}{signature[1:]}\n")


def altered_manifest(own, bundle, tmp_path):
    own.sign(bundle, load_private_key(tmp_path / "ours-key.pem"))
    folder = own.path / "bundles" / bundle
    text = (folder / artifact.MANIFEST).read_text()
    (folder / artifact.MANIFEST).write_text(text.replace('"golden_rows": 256', '"golden_rows": 257'))
    (folder / artifact.MARKER).write_text(fingerprint.of_file(folder / artifact.MANIFEST) + "\n")


@pytest.mark.parametrize(
    ("make", "said"),
    first_at_once(
        [
            (unsigned, "not signed, wanted a signature by one of ours.pem"),
            (by_a_stranger, "signed by strangers only"),
            (altered_signature, "the signature of ours.pem .* does not fit the manifest"),
            (altered_manifest, "the signature of ours.pem .* does not fit the manifest"),
        ]
    ),
)
def test_bundle_without_a_trusted_signature(own, pair, second_candidate, parsed, caplog, tmp_path, make, said, trials):
    """Refused in a swap and at the start, before a parser sees any of it."""
    caplog.set_level(logging.WARNING, "models.live.live")
    trusted = TrustedKeys.of(pair.public)
    own.sign(own.released().champion, load_private_key(pair.private))
    following = LiveScorer(Registry(own.path, trusted), poll_s=0.02, trials=trials)
    try:
        old = following.current()
        other = Registry(shutil.copytree(own.path, own.path.with_name("other")))
        pointer = other.release(second_candidate, "tests", "now", "")
        shutil.copytree(other.bundle_path(pointer.champion), own.path / "bundles" / pointer.champion)
        make(own, pointer.champion, tmp_path)
        parsed.clear()
        point(own, pointer.text())
        assert following.wait_for(2, SOON_S)
        assert (following.current(), following.refused, parsed) == (old, 1, [])
        (warning,) = caplog.messages
        assert re.search(f"generation 2 refused: .*{said}", warning)
        with pytest.raises(ArtifactError, match=said):
            LiveScorer(Registry(own.path, trusted), poll_s=1, trials=trials)
        assert parsed == []
        if make in (unsigned, by_a_stranger):
            own.sign(pointer.champion, load_private_key(pair.private))
            point(own, dataclasses.replace(pointer, generation=3).text())
            assert following.wait_for(3, SOON_S)
            assert (following.current().champion.bundle_id, following.refused) == (pointer.champion, 1)
    finally:
        following.close()


def test_signatures_are_nobodys_business_without_trusted_keys(own, following, pair, second_bundle):
    (own.champion() / artifact.SIGNATURES).write_text("anything")
    second = second_bundle(own.path)
    assert following.wait_for(2, SOON_S)
    (own.path / "bundles" / second.champion / artifact.SIGNATURES).write_text("anything")
    own.rollback(None, "tests", "now", "")
    assert following.wait_for(3, SOON_S)
    assert following.refused == 0
