"""`validate` on a runner of Beam finds and writes what it does in one process, byte for byte."""

import json
import pathlib

import pytest

from beam_jobs.cli.command_line import main
from tests.support.first_at_once import first_at_once
from tests.verbs.test_addressed_outputs import store, stored  # noqa: F401
from tests.verbs.test_batch_dataflow import check_nothing_of_this_machine, flags, put, service  # noqa: F401
from tests.verbs.test_validate import folder, run, write  # noqa: F401
from tests.verbs.test_workers import content

HASHED = """
feature { name: "trip" type: INT presence { min_fraction: 1 } annotation { tag: "id" tag: "unique" } }
feature { name: "fare" type: FLOAT presence { min_fraction: 1 } float_domain { min: 0 } }
feature { name: "town" type: BYTES annotation { tag: "id" tag: "personal:hash" } }
feature { name: "tipped" type: INT not_in_environment: "SERVING" }
"""


@pytest.fixture(params=first_at_once(["plain", "hashed"]))
def trips(request, folder):  # noqa: F811
    """Rows of which two are bad and one repeats another, with a schema that sees it."""
    rows = (folder / "bad.csv").read_text().splitlines()[1:]
    write(folder / "bad.csv", [*rows, rows[-1]])
    if request.param == "hashed":
        (folder / "trips.pbtxt").write_text(HASHED)
    return folder


@pytest.mark.parametrize("argv", [["--workers", "1"], ["--workers", "2"], ["--runner", "DirectRunner"]])
def test_workers_find_what_one_process_does(trips, argv, capsys):
    words = ("--data", "bad.csv", "--fail-on", "none")
    code, here, _ = run(capsys, *words, "--output", "here")
    assert (code, here["rows"]) == (0, {"read": 103, "kept": 101, "rejected": 2})
    assert "trip" in json.dumps(here["anomalies"])
    code, there, _ = run(capsys, *words, "--output", "there", *argv)
    assert (code, there) == (0, {**here, "path": "there"})
    assert content(trips / "there") == content(trips / "here")
    assert run(capsys, *words, *argv)[:2] == (0, {**here, "path": None})


def test_an_address_takes_what_a_folder_does(trips, capsys):
    words = ("--data", "bad.csv", "--fail-on", "none")
    code, here, _ = run(capsys, *words, "--output", "here")
    assert code == 0
    code, there, _ = run(capsys, *words, "--output", "shelf://checked/trips")
    assert (code, there) == (0, {**here, "path": "shelf://checked/trips"})
    assert stored("shelf://checked/trips") == content(trips / "here")
    code, _, said = run(capsys, *words, "--output", "shelf://checked/trips")
    assert (code, "already a completed validation; choose another address" in said) == (1, True)


def test_a_gate_says_no_there_too(trips, capsys):
    code, result, _ = run(capsys, "--data", "bad.csv", "--workers", "2", "--max-rejected", "1")
    assert code == 3
    assert result["refused"]


@pytest.mark.timeout(300)
def test_dataflow_finds_what_this_machine_does(trips, flags, service, tmp_path, capsys):  # noqa: F811
    (trips / "raw").mkdir()
    (trips / "bad.csv").rename(trips / "raw" / "bad.csv")
    put(trips / "raw", "shelf://raw")
    words = ("--data", "shelf://raw/bad.csv", "--fail-on", "none")
    code, here, _ = run(capsys, *words, "--output", "here")
    assert code == 0
    code, there, said = run(capsys, *words, "--output", "shelf://checked/trips", *flags)
    assert (code, there) == (0, {**here, "path": "shelf://checked/trips"}), said
    assert stored("shelf://checked/trips") == content(trips / "here")
    check_nothing_of_this_machine(service, tmp_path)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--runner", "dataflow", "--project=p"], "--runner dataflow wants --output, where its workers write"),
        (["--runner", "flinck"], "no such runner"),
        (["--workers", "2", "--runner", "flink"], "--workers is of this machine"),
        (["--runner", "dataflow", "--project=p", "--output", "out"], "--output out is a path of this machine"),
    ],
)
def test_what_cannot_be_is_one_line(folder: pathlib.Path, argv, said, capsys):  # noqa: F811
    code, _, err = run(capsys, "--data", "good.csv", *argv)
    assert code == 2
    assert said in err.splitlines()[-1]


def test_a_sample_is_looked_at_in_this_process(folder, capsys):  # noqa: F811
    assert main(["validate", "--infer", "--data", "good.csv", "--workers", "2"]) == 2
    assert "--infer looks at a sample, in this process" in capsys.readouterr().err
