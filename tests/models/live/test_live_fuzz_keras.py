"""A follower that meets hostile bundles of the family `keras` goes on serving; seeded, as `test_live_fuzz` is."""

import random

import pytest

from models.registry.registry import Registry
from tests.models.live.test_live_fuzz import Follower, meet
from tests.support import fuzz_mutations as mutations
from tests.verbs.test_keras_family import keras_candidate  # noqa: F401 - a fixture

pytestmark = [pytest.mark.needs_time, pytest.mark.timeout(3600)]

NETWORK = "model/network/saved_model.pb"
FILES = ("model/background.npy", "model/network/variables/variables.index", "model/model.json", NETWORK)
KINDS = ("operation", "facts", "bytes", "place")


def spoil(rng: random.Random, folder, manifest, kind: str) -> None:
    """Change one file of the model folder of a copy of a bundle; the manifest fits it afterwards."""
    if kind == "operation":
        name = NETWORK
        mutations.replace(folder / name, mutations.of_network(rng, (folder / name).read_bytes()))
    elif kind == "facts":
        name = "model/model.json"
        mutations.replace(folder / name, mutations.of_json(rng, (folder / name).read_bytes()))
    elif kind == "bytes":
        name = rng.choice(FILES)
        mutations.replace(folder / name, mutations.of_bytes(rng, (folder / name).read_bytes()))
    else:
        name = rng.choice(FILES)
        mutations.in_place_of(rng, folder / name)
    mutations.fit(folder, manifest, [name])


@pytest.fixture
def follower(keras_candidate, tmp_path):  # noqa: F811 - the fixture
    registry = Registry(tmp_path / "registry")
    registry.release(keras_candidate, who="tests", when="now", why="first")
    one = Follower(registry.path)
    yield one
    one.live.close()


def test_bundles(follower, trips, capsys, request):
    checks = ("no plain file", "operations", "SavedModel", "model")
    meet(follower, trips, capsys, request.config.getoption("--fuzz-bundles"), "keras", spoil, KINDS, checks)
