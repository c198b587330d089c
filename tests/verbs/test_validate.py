"""`validate` as people call it: rows counted and kept aside, the set compared with its schema, gates that say no."""

import json
import pathlib
import subprocess
import sys

import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from beam_jobs.cli.command_line import main
from schemas.artifacts import artifact

SCHEMA = """
feature { name: "trip" type: INT presence { min_fraction: 1 } annotation { tag: "id" } }
feature { name: "fare" type: FLOAT presence { min_fraction: 1 } float_domain { min: 0 } }
feature { name: "town" type: BYTES presence { min_fraction: 0.9 }
  drift_comparator { infinity_norm { threshold: 0.1 } } }
feature { name: "tipped" type: INT not_in_environment: "SERVING" }
"""


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A folder with a schema, good rows, and rows of which two are bad."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trips.pbtxt").write_text(SCHEMA)
    good = [f"{trip},{trip % 7}.5,{'here' if trip % 2 else 'there'},{trip % 2}" for trip in range(100)]
    write(tmp_path / "good.csv", good)
    write(tmp_path / "bad.csv", ["200,-1,here,1", "201,x,here,0", *good])
    return tmp_path


def write(path: pathlib.Path, rows: list[str]) -> None:
    path.write_text("\n".join(["trip,fare,town,tipped", *rows, ""]))


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict, str]:
    code = main(["validate", "--schema", "trips.pbtxt", "--json", *words])
    out, err = capsys.readouterr()
    return code, json.loads(out) if out else {}, err


def test_good_rows_pass_every_gate(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    gates = ("--max-rejected", "0", "--min-rows", "100", "--fail-on", "warning")
    code, result, _ = run(capsys, "--data", "good.csv", *gates)
    assert (code, result) == (
        0,
        {
            "path": None,
            "rows": {"read": 100, "kept": 100, "rejected": 0},
            "rejections": [],
            "anomalies": [],
            "refused": [],
        },
    )
    assert not list(folder.glob("*/"))


def test_rejected_rows_are_counted_and_written_if_wanted(
    folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, result, _ = run(capsys, "--data", "bad.csv", "--output", "found")
    assert (code, result["rows"]) == (0, {"read": 102, "kept": 100, "rejected": 2})
    assert result["rejections"] == [
        {"reason": "RANGE", "field": "/fare", "count": 1},
        {"reason": "TYPE", "field": "/fare", "count": 1},
    ]
    found = [json.loads(line) for line in (folder / "found" / "rejected-00000-of-00001.jsonl").read_text().splitlines()]
    assert [(one["row"], one["reason"], one["value"]) for one in found] == [
        (0, "RANGE", "200,-1,here,1"),
        (1, "TYPE", "201,x,here,0"),
    ]
    opened = artifact.open_artifact(folder / "found", "validation")
    opened.verify()
    listed = statistics_pb2.DatasetFeatureStatisticsList.FromString((folder / "found/statistics/data.pb").read_bytes())
    assert listed.datasets[0].num_examples == opened.manifest["rows"]["kept"] == 100
    assert main(["inspect", "found"]) == 0
    assert "rejected: 1 RANGE at /fare, 1 TYPE at /fare" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        (("--max-rejected", "1"), "2 of 102 rows rejected, at most 1 may be (--max-rejected)"),
        (("--max-rejected", "1%"), "2 of 102 rows rejected, at most 0.01 of them may be (--max-rejected)"),
        (("--min-rows", "101"), "100 rows can be used, wanted 101 or more (--min-rows)"),
    ],
)
def test_a_gate_that_says_no_is_exit_code_3_and_the_findings_are_kept(
    folder: pathlib.Path, capsys: pytest.CaptureFixture[str], gate: tuple[str, str], said: str
) -> None:
    code, result, err = run(capsys, "--data", "bad.csv", "--output", "found", *gate)
    assert (code, result["refused"], err) == (3, [said], f"onegraph validate: {said}\n")
    assert artifact.open_artifact(folder / "found", "validation").manifest["rows"]["rejected"] == 2


def test_a_broken_limit_of_a_column_stops_the_set_unless_it_is_only_told(
    folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder / "gaps.csv", [f"{trip},1,{'' if trip % 3 else 'here'},1" for trip in range(9)])
    code, result, err = run(capsys, "--data", "gaps.csv", "--output", "found")
    assert (code, err) == (3, "onegraph validate: presence.min_fraction of town: 0.333333, wanted 0.9\n")
    described = json.loads((folder / "found" / "anomalies.json").read_text())
    assert described["anomalies"] == result["anomalies"]
    proto = anomalies_pb2.Anomalies.FromString((folder / "found" / "anomalies.pb").read_bytes())
    assert proto.anomaly_info["town"].severity == anomalies_pb2.AnomalyInfo.ERROR
    assert main(["validate", "--schema", "trips.pbtxt", "--data", "gaps.csv", "--fail-on", "none"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "9 rows read = kept 9, rejected 0",
        "  error: presence.min_fraction of town: 0.333333, wanted 0.9",
    ]


def test_drift_against_an_earlier_set(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--data", "good.csv", "--output", "before")[0] == 0
    write(folder / "later.csv", [f"{trip},1,{'here' if trip % 4 else 'there'},1" for trip in range(400)])
    code, _, err = run(capsys, "--data", "later.csv", "--previous", "before")
    assert (code, err) == (
        3,
        "onegraph validate: drift_comparator.infinity_norm of town (against before): 0.25, wanted 0.1\n",
    )
    assert run(capsys, "--data", "good.csv", "--previous", "before")[0] == 0


def test_the_environment_says_which_columns_rows_must_have(
    folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "served.csv").write_text("trip,fare,town\n1,2,here\n")
    code, _, err = run(capsys, "--data", "served.csv")
    assert (code, "served.csv: its header lacks tipped, which the schema names" in err) == (1, True)
    assert run(capsys, "--data", "served.csv", "--environment", "SERVING")[0] == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--data", "good.csv", "--use-case", "taxi"), 2, "--use-case and --schema: wanted one of them, got both"),
        (("--data", "none.csv"), 1, "none.csv: no such file"),
        (("--data", "good.csv", "--max-rejected", "some"), 2, "--max-rejected is 'some', wanted rows, as in 20, or"),
        (("--data", "good.csv", "--previous", "nowhere"), 1, "nowhere: no such directory, wanted a training set or"),
        (("--data", "good.csv", "--output", "good.csv"), 1, "good.csv: a file, wanted a directory"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    folder: pathlib.Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, said: str
) -> None:
    got, _, err = run(capsys, *words)
    assert (got, said in err, err.count("\n")) == (code, True, 1), err
    assert not list(folder.glob("*/"))


_PROBE = """
import sys
from beam_jobs.cli.command_line import main

assert main(sys.argv[1:]) == 0
print([name for name in ("tensorflow", "apache_beam", "tfx_bsl") if name in sys.modules])
"""


def test_nothing_heavy_is_imported(folder: pathlib.Path) -> None:
    words = ["validate", "--schema", "trips.pbtxt", "--data", "bad.csv", "--output", "found"]
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, *words], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
