"""A follower that meets hostile bundles of the family `keras` goes on serving; seeded, as `test_live_fuzz` is."""

import json
import random

import pytest

from models.registry.registry import Registry
from schemas.artifacts import artifact
from schemas.errors import OnegraphError
from tests.models.live.test_live_fuzz import Follower, copies
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
    first, batch = Registry(follower.path).history()[0].champion, trips.slice(0, 20)
    for number, rng, folder in copies(follower, request.config.getoption("--fuzz-bundles"), "keras"):
        manifest = json.loads((folder / artifact.MANIFEST).read_bytes())
        manifest["versions"]["case"] = str(number)
        mutations.fit(folder, manifest, [])
        spoil(rng, folder, manifest, KINDS[number % len(KINDS)])
        try:
            name = artifact.content_id(artifact.open_artifact(folder, "bundle").manifest)
        except OnegraphError:
            name = "e" * 12
        follower.show_bundle(folder, name, number, f"bundle {number}")
        follower.serves(batch, f"bundle {number}")
    follower.cure(batch, first)
    with capsys.disabled():
        print(f"\nbundles of networks: {follower.table()}")
    for check in ("no plain file", "operations", "SavedModel", "model"):
        assert follower.refusals[check] > 0, check
