"""`onegraph retrain`: from raw files to a challenger, going on after a kill, and nothing done twice."""

import gzip
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
from typing import Any

import pytest

from beam_jobs.cli.command_line import main
from models.registry.registry import Registry
from schemas.artifacts import artifact
from tests.support.waiting import wait_until

ROOT = pathlib.Path(__file__).parents[2]


def trips(path: pathlib.Path, first: int, count: int) -> pathlib.Path:
    """Write some of the shipped trips into a file of their own."""
    with gzip.open(ROOT / "schemas" / "data" / "taxi.csv.gz", "rt") as file:
        head, *lines = file.readlines()
    path.write_text("".join([head, *lines[first : first + count]]))
    return path


@pytest.fixture(scope="module")
def use_case(tmp_path_factory) -> pathlib.Path:
    """Taxi as a use case of one's own, with few rounds and gates that a small set meets."""
    folder = tmp_path_factory.mktemp("own")
    for layer, name in (("schemas", "taxi.pbtxt"), ("transforms", "taxi.py")):
        (folder / layer).mkdir()
        (folder / layer / name.replace("taxi", "rides")).write_text((ROOT / layer / name).read_text())
    (folder / "models").mkdir()
    (folder / "models" / "rides.py").write_text(
        "from models.spec import Gate, ModelSpec\n"
        'PARAMETERS = {"max_depth": 4, "eta": 0.3, "nthread": 1}\n'
        'GATES = (Gate("auc", at_least=0.6),)\n'
        "MODEL = ModelSpec(parameters=PARAMETERS, rounds=12, gates=GATES)\n"
    )
    return folder


def words(use_case: pathlib.Path, data: pathlib.Path, folder: pathlib.Path) -> list[str]:
    given = {"use-case": "rides", "use-case-path": use_case, "data": data}
    given |= {"registry": folder / "registry", "runs": folder / "runs"}
    return ["retrain", *(word for name, value in given.items() for word in (f"--{name}", str(value)))]


def retrained(argv: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], str]:
    """Return the result of a run, and what it told meanwhile."""
    capsys.readouterr()
    assert main([*argv, "--json"]) == 0
    captured = capsys.readouterr()
    return json.loads(captured.out), captured.err


def compared(run: dict[str, Any]) -> dict[str, Any]:
    """Return the comparison of a run's candidate."""
    return json.loads(pathlib.Path(f"{run['candidate']}.evaluation", "comparison.json").read_text())


@pytest.mark.needs_time
def test_the_first_run_makes_a_champion_the_next_a_challenger_and_the_same_again_nothing(use_case, tmp_path, capsys):
    first = words(use_case, trips(tmp_path / "first.csv", 0, 3000), tmp_path)
    assert main([*first, "--dry-run"]) == 0
    planned = capsys.readouterr().out
    assert "training_set: would be made" in planned
    assert "as champion" in planned
    assert not (tmp_path / "runs").exists()
    assert main([*first, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    registry = Registry(tmp_path / "registry")
    assert (made["role"], made["generation"], made["bundle"]) == ("champion", 1, registry.released().champion)
    assert main([*first, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["generation"] == 1
    assert main([*first, "--dry-run"]) == 0
    assert f"bundle {made['bundle']} is champion in generation 1; nothing would be released" in capsys.readouterr().out
    second = words(use_case, trips(tmp_path / "second.csv", 3000, 3000), tmp_path)
    assert main([*second, "--weight", "0.25", "--json"]) == 0
    captured = capsys.readouterr()
    challenger = json.loads(captured.out)
    assert (challenger["role"], challenger["generation"]) == ("challenger", 2)
    assert challenger["run"] != made["run"]
    live = registry.released().variants
    assert (live.champion, live.challengers[0].bundle, live.challengers[0].weight) == (
        made["bundle"],
        challenger["bundle"],
        0.25,
    )
    # Other data make another graph, its means and words: the champion scores the raw rows of the second set's test.
    assert "without comparison" not in captured.err
    assert compared(challenger)["champion"] == made["bundle"]
    assert main([*second, "--weight", "0.25", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["generation"] == 2
    # What a person takes out stays out, and an evaluation that was killed half way is made again.
    assert main(["registry", "remove", challenger["bundle"], "--registry", str(tmp_path / "registry")]) == 0
    (tmp_path / f"{challenger['candidate']}.evaluation" / artifact.MARKER).unlink()
    capsys.readouterr()
    assert main(second) == 0
    assert "was released in generation 2 and serves no longer" in capsys.readouterr().out
    assert registry.released().generation == 3


@pytest.mark.needs_time
def test_a_changed_use_case_is_compared_with_the_champion_as_long_as_its_columns_are_there(use_case, tmp_path, capsys):
    changed = shutil.copytree(use_case, tmp_path / "changed")
    model, transform, schema = (
        changed / name for name in ("models/rides.py", "transforms/rides.py", "schemas/rides.pbtxt")
    )
    model.write_text(model.read_text().replace("at_least=0.6", "no_worse_by=0.2"))
    argv = words(changed, trips(tmp_path / "trips.csv", 0, 3000), tmp_path)
    made = retrained(argv, capsys)[0]
    more = '    features["fare_again"] = fill(inputs["fare"], 0.0)\n    return features'
    transform.write_text(transform.read_text().replace("    return features", more))
    second, told = retrained(argv, capsys)
    assert "without comparison" not in told
    assert (second["role"], compared(second)["champion"]) == ("challenger", made["bundle"])
    before, now = (json.loads(pathlib.Path(one["candidate"], "manifest.json").read_text()) for one in (made, second))
    assert set(now["feature_names"]) - set(before["feature_names"]) == {"fare_again"}
    schema.write_text(re.sub(r'feature {\s+name: "trip_miles".*?\n}\n', "", schema.read_text(), flags=re.DOTALL))
    transform.write_text(transform.read_text().replace('"trip_miles", ', ""))
    assert main(argv) == 3  # the gate wants a comparison, which cannot be
    told = capsys.readouterr().err
    assert "a feature of the champion needs column 'trip_miles', which serving no longer has" in told
    assert "the candidate is evaluated without comparison" in told


@pytest.mark.needs_time
def test_a_champion_that_rejects_every_row_is_tried_once(use_case, tmp_path, capsys):
    data = trips(tmp_path / "trips.csv", 0, 3000)
    made = retrained(words(use_case, data, tmp_path), capsys)[0]
    wider = shutil.copytree(use_case, tmp_path / "wider")
    schema, model = wider / "schemas" / "rides.pbtxt", wider / "models" / "rides.py"
    schema.write_text(schema.read_text().replace("max: 10000.0", "max: 90000.0"))
    model.write_text(model.read_text().replace("at_least=0.6", "no_worse_by=0.2"))
    head, *lines = (line.split(",") for line in data.read_text().splitlines())
    at = head.index("trip_miles")
    far = [[*line[:at], "20000.5", *line[at + 1 :]] for line in lines]
    data.write_text("".join(f"{','.join(line)}\n" for line in [head, *far]))
    told, markers = [], set()
    for _ in range(2):
        assert main(words(wider, data, tmp_path)) == 3  # the gate wants a comparison
        told.append(capsys.readouterr().err)
        found = set(tmp_path.glob(f"runs/*/candidate.evaluation/{artifact.MARKER}"))
        (marker,) = (one for one in found if not one.is_relative_to(made["run"]))
        markers.add(marker.stat().st_mtime_ns)
    assert "the candidate is evaluated without comparison" in told[0]
    assert f"was held against no champion, champion is {made['bundle']}" in told[1]
    assert "evaluating again" not in told[1]
    assert len(markers) == 1


@pytest.mark.needs_time
def test_fraud_is_compared_with_the_champion_of_the_run_before(tmp_path, capsys):
    """Its graph learns nothing from the data, so the champion can score the next set's features."""
    simulate = ["simulate", "--features", "--days", "56", "--customers", "300", "--terminals", "600"]
    runs = []
    for seed in ("2", "6"):  # of so few frauds, not every model meets the gates
        data = str(tmp_path / f"{seed}.parquet")
        assert main([*simulate, "--first-day", "2018-06-20", "--seed", seed, "--output", data]) == 0
        argv = ["retrain", "--use-case", "fraud", "--data", data, "--registry", str(tmp_path / "registry")]
        capsys.readouterr()
        assert main([*argv, "--runs", str(tmp_path / "runs"), "--json"]) == 0
        runs.append(json.loads(capsys.readouterr().out))
    assert [one["role"] for one in runs] == ["champion", "challenger"]
    comparison = compared(runs[1])
    assert comparison["champion"] == runs[0]["bundle"]
    assert comparison["metrics"]["auc"]["champion"] is not None


@pytest.mark.needs_time
def test_a_run_that_is_killed_goes_on_where_it_was(use_case, tmp_path, capsys):
    argv = words(use_case, trips(tmp_path / "trips.csv", 0, 3000), tmp_path)
    running = subprocess.Popen([sys.executable, "-m", "beam_jobs", *argv], cwd=ROOT, stderr=subprocess.DEVNULL)
    markers = f"runs/*/training_set/{artifact.MARKER}"
    wait_until(lambda: list(tmp_path.glob(markers)) or running.poll() is not None, "the training set is built")
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    (marker,) = tmp_path.glob(markers)
    built = marker.stat().st_mtime_ns
    assert not (tmp_path / "registry" / "live.json").exists()
    assert main([*argv, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert marker.stat().st_mtime_ns == built
    assert Registry(tmp_path / "registry").released().champion == made["bundle"]


@pytest.mark.needs_time
def test_a_gate_that_says_no_is_three_every_time_and_nothing_is_released(use_case, tmp_path, capsys):
    strict = use_case / "models" / "strict.py"
    strict.write_text((use_case / "models" / "rides.py").read_text().replace("at_least=0.6", "at_least=0.999"))
    for layer, suffix in (("schemas", "pbtxt"), ("transforms", "py")):
        (use_case / layer / f"strict.{suffix}").write_text((use_case / layer / f"rides.{suffix}").read_text())
    argv = words(use_case, trips(tmp_path / "trips.csv", 0, 3000), tmp_path)
    argv[argv.index("rides")] = "strict"
    argv += ["--test-rows", "leave"]
    for _ in range(2):
        assert main(argv) == 3
        captured = capsys.readouterr()
        assert "gate not met: auc" in captured.err
        assert "stays, nothing was released" in captured.out
    assert not (tmp_path / "registry" / "live.json").exists()
    assert list(tmp_path.glob("runs/*/training_set/*tfrecord*"))
    assert not list(tmp_path.glob("runs/*/training_set/test_rows-*"))


def test_raw_test_rows_are_kept_where_nobody_says(use_case, tmp_path, capsys):
    argv, folders = words(use_case, trips(tmp_path / "trips.csv", 0, 10), tmp_path), []
    for more in ([], ["--test-rows", "keep"], ["--test-rows", "leave"]):
        assert main([*argv, *more, "--dry-run"]) == 0
        folders.append(re.findall(r"run \S+/runs/(\w+)", capsys.readouterr().out))
    assert folders[0] == folders[1] != folders[2]
    assert all(folders)


def test_wrong_options_are_one_line(use_case, tmp_path, capsys):
    argv = words(use_case, trips(tmp_path / "trips.csv", 0, 10), tmp_path)
    for more, said, code in (
        (["--trials-at-a-time", "2"], "--trials-at-a-time is for --trials", 2),
        (["--trials", "2", "--checkpoint-every", "5"], "--checkpoint-every goes without --trials", 2),
        (["--trials", "2"], "the model of rides has no search", 1),
        (["--weight", "1.5"], "--weight", 2),
        (["--runs", "gs://bucket/runs"], "--runs gs://bucket/runs: an address", 2),
    ):
        assert main([*argv, *more]) == code
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
