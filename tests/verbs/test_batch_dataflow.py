"""Batch verbs on Dataflow, as far as it goes without one: a stand-in runs the very jobs that Dataflow is sent.

They run in processes that share nothing with the submitting one but an object store.
A case of `validate`, the quickest of them, is in every run: tests/verbs/test_validate_runner.py.
"""

import json
import pathlib
import tempfile

import pytest

from beam_jobs.cli.command_line import main
from tests.support import dataflow_graphs, object_store
from tests.support.dataflow_stand_in import StandIn, stand_in
from tests.verbs.test_addressed_outputs import store, stored  # noqa: F401
from tests.verbs.test_workers import content

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def service():
    """A listener in Dataflow's place."""
    with stand_in() as server:
        yield server


@pytest.fixture
def flags(service, tmp_path, tmp_path_factory):
    """What sends a job there; nothing may be left in `--temp_location`."""
    ours = [flag for flag in dataflow_graphs.OPTIONS if not flag.startswith("--dataflow_endpoint")]
    temp = tmp_path_factory.mktemp("bucket")
    stay = ["--no_auth", f"--staging_location={tmp_path}/staged", f"--temp_location={temp}"]
    no_pip = "--experiments=disable_logging_submission_environment"
    yield ["--runner=dataflow", *ours, *stay, f"--dataflow_endpoint={service.endpoint}", no_pip]
    assert list(temp.iterdir()) == []


def put(source: pathlib.Path, address: str) -> None:
    """Copy the files of a folder into the store."""
    for file in source.rglob("*"):
        if file.is_file():
            name = f"{address}/{file.relative_to(source).as_posix()}"
            with object_store.ShelfFileSystem({}).create(name, compression_type="uncompressed") as stored:
                stored.write(file.read_bytes())


@pytest.mark.needs_time
def test_a_build_there_is_that_of_this_machine(service, flags, trip_files, tmp_path, capsys):
    put(trip_files, "shelf://raw")
    data = ["--data", "shelf://raw/b.csv"]
    argv = ["build_training_set", "--use-case", "taxi", "--rows-per-shard", "500", "--json", *data]
    assert main([*argv, "--output", str(tmp_path / "here")]) == 0
    here = json.loads(capsys.readouterr().out)
    code = main([*argv, "--output", "shelf://sets/there", *flags])
    out, err = capsys.readouterr()
    assert code == 0, err
    assert json.loads(out) == {**here, "path": "shelf://sets/there"}
    assert stored("shelf://sets/there") == content(tmp_path / "here")
    assert len(service.graphs) == 2
    check_nothing_of_this_machine(service, tmp_path)


@pytest.mark.needs_time
def test_score_batch_there_predicts_as_here(service, flags, registry, trip_files, tmp_path, capsys):
    put(trip_files, "shelf://raw")
    put(registry, "shelf://models/registry")
    argv = ["score_batch", "--data", "shelf://raw/b.csv", "--format", "jsonl"]
    assert main([*argv, "--registry", str(registry), "--output", str(tmp_path / "here")]) == 0
    code = main([*argv, "--registry", "shelf://models/registry", "--output", "shelf://scored/there", *flags])
    assert code == 0, capsys.readouterr().err
    assert stored("shelf://scored/there") == content(tmp_path / "here")
    check_nothing_of_this_machine(service, tmp_path)


def check_nothing_of_this_machine(service: StandIn, tmp_path: pathlib.Path) -> None:
    for graph in service.graphs:
        for name in (str(tmp_path), f"{tempfile.gettempdir()}/onegraph-"):
            assert dataflow_graphs.steps_that_name(graph, name) == []


@pytest.mark.needs_time
def test_what_fails_there_is_one_line_and_leaves_nothing(service, flags, trip_files, tmp_path, capsys):
    put(trip_files, "shelf://raw")
    head = (trip_files / "b.csv").read_bytes().split(b"\r\n")[0]
    with object_store.ShelfFileSystem({}).create("shelf://raw/bad.csv", compression_type="uncompressed") as bad:
        bad.write(head + b"\r\n" + b"x" * (65 << 20))
    argv = ["build_training_set", "--use-case", "taxi", "--data", "shelf://raw/b*.csv", "--output", "shelf://sets/bad"]
    assert main([*argv, *flags]) == 1
    assert "shelf://raw/bad.csv" in capsys.readouterr().err.splitlines()[-1]
    assert stored("shelf://sets") == {}
