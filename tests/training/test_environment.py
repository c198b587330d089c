"""Half of the variables, and nonsense in them, are one line before anything is read."""

import pytest

from beam_jobs.cli.command_line import main
from beam_jobs.training.environment import HOST, NUMBER, PORT, WORKERS, team_of, variables
from models.families.team import ALONE, Team
from schemas.errors import UsageError

WHOLE = {HOST: "worker-0.job", PORT: "9091", NUMBER: "2", WORKERS: "3"}


def test_what_kubeflow_sets() -> None:
    team = team_of(WHOLE | {"PATH": "/bin"})
    assert (team.rank, team.workers, team.host, team.port) == (2, 3, "worker-0.job", 9091)
    assert team_of(variables(team)) == team
    assert team_of({}) == team_of(WHOLE | {NUMBER: "0", WORKERS: "1"}) == ALONE


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({PORT: ""}, "DMLC_TRACKER_PORT: not set, though DMLC_TRACKER_URI is; set all four, or none"),
        ({NUMBER: "3"}, "DMLC_TASK_ID is '3', wanted a whole number from 0 to 2"),
        ({WORKERS: "many"}, "DMLC_NUM_WORKER is 'many', wanted a whole number from 1 to 100000"),
        ({PORT: "70000"}, "DMLC_TRACKER_PORT is '70000', wanted a whole number from 1 to 65535"),
        ({NUMBER: "²"}, "DMLC_TASK_ID is '²', wanted a whole number"),
    ],
)
def test_what_makes_no_sense(change: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        team_of(WHOLE | change)


def test_parts_are_all_rows_once() -> None:
    for workers in (1, 2, 3, 7):
        parts = [Team(rank, workers).part(100) for rank in range(workers)]
        assert [row for part in parts for row in part] == [*range(100)]


def test_workers_of_one_machine_are_not_started_within_others(small_training_set, tmp_path, capsys, monkeypatch):
    for name, value in WHOLE.items():
        monkeypatch.setenv(name, value)
    argv = ["train", "--training-set", str(small_training_set), "--output", str(tmp_path / "c"), "--workers", "2"]
    assert main([*argv, "--dry-run"]) == 2
    assert "--workers is for one machine; DMLC_NUM_WORKER says that this is one of 3" in capsys.readouterr().err
