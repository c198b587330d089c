"""The house-price example: 9 trials, 3 at a time, over eta and max_depth; then the error on rows that nobody saw."""

import json

import pytest

from beam_jobs.cli.command_line import main
from tests.support.public_data import house_prices
from tests.support.searches import trials_in


def mae(candidate, training_set):
    assert main(["evaluate", "--candidate", str(candidate), "--training-set", str(training_set), "--quiet"]) == 0
    metrics = json.loads(candidate.with_name(f"{candidate.name}.evaluation").joinpath("metrics.json").read_text())
    return metrics["mae"]


@pytest.mark.needs_data
@pytest.mark.needs_time
@pytest.mark.timeout(900)
def test_nine_trials_three_at_a_time(data_folder, tmp_path, capsys):
    raw, training_set = house_prices(data_folder, tmp_path), tmp_path / "set"
    build = ["build_training_set", "--use-case", "house_prices", "--output", str(training_set), "--quiet"]
    assert main([*build, "--data", *raw.data]) == 0
    there = ["--training-set", str(training_set), "--quiet"]
    assert main(["tune", *there, "--output", str(tmp_path / "search"), "--parallel", "3"]) == 0
    assert main(["train", *there, "--output", str(tmp_path / "untuned")]) == 0
    trials = trials_in(tmp_path / "search")
    assert len(trials) == 9
    assert {name for trial in trials for name in trial["parameters"]} == {"eta", "max_depth"}
    complete = [trial["value"] for trial in trials if trial["state"] == "complete"]
    assert min(complete) <= trials[0]["value"]  # the first has the model's own parameters
    tuned, untuned = mae(tmp_path / "search" / "candidate", training_set), mae(tmp_path / "untuned", training_set)
    with capsys.disabled():
        print(f"\nhouse prices, MAE on test: untuned {untuned:,.1f}, tuned {tuned:,.1f}")
    assert tuned < 19_000  # what the use case's own test wants
