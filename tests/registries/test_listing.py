"""All that a registry holds, as a value and for people."""

from beam_jobs.registries.bundle_text import bundle_text
from beam_jobs.registries.listing import listing, listing_text
from models.registry.registry import Registry, describe_bundle


def test_a_registry_is_listed(registry) -> None:
    listed = listing(str(registry))
    champion = Registry(registry).released().champion
    assert (listed["champion"], listed["bundles"], listed["troubles"]) == (champion, [champion], [])
    first, bundle, generation = listing_text(listed).splitlines()
    assert first == f"{registry}: 1 bundle"
    assert bundle == f"  {champion}  champion  not signed"
    assert generation.startswith(f"  generation 1: champion {champion}  ")


def test_an_empty_registry(tmp_path) -> None:
    listed = listing(str(tmp_path))
    assert (listed["live"], listed["champion"], listed["bundles"]) == (None, None, [])


def test_a_bundle_for_people(registry) -> None:
    own = Registry(registry)
    text = bundle_text(describe_bundle(own.champion(), None))
    assert text.startswith(f"bundle {own.released().champion}: taxi, xgboost\n  test split: AUC ")
    assert text.endswith("\n  not signed")
