"""The registry: generations, release, rollback, and pointers that are not."""

import json
import shutil
import threading

import pytest

from models.registry.generations import Generations
from models.registry.pointer import LIVE_FILE, Pointer
from models.registry.registry import Registry
from models.variants.variants import Variants
from schemas.artifacts import artifact
from schemas.artifacts.signature import key_fingerprint, load_private_key
from schemas.errors import ArtifactError, InputError
from tests.support.artifact_fixtures import another_bundle
from tests.support.signing_keys import make_key

OLD = """{"challengers": %s, "champion": "a", "generation": 1, "shadows": [], "when": "", "who": "", "why": ""}"""


@pytest.fixture
def own(registry, tmp_path) -> Registry:
    """A copy of the registry that a test may write to."""
    return Registry(shutil.copytree(registry, tmp_path / "registry"))


def test_first_generation(registry):
    pointer = Registry(registry).released()
    assert (pointer.generation, pointer.who, pointer.why) == (1, "tests", "first")
    assert Registry(registry).bundles() == [pointer.champion]
    assert Registry(registry).champion().name == pointer.champion
    assert Registry(registry).history() == [pointer]


def test_release_and_rollback_write_the_next_generation(own, second_bundle):
    first = own.released()
    second = second_bundle(own.path)
    assert (second.generation, second.champion != first.champion) == (2, True)
    back = own.rollback(None, "me", "2024-01-03T00:00:00Z", "worse")
    assert (back.generation, back.champion, back.why) == (3, first.champion, "worse")
    forth = own.rollback(second.champion, "me", "2024-01-04T00:00:00Z", "")
    assert forth == own.live()
    assert [pointer.champion for pointer in own.history()] == [
        first.champion,
        second.champion,
        first.champion,
        second.champion,
    ]
    assert json.loads((own.path / LIVE_FILE).read_text()) == json.loads((own.path / "history/000004.json").read_text())


def test_nothing_released(tmp_path):
    empty = Registry(tmp_path / "registry")
    assert empty.live() is None
    assert empty.bundles() == []
    for call in (empty.champion, lambda: empty.rollback(None, "", "", "")):
        with pytest.raises(ArtifactError, match="no bundle is released here"):
            call()


def test_rollback_without_predecessor(own):
    with pytest.raises(InputError, match="has no predecessor"):
        own.rollback(None, "me", "now", "")
    with pytest.raises(InputError, match="is the champion already"):
        own.rollback(own.released().champion, "me", "now", "")


@pytest.mark.parametrize("bundle", ["000000000000", "../bundles", "", "."])
def test_unknown_bundle(own, bundle):
    with pytest.raises(ArtifactError, match="no bundle"):
        own.rollback(bundle, "me", "now", "")
    assert own.released().generation == 1


def test_bundle_under_another_name_is_refused(own):
    champion = own.champion()
    champion.rename(champion.with_name("0123456789ab"))
    with pytest.raises(ArtifactError, match="its content is that of bundle"):
        own.bundle_path("0123456789ab")


def test_altered_bundle_is_not_pointed_at(own, second_bundle):
    first = own.released().champion
    second_bundle(own.path)
    (own.bundle_path(first) / "model" / "model.ubj").write_bytes(b"")
    with pytest.raises(ArtifactError, match="its bytes are not those in the manifest"):
        own.rollback(first, "me", "now", "")
    assert own.released().generation == 2


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[1]", '{"generation": "1"}', "\x00", OLD % '{"b": 0.1}', OLD % '[{"bundle": "b"}]', OLD % '["b"]'],
)
def test_pointer_that_is_none(own, text):
    (own.path / LIVE_FILE).write_text(text)
    with pytest.raises(ArtifactError, match="not a registry pointer"):
        own.live()


def test_crash_between_history_and_pointer(own, second_bundle):
    """The generation that was written but never went live is not written again."""
    live = own.released()
    lost = Pointer(2, live.variants, "me", "now", "crashed")
    (own.path / "history" / "000002.json").write_text(lost.text())
    assert own.released() == live
    assert second_bundle(own.path).generation == 3


def test_rollback_does_not_go_to_a_generation_that_never_served(own, second_bundle):
    """Its writer was killed before it went live, and the one after it was written by somebody else."""
    first, second = own.released(), second_bundle(own.path)
    never = another_bundle(own.bundle_path(first.champion), threshold=0.01)
    lost = Pointer(3, Variants(never), "me", "now", "killed", second.generation)
    (own.path / "history" / "000003.json").write_text(lost.text())
    fourth = own.point_at(Variants(first.champion, experiment="new"), "me", "now", "")
    assert (fourth.generation, fourth.after) == (4, 2)
    assert own.rollback(None, "me", "now", "").variants == second.variants
    assert own.rollback(None, "me", "now", "").variants == fourth.variants


def test_rollback_goes_by_the_order_where_an_older_version_wrote_the_history(own, second_bundle):
    first, second = own.released(), second_bundle(own.path)
    for path in [own.path / LIVE_FILE, *(own.path / "history").iterdir()]:
        said = json.loads(path.read_text())
        said.pop("after", None)
        path.write_text(json.dumps(said))
    assert own.released().after is None
    third = own.point_at(Variants(second.champion, experiment="new"), "me", "now", "")
    assert third.after == 2
    assert own.rollback(None, "me", "now", "").variants == second.variants
    (own.path / LIVE_FILE).write_text((own.path / "history" / "000002.json").read_text())
    assert own.rollback(None, "me", "now", "").variants == first.variants


@pytest.mark.parametrize("after", ["0", "-1", '"1"', "true", "1.5", "1000000000"])
def test_a_pointer_that_comes_after_none_that_can_be(after):
    with pytest.raises(ArtifactError, match="its `after` is not from 1"):
        Pointer.from_text((OLD % "{}").replace("{", f'{{"after": {after}, ', 1), "live.json")


def test_two_releases_at_once_do_not_share_a_generation(own, monkeypatch):
    """Where a filesystem's locks are no locks: who comes second is told, and nothing has changed."""
    before = {path: path.read_bytes() for path in own.path.rglob("*.json")}
    monkeypatch.setattr(Generations, "next_number", lambda self, live: 1)
    with pytest.raises(ArtifactError, match="generation 1 was written by somebody else just now; run it again"):
        own.point_at(own.released().variants, "me", "now", "")
    assert {path: path.read_bytes() for path in own.path.rglob("*.json")} == before


def test_pointer_of_before_there_were_challengers_is_read():
    pointer = Pointer.from_text(OLD % "{}", "live.json")
    assert pointer == Pointer(1, Variants("a"), "", "", "")
    assert Pointer.from_text(pointer.text(), "live.json") == pointer


def test_pointer_says_why_its_weights_cannot_be():
    too_much = OLD % '[{"bundle": "b", "weight": 0.6}, {"bundle": "c", "weight": 0.5}]'
    with pytest.raises(ArtifactError, match=r"weight is 0\.5, the other challengers leave 0.4"):
        Pointer.from_text(too_much, "live.json")


def test_challenger_is_released_weighed_promoted_and_rolled_back(own, second_candidate):
    first = own.released()
    with_both = own.release(second_candidate, "me", "now", "", "challenger", 0.1, "autumn")
    (challenger,) = with_both.variants.challengers
    assert (with_both.champion, challenger.weight, with_both.variants.experiment) == (first.champion, 0.1, "autumn")
    assert own.live() == with_both
    heavier = own.point_at(with_both.variants.with_weight(challenger.bundle, 0.5), "me", "now", "")
    promoted = own.point_at(heavier.variants.promoted(challenger.bundle), "me", "now", "")
    assert (promoted.champion, promoted.variants.challengers) == (challenger.bundle, ())
    back = own.rollback(None, "me", "now", "")
    assert (back.generation, back.variants) == (5, heavier.variants)
    assert own.rollback(challenger.bundle, "me", "now", "").variants == promoted.variants


def test_what_cannot_serve_is_refused_before_it_is_written(own, second_candidate, tmp_path):
    before = sorted(own.path.rglob("*"))
    with pytest.raises(InputError, match=r"weight is 1\.5, wanted a share"):
        own.release(second_candidate, "me", "now", "", "challenger", 1.5)
    with pytest.raises(InputError, match="experiment 'a b'"):
        own.release(second_candidate, "me", "now", "", "champion", 0.0, "a b")
    assert sorted(own.path.rglob("*")) == before
    with pytest.raises(ArtifactError, match="no bundle is released here"):
        Registry(tmp_path / "empty").release(second_candidate, "me", "now", "", "shadow")
    with pytest.raises(ArtifactError, match="no bundle '0123456789ab'"):
        own.point_at(own.released().variants.with_shadow("0123456789ab"), "me", "now", "")


def test_a_bundle_whose_writer_was_killed_before_it_had_its_name_is_none(own):
    shutil.copytree(own.champion(), own.path / "bundles" / ".unfinished-0")
    assert own.bundles() == [own.released().champion]


def test_two_that_sign_at_once_both_have_signed(own, tmp_path):
    champion = own.released().champion
    keys = [load_private_key(make_key(tmp_path, f"key{number}").private) for number in range(4)]
    start = threading.Barrier(len(keys))

    def sign(key):
        start.wait()
        Registry(own.path).sign(champion, key)

    threads = [threading.Thread(target=sign, args=[key]) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    signed = {one.key for one in artifact.signers(own.bundle_path(champion))}
    assert signed == {key_fingerprint(key.public_key()) for key in keys}


def test_bundles_of_two_use_cases_do_not_serve_together(own, second_bundle):
    first = own.released().champion
    other = own.path / "bundles" / second_bundle(own.path).champion
    manifest = json.loads((other / artifact.MANIFEST).read_text())
    facts = {name: value for name, value in manifest.items() if name not in ("files", "kind")}
    renamed = artifact.content_id(artifact.complete(other, "bundle", {**facts, "use_case": "fraud"}).manifest)
    other.rename(other.with_name(renamed))
    with pytest.raises(InputError, match="use cases fraud, taxi cannot serve together"):
        own.point_at(Variants(first).with_shadow(renamed), "me", "now", "")
