"""A small graph, training set, candidate and registry of the taxi use case, made once for all processes of a test run.

What is heavy is imported when a test asks for it: tests of the schemas need no TensorFlow.
"""

import gzip
import json
import pathlib
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from tests.support.shared import made_once, shared_folder

if TYPE_CHECKING:
    from models.isolation.trial import Trials
    from models.registry.registry import Pointer, Registry
    from models.scoring.scorer import Scorer
    from models.use_case import UseCase


TRIPS = pathlib.Path(__file__).parents[2] / "schemas" / "data" / "taxi.csv.gz"
BAD_LINES = [b"1,2,3", b"\xff\xfe", b'"']


@pytest.fixture(scope="session")
def trials() -> "Trials":
    """Where the jobs of this process have bundles tried: one child, which stays warm."""
    from beam_jobs.registries import first_loads

    return first_loads.trials()


@pytest.fixture(scope="session")
def taxi() -> "UseCase":
    from models.use_case import find

    return find("taxi")


@pytest.fixture(scope="session")
def trips(taxi) -> pa.RecordBatch:
    """All 15,002 shipped trips as one raw batch, training's columns included."""
    from tests.support.small_artifacts import read_trips

    return read_trips(taxi)


@pytest.fixture(scope="session")
def trip_lines() -> list[bytes]:
    """The header and the first 2,000 shipped trips as they stand in the file."""
    return gzip.decompress(TRIPS.read_bytes()).splitlines()[:2001]


@pytest.fixture(scope="session")
def trip_files(trip_lines, tmp_path_factory) -> pathlib.Path:
    """A folder of two files, one of them with bad rows and a trip without a tip among the good."""

    def make(folder: pathlib.Path) -> None:
        (folder / "a.csv.gz").write_bytes(gzip.compress(b"\n".join(trip_lines[:1001]) + b"\n"))
        unlabelled = trip_lines[1001].rpartition(b",")[0] + b","
        rows = [trip_lines[0], *BAD_LINES[:2], *trip_lines[1001:1500], unlabelled, BAD_LINES[2], *trip_lines[1500:]]
        (folder / "b.csv").write_bytes(b"\r\n".join(rows))

    return made_once(shared_folder(tmp_path_factory), "raw", make)


@pytest.fixture(scope="session")
def built(trip_files, tmp_path_factory) -> pathlib.Path:
    """The training set that the verb builds of those files; read only."""
    from beam_jobs.cli.command_line import main

    def make(folder: pathlib.Path) -> None:
        data, output = str(trip_files / "*.csv*"), str(folder / "training_set")
        argv = ["--use-case", "taxi", "--data", data, "--output", output, "--rows-per-shard", "500"]
        assert main(["build_training_set", *argv]) == 0

    return made_once(shared_folder(tmp_path_factory), "built", make) / "training_set"


@pytest.fixture(scope="session")
def taxi_graph(built) -> pathlib.Path:
    """The graph directory of a build; read only."""
    return built / "graph"


@pytest.fixture(scope="session")
def small_training_set(taxi, trips, taxi_graph, tmp_path_factory) -> pathlib.Path:
    """A training set of 3,000 trips; read only."""
    from tests.support.small_artifacts import write_training_set

    def make(folder: pathlib.Path) -> None:
        write_training_set(taxi, taxi_graph, trips.slice(0, 3000), folder / "training_set")

    return made_once(shared_folder(tmp_path_factory), "small", make) / "training_set"


@pytest.fixture(scope="session")
def candidate(taxi, small_training_set, tmp_path_factory) -> pathlib.Path:
    """An evaluated candidate that passed its gates; read only."""
    from tests.support.small_artifacts import make_candidate

    def make(folder: pathlib.Path) -> None:
        make_candidate(taxi, small_training_set, folder / "candidate")

    path = made_once(shared_folder(tmp_path_factory), "first", make) / "candidate"
    verdict = json.loads((path.with_name("candidate.evaluation") / "verdict.json").read_text())
    assert verdict["passed"], verdict
    return path


@pytest.fixture(scope="session")
def registry(candidate, tmp_path_factory) -> pathlib.Path:
    """A registry with one released taxi bundle; read only: copy it before you release into it."""
    from models.registry.registry import Registry

    def make(folder: pathlib.Path) -> None:
        Registry(folder / "registry").release(candidate, who="tests", when="2024-01-01T00:00:00Z", why="first")

    return made_once(shared_folder(tmp_path_factory), "released", make) / "registry"


@pytest.fixture(scope="session")
def second_candidate(taxi, small_training_set, tmp_path_factory) -> pathlib.Path:
    """Another evaluated candidate, trained with another seed; release it into a copy of the registry."""
    from tests.support.small_artifacts import make_candidate

    def make(folder: pathlib.Path) -> None:
        make_candidate(taxi, small_training_set, folder / "candidate", seed=2)

    return made_once(shared_folder(tmp_path_factory), "second", make) / "candidate"


@pytest.fixture
def second_bundle(second_candidate) -> "Callable[[pathlib.Path], Pointer]":
    """Return `release(registry) -> Pointer`: releases the second bundle there (a copy), the next generation."""

    from models.registry.registry import Registry

    def release(path: pathlib.Path) -> "Pointer":
        return Registry(path).release(second_candidate, who="tests", when="2024-01-02T00:00:00Z", why="second")

    return release


@pytest.fixture
def registry_of_two(registry, tmp_path, second_bundle) -> "Registry":
    """A registry of the test's own with two generations."""
    from models.registry.registry import Registry

    path = shutil.copytree(registry, tmp_path / "registry")
    second_bundle(path)
    return Registry(path)


@pytest.fixture(scope="session")
def scorers(registry, second_candidate, tmp_path_factory) -> "dict[str, Scorer]":
    """Three bundles of one graph, by id: the first, the second, and the first with another threshold."""
    from models.registry.registry import Registry
    from models.scoring.scorer import Scorer

    own = Registry(shutil.copytree(registry, tmp_path_factory.mktemp("three") / "registry"))
    first = own.released().champion
    second = own.release(second_candidate, "tests", "now", "").champion
    third = another_bundle(own.bundle_path(first), threshold=0.001)
    loaded: dict[str, Scorer] = {}
    for bundle in (first, second, third):
        graphs = {scorer.graph.fingerprint: scorer.graph for scorer in loaded.values()}
        loaded[bundle] = Scorer.load(own.bundle_path(bundle), graphs=graphs)
    return loaded


def another_bundle(bundle: pathlib.Path, **facts: object) -> str:
    """Write a copy of a bundle beside it whose manifest says something else; return its id."""
    from schemas.artifacts import artifact

    copy = shutil.copytree(bundle, bundle.with_name("another"))
    manifest = json.loads((copy / artifact.MANIFEST).read_text())
    kept = {name: value for name, value in manifest.items() if name not in ("files", "kind")}
    made = artifact.content_id(artifact.complete(copy, "bundle", {**kept, **facts}).manifest)
    copy.rename(copy.with_name(made))
    return made
