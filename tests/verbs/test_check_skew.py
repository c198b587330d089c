"""check_skew over a real broker: equal on the shipped rows, and red wherever a path is bent by one bit or one row."""

import gzip
import json
import shutil

import numpy as np
import pytest

from beam_jobs.cli.command_line import main
from beam_jobs.skew import paths, round_trip
from beam_jobs.verbs import check_skew
from models.evaluation.skew import PathValues
from models.registry.registry import Registry
from models.scoring.scorer import Scorer
from schemas.artifacts.signature import load_private_key
from tests.docs.test_readme import ROOT
from tests.support.printed import for_people
from tests.support.signing_keys import make_key

ROWS = 300


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The first shipped trips as a file of their own."""
    path = tmp_path_factory.mktemp("sample") / "trips.csv"
    with gzip.open(ROOT / "schemas" / "data" / "taxi.csv.gz", "rt") as file:
        path.write_text("".join(line for line, _ in zip(file, range(ROWS + 1), strict=False)))
    return path


@pytest.fixture
def argv(sample, registry, broker):
    return ["check_skew", "--data", str(sample), "--registry", str(registry), "--bootstrap-servers", broker]


def test_paths_agree_bit_for_bit(argv, sample, capsys):
    assert main([*argv[:3], str(sample), *argv[3:], "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.err.count(f"{sample} is named twice; it is read once") == 1
    result = json.loads(printed.out)
    assert (result["equal"], result["rows"], result["paths"]) == (True, ROWS, ["stream", "reloaded", "examples"])
    compared = {skew["compared"] for columns in result["skew"].values() for skew in columns.values()}
    assert compared == {ROWS}
    assert f"100 % equal: {ROWS} records" in for_people("check_skew", printed.out)


def test_a_fare_changed_on_its_way_to_the_broker_is_found(argv, capsys, monkeypatch):
    honest = check_skew.json_events

    def bent(rows):
        events = honest(rows)
        return [*events[:17], events[17].replace(b'"fare":', b'"fare":1'), *events[18:]]

    monkeypatch.setattr(check_skew, "json_events", bent)
    assert main([*argv, "--json"]) == 3
    printed = capsys.readouterr()
    stream = json.loads(printed.out)["skew"]["stream"]
    assert (stream["fare"]["different"], stream["trip_miles"]["different"]) == (1, 0)
    assert "'fare' on path 'stream'" in printed.err
    assert "trips.csv/17" in printed.err


def test_a_record_lost_in_the_stream_is_found(argv, capsys, monkeypatch):
    honest = round_trip.send_rows
    monkeypatch.setattr(round_trip, "send_rows", lambda producer, topic, rows: honest(producer, topic, list(rows)[:-1]))
    assert main([*argv, "--json"]) == 3
    stream = json.loads(capsys.readouterr().out)["skew"]["stream"]
    assert {skew["unpaired"] for skew in stream.values()} == {1}


def test_one_unit_in_the_last_place_of_the_reloaded_graph_is_found(argv, capsys, monkeypatch):
    honest = paths.of_copy

    def bent(*arguments):
        found = honest(*arguments)
        values = found.values.copy()
        values[5, 3] = np.nextafter(values[5, 3], np.float32(np.inf))
        return PathValues(found.rows, values)

    monkeypatch.setattr(paths, "of_copy", bent)
    assert main([*argv, "--json"]) == 3
    skew = json.loads(capsys.readouterr().out)["skew"]
    assert [path for path in skew for column in skew[path].values() if not column["equal"]] == ["reloaded"]


def test_what_cannot_be_compared_is_one_line(argv, capsys, tmp_path):
    empty = tmp_path / "empty.csv"
    empty.write_text("fare\n")
    assert main([*argv[:2], str(empty), *argv[3:]]) == 1
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert main([*argv[:4], str(tmp_path / "nowhere"), *argv[5:]]) == 1
    assert "no such directory, wanted a registry" in capsys.readouterr().err


def test_only_a_signed_bundle_is_compared(argv, registry, tmp_path, capsys, monkeypatch):
    own = Registry(shutil.copytree(registry, tmp_path / "registry"))
    key = make_key(tmp_path)
    argv[argv.index("--registry") + 1] = str(own.path)
    argv += ["--trusted-keys", str(key.public)]
    with monkeypatch.context() as patch:
        patch.setattr(Scorer, "load", lambda _: pytest.fail("loaded, and signed by nobody"))
        assert main(argv) == 1
    assert "not signed, wanted a signature by one of release.pem" in capsys.readouterr().err
    own.sign(own.released().champion, load_private_key(key.private))
    assert main(argv) == 0
    assert f"100 % equal: {ROWS} records" in capsys.readouterr().out
