"""The loader without any thread: what it loads, what it takes from before, and what it will not do twice."""

import pathlib
import shutil
import threading

import pytest

from models.isolation.bundle_trial import unchecked
from models.isolation.trial import TrialEnded, Trials
from models.isolation.tried import TriedBundles
from models.live.loader import BundleLoader
from models.registry.pointer import Pointer
from models.registry.registry import Registry
from models.variants.variants import Variants
from schemas.errors import ArtifactError
from tests.support.artifact_fixtures import another_bundle

NEVER = threading.Event()


def always() -> bool:
    return True


@pytest.fixture
def own(registry: pathlib.Path, tmp_path: pathlib.Path) -> Registry:
    return Registry(shutil.copytree(registry, tmp_path / "registry"))


@pytest.fixture
def loader(own: Registry, trials: Trials) -> BundleLoader:
    return BundleLoader(own, unchecked, trials, TriedBundles())


def pointer_at(*bundles: str) -> Pointer:
    champion, *shadows = bundles
    return Pointer(2, Variants(champion, shadows=tuple(shadows)), "tests", "now", "")


def test_what_serves_is_taken_as_it_is_and_what_is_new_shares_its_graph(own: Registry, loader: BundleLoader) -> None:
    first = loader.load(own.released(), None, always, NEVER)
    assert list(first.scorers) == [own.released().champion]
    assert loader.kept == (own.released().champion,)
    loader.forget()
    loader.rest()
    other = another_bundle(own.champion(), threshold=0.01)
    second = loader.load(pointer_at(own.released().champion, other), first, always, NEVER)
    assert second.champion is first.champion
    assert second.scorers[other].graph is first.champion.graph
    assert second.scorers[other].threshold == 0.01
    assert loader.kept == (other,)


def test_it_is_busy_only_while_it_loads(own: Registry, loader: BundleLoader) -> None:
    assert (loader.making, loader.trying, loader.busy_s()) == ("", "", 0.0)
    loader.load(own.released(), None, always, NEVER)
    assert loader.making == own.released().champion
    assert loader.busy_s() > 0
    loader.rest()
    assert (loader.making, loader.trying, loader.busy_s()) == ("", "", 0.0)


def test_a_pointer_that_is_not_wanted_any_more_is_left(own: Registry, loader: BundleLoader) -> None:
    ended = threading.Event()
    ended.set()
    with pytest.raises(TrialEnded):
        loader.load(own.released(), None, always, ended)
    with pytest.raises(TrialEnded, match="generation 1 is not wanted any more"):
        loader.load(own.released(), None, lambda: False, NEVER)
    assert loader.kept == ()


def test_a_refused_bundle_is_not_tried_again_while_its_files_are_the_same(own: Registry, loader: BundleLoader) -> None:
    bad = another_bundle(own.champion(), golden_rows=300)
    with pytest.raises(ArtifactError, match="has 256 golden rows, the manifest says 300"):
        loader.load(pointer_at(bad), None, always, NEVER)
    with pytest.raises(ArtifactError, match=f"bundle {bad} was refused before .*: .*the manifest says 300"):
        loader.load(pointer_at(bad), None, always, NEVER)


@pytest.mark.parametrize("family", ["forest", ["xgboost"], 3])
def test_a_family_that_is_not_there_is_refused_before_any_trial(own: Registry, family: object) -> None:
    unused = Trials()
    loader = BundleLoader(own, unchecked, unused, TriedBundles())
    bad = another_bundle(own.champion(), family=family)
    with pytest.raises(
        ArtifactError, match=r"its manifest has 'family' .*, wanted one of xgboost, keras; release again"
    ):
        loader.load(pointer_at(bad), None, always, NEVER)
    assert unused.pid is None


def test_bundles_of_two_use_cases_do_not_serve_together(own: Registry, loader: BundleLoader) -> None:
    other = another_bundle(own.champion(), use_case="fraud")
    with pytest.raises(ArtifactError, match="is of use case fraud, wanted taxi"):
        loader.load(pointer_at(own.released().champion, other), None, always, NEVER)
