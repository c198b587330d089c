"""A follower that meets hostile pointers, manifests and bundles goes on serving, and takes a valid rollback afterwards.

Seeded: a failure names its case. `--fuzz-bundles 1000` tries so many bundles instead of 100.
"""

import collections
import json
import os
import pathlib
import random
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from models.live.live import Change, LiveScorer
from models.registry.pointer import LIVE_FILE, Pointer
from models.registry.registry import Registry
from models.scoring.golden import FILE as GOLDEN
from models.variants.variants import Variants
from schemas import fingerprint
from schemas.artifacts import artifact
from schemas.errors import ArtifactError, OnegraphError
from tests.support import fuzz_mutations as mutations
from transforms.graph.graph import graph_fingerprint

pytestmark = [pytest.mark.needs_time, pytest.mark.timeout(3600)]
POINTERS, MANIFESTS = 600, 400
SEED = 11
POLL_S = 0.005
PATIENCE_S = 120

# By which check something was refused: the first whose words are in the reason. A deeper check stands further down.
CHECKS = {
    "no plain file": r"no plain file|a link;|over [\d,]+ bytes",
    "no JSON": r"no JSON|not UTF-8|nested too deep|a number too long|not finite|surrogate|stands twice in an object",
    "not a pointer": r"not a registry pointer",
    "who serves": r"serves already|more than 100 bundles|weight is|is no part of|experiment '|parts of the line",
    "no such bundle": r"no bundle ",
    "marker": r"COMPLETED",
    "kind": r"of no kind that is known|: an? \S+, wanted a",
    "files": r"no sha256 and size|names a file outside|are no object|not an object with facts",
    "bytes": r"its bytes are not those|missing, the manifest names it|not in the manifest",
    "id": r"its content is that of bundle",
    "facts": r"says nothing of|its manifest has",
    "schema": r"schema",
    "operations": r"operation |no asset of the graph|an asset of its SavedModel",
    "SavedModel": r"its SavedModel",
    "graph directory": r"not a graph directory|not the graph|raw batch: ",
    "model": r"not an XGBoost model|model\.ubj|its features are|tree|family keras|background row|its network",
    "golden rows": r"golden rows",
    "use case": r"use case",
    "the process that tried it": r"ended the process|within [\d.]+ s|GiB of memory",
    "refused before": r"was refused before",
}


class Looked(Registry):
    """A registry that counts how often its pointer was looked at."""

    looks = 0

    def live(self):
        try:
            return super().live()
        finally:
            self.looks += 1


class Follower:
    """A live scorer on a registry of its own, and what it said of each pointer that it was shown."""

    def __init__(self, path: pathlib.Path):
        self.path = path
        self.registry = Looked(path)
        self._heard: list[Change] = []
        self._more = threading.Condition()
        self.refusals: collections.Counter[str] = collections.Counter()
        self.outcomes: collections.Counter[str] = collections.Counter()
        self.live = LiveScorer(self.registry, POLL_S, self._hear)

    def _hear(self, change: Change) -> None:
        with self._more:
            self._heard.append(change)
            self._more.notify_all()

    def show(self, data: bytes, case: str) -> None:
        """Put a pointer there and wait until the follower has decided on it."""
        before = self.live.generation
        with self._more:
            self._heard.clear()
        (self.path / "next").write_bytes(data)
        os.replace(self.path / "next", self.path / LIVE_FILE)
        looks, trouble = self.registry.looks, None
        try:
            pointer = Registry(self.path).live()
        except ArtifactError as error:
            pointer, trouble = None, str(error)
        if pointer is not None and pointer.generation != before:
            self._wait(lambda: any(one.pointer == pointer for one in self._heard), case)
        self._wait(lambda: self.registry.looks > looks + 2, case)
        Registry(self.path).standing()
        whys = [one.why for one in self._heard if not one.served] or ([trouble] if trouble else [])
        served = any(one.served for one in self._heard)
        self.outcomes["served" if served else "refused" if whys else "as it was"] += 1
        for why in whys[:1]:
            assert "\n" not in why, (case, why)
            self.refusals[check_of(why)] += 1

    def _wait(self, true, case: str) -> None:
        with self._more:
            for _ in range(int(PATIENCE_S / 0.005)):
                if true():
                    return
                self._more.wait(0.005)
        pytest.fail(f"{case}: the follower does not answer")

    def show_bundle(self, made: pathlib.Path, name: str, number: int, case: str) -> None:
        """Put a bundle into the registry under that name, point at it, and take it away unless it serves now."""
        bundle = made.rename(made.with_name(name))
        pointer = Pointer(self.live.generation + 1 + number, Variants(name), "fuzz", "now", "")
        self.show(pointer.text().encode(), case)
        if self.live.current().champion.bundle_id != name:
            shutil.rmtree(bundle)

    def serves(self, trips, case: str) -> None:
        """Fail where the follower's bundle does not score."""
        scored = self.live.current().champion.score(trips)
        assert len(scored.scores) == trips.num_rows, case

    def cure(self, trips, champion: str) -> None:
        """Roll back from a pointer that cannot be read, as a person would; fail where it does not serve then."""
        self.show(b"\xff", "the last pointer")
        pointer = Registry(self.path).rollback(champion, "fuzz", "now", "cure")
        self._wait(lambda: any(one.served and one.pointer == pointer for one in self._heard), "the rollback")
        assert self.live.current().champion.bundle_id == champion
        self.serves(trips, "the rollback")

    def table(self) -> str:
        """Return the counts for people."""
        lines = [f"{sum(self.outcomes.values())} cases: " + ", ".join(f"{n} {k}" for k, n in self.outcomes.items())]
        names = [*CHECKS, *sorted(self.refusals.keys() - CHECKS.keys())]
        lines += [f"  {self.refusals[name]:5} {name}" for name in names if self.refusals[name]]
        return "\n".join(lines)


def check_of(why: str) -> str:
    """Return the name of the check that refused, or the reason without its paths and numbers."""
    said = re.sub(r"(/[\w.+-]+)+/", "", why)
    for name, words in CHECKS.items():
        if re.search(words, said):
            return name
    return "other: " + re.sub(r"[0-9a-f]{12}|\d+", "#", said)[:100]


@pytest.fixture
def follower(registry, second_bundle, tmp_path):
    path = shutil.copytree(registry, tmp_path / "registry")
    second_bundle(path)
    one = Follower(path)
    yield one
    one.live.close()


def copies(follower: Follower, count: int, what: str) -> Iterator[tuple[int, random.Random, pathlib.Path]]:
    """Yield numbers, each with its random source and a copy, yet without a name, of one of the two good bundles."""
    good = [pointer.champion for pointer in Registry(follower.path).history()]
    bundles = follower.path / "bundles"
    for number in range(count):
        rng = random.Random(f"{SEED} {what} {number}")
        yield number, rng, mutations.linked(bundles / rng.choice(good), bundles / "made")


def test_pointers(follower, trips, capsys):
    first, second = (pointer.champion for pointer in Registry(follower.path).history())
    batch = trips.slice(0, 20)
    for number in range(POINTERS):
        rng = random.Random(f"{SEED} pointer {number}")
        generation = follower.live.generation + rng.choice([1, 1, 2, 1000, -1])
        variants = rng.choice(
            [Variants(first), Variants(second).with_challenger(first, 0.25), Variants(first, (), (second,))]
        )
        base = Pointer(max(1, generation), variants, "fuzz", "now", "why")
        follower.show(mutations.of_pointer(rng, base.text().encode()), f"pointer {number}")
        if number % 50 == 0:
            follower.serves(batch, f"pointer {number}")
    follower.cure(batch, first)
    follower.cure(batch, second)
    with capsys.disabled():
        print(f"\npointers: {follower.table()}")
    for check in ("no JSON", "not a pointer", "who serves", "no such bundle"):
        assert follower.refusals[check] > 10, check


def test_manifests(follower, trips, capsys):
    """Half of them are made to fit: the marker the manifest, the folder's name its content."""
    first, batch = Registry(follower.path).history()[0].champion, trips.slice(0, 20)
    for number, rng, folder in copies(follower, MANIFESTS, "manifest"):
        good = (folder / artifact.MANIFEST).read_bytes()
        bad = mutations.of_json(rng, good) if rng.random() < 0.8 else mutations.of_bytes(rng, good)
        name = "e" * 12
        if number % 2:
            name = mutations.mark(folder, bad)
        else:
            mutations.replace(folder / artifact.MANIFEST, bad)
        if folder.with_name(name).exists():
            shutil.rmtree(folder)
            continue
        follower.show_bundle(folder, name, number, f"manifest {number}")
        if number % 50 == 0:
            follower.serves(batch, f"manifest {number}")
    follower.cure(batch, first)
    with capsys.disabled():
        print(f"\nmanifests: {follower.table()}")
    for check in ("no JSON", "marker", "files", "bytes", "kind", "facts"):
        assert follower.refusals[check] > 2, check


TEXTS = ("graph/features.json", "graph/schema.pbtxt", "schema.pbtxt", "training.json")
KINDS = ("trees", "graph", "golden", "threshold", "text", "bytes", "place")


def spoil(rng: random.Random, folder: pathlib.Path, manifest: dict[str, Any], kind: str) -> None:
    """Change something in a copy of a bundle, and make its manifest fit four times out of five."""
    names = sorted(manifest["files"])
    if kind == "trees":
        name = "model/model.ubj"
        mutations.replace(folder / name, mutations.of_trees(rng, (folder / name).read_bytes()))
    elif kind == "graph":
        name = "graph/transform_fn/saved_model.pb"
        mutations.replace(folder / name, mutations.of_graph(rng, (folder / name).read_bytes()))
    elif kind == "golden":
        name = f"golden/{GOLDEN}"
        shutil.copy(folder / name, folder / "copy")
        os.replace(folder / "copy", folder / name)
        mutations.of_golden(rng, folder / name)
    elif kind == "threshold":
        name = ""
        manifest[rng.choice(["threshold", "golden_rows", "rounds"])] = rng.choice(
            ["abc", [0.5], None, -1, 0, 1, 127, 2, True, 1e300, {}]
        )
    elif kind == "text":
        name = rng.choice(TEXTS)
        data = (folder / name).read_bytes()
        as_json = name.endswith(".json") and rng.random() < 0.8
        mutations.replace(folder / name, (mutations.of_json if as_json else mutations.of_bytes)(rng, data))
    elif kind == "bytes":
        name = rng.choice(names)
        mutations.replace(folder / name, mutations.of_bytes(rng, (folder / name).read_bytes()))
    else:
        name = rng.choice([*names, artifact.MANIFEST, artifact.MARKER])
        mutations.in_place_of(rng, folder / name)
    if name.startswith("graph/") and rng.random() < 0.8 and (folder / name).is_file():
        manifest["graph_fingerprint"] = graph_fingerprint(folder / "graph")
    if name == "schema.pbtxt" and (folder / name).is_file():
        manifest["schema_fingerprint"] = fingerprint.of_file(folder / name)
    if rng.random() < 0.8 and (folder / artifact.MANIFEST).is_file() and (folder / artifact.MARKER).is_file():
        mutations.fit(folder, manifest, [name] if name else [])


Spoil = Callable[[random.Random, pathlib.Path, dict[str, Any], str], None]


def meet(follower, trips, capsys, count: int, kind: str, spoil: Spoil, kinds: Sequence[str], checks: Sequence[str]):
    """Show a follower so many spoilt copies of a bundle; it serves after each, and each check has refused some."""
    first, batch = Registry(follower.path).history()[0].champion, trips.slice(0, 20)
    for number, rng, folder in copies(follower, count, kind):
        manifest = json.loads((folder / artifact.MANIFEST).read_bytes())
        manifest["versions"]["case"] = str(number)  # a bundle of its own, whatever becomes of it
        mutations.fit(folder, manifest, [])
        spoil(rng, folder, manifest, kinds[number % len(kinds)])
        try:
            name = artifact.content_id(artifact.open_artifact(folder, "bundle").manifest)
        except OnegraphError:
            name = "e" * 12
        follower.show_bundle(folder, name, number, f"bundle {number}")
        follower.serves(batch, f"bundle {number}")
    follower.cure(batch, first)
    with capsys.disabled():
        print(f"\n{kind}: {follower.table()}")
    for check in checks:
        assert follower.refusals[check] > 0, check


def test_bundles(follower, trips, capsys, request):
    checks = ("no plain file", "bytes", "facts", "schema", "operations", "SavedModel", "model", "golden rows")
    meet(follower, trips, capsys, request.config.getoption("--fuzz-bundles"), "bundle", spoil, KINDS, checks)
