"""`onegraph services`: what it says of Kafka and Flink. The services themselves: tests/services."""

import json

import pytest

from beam_jobs.cli.command_line import main
from beam_jobs.verbs import services
from tests.support.printed import for_people

KAFKA = {"up": True, "was_up": False, "pid": 7, "bootstrap_servers": "b:1", "folder": "/k", "bytes": 1_000_000}
ALL = {"jobmanager": 1, "workers": 2, "taskmanager": 3, "jobserver": 4}
NONE = dict.fromkeys(ALL)
FLINK = {"up": True, "was_up": False, "pids": ALL, "was": NONE, "rest": "h:1", "job_endpoint": "h:2", "folder": "/f"}


@pytest.mark.parametrize(
    ("action", "flink", "said"),
    [
        (
            "up",
            {},
            "Flink is up: REST http://h:1, job server h:2, /f, processes jobmanager 1, workers 2, taskmanager 3",
        ),
        ("up", {"was_up": True, "was": ALL}, "Flink is already up: REST"),
        ("up", {"was": ALL | {"taskmanager": None}}, "Flink is up, repaired taskmanager: REST"),
        ("status", {"was_up": True, "was": ALL}, "Flink is up: REST"),
        ("status", {"up": False, "pids": ALL | {"workers": None}}, "Flink is broken, missing workers: REST"),
        ("status", {"up": False, "pids": NONE}, "Flink is not up: /f; start it with `onegraph services up --flink`"),
        ("down", {"up": False, "pids": NONE, "was": ALL}, "Flink is stopped: /f"),
        ("down", {"up": False, "pids": NONE}, "Flink was not up: /f"),
    ],
)
def test_flink_in_one_line(action, flink, said):
    lines = services.describe({"action": action, "kafka": KAFKA, "flink": FLINK | flink}).splitlines()
    assert len(lines) == 2
    assert lines[1].startswith(said)


def test_a_flink_that_never_was_is_not_mentioned(tmp_path, capsys):
    for action in ("status", "down"):
        assert main(["services", action, "--folder", str(tmp_path), "--json"]) == 0
        captured = capsys.readouterr()
        assert set(json.loads(captured.out)) == {"action", "kafka"}
        assert "Flink" not in for_people("services", captured.out)


@pytest.mark.needs_flink
def test_a_flink_that_is_up_is_shown(flink, capsys):
    assert main(["services", "status", "--folder", str(flink), "--json"]) == 0
    captured = capsys.readouterr()
    shown = json.loads(captured.out)["flink"]
    assert shown["up"]
    assert set(shown["pids"]) == set(ALL)
    assert "Flink is up: REST http://127.0.0.1:" in for_people("services", captured.out)
