"""`onegraph stop`: what is refused, and what is said; tests/verbs/test_score_stream_flink.py stops real ones."""

import pytest

from beam_jobs.cli.command_line import main
from beam_jobs.verbs import stop


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--savepoint", "--drain"], 2, "--savepoint and --drain: give one of them"),
        (["--savepoint-folder", "x"], 2, "--savepoint-folder without --savepoint"),
        (["--flink-master", "[auto]"], 2, "wanted host:port of Flink's REST interface"),
        (["--flink-master", "127.0.0.1:1"], 1, "Flink at 127.0.0.1:1 does not answer"),
        ([], 1, "Flink is not up; `onegraph services up --flink`"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(options, code, message, tmp_path, capsys):
    assert main(["stop", "--services-folder", str(tmp_path), *options]) == code
    err = capsys.readouterr().err
    assert err.startswith("onegraph stop: ")
    assert message in err
    assert err.count("\n") == 1


def test_what_is_said():
    result = {"job": "ab01", "name": "trips", "state": "FINISHED", "savepoint": "file:/s", "drained": False}
    assert "score_stream --runner flink --from-savepoint file:/s" in stop.describe(result)
    assert "written and committed" in stop.describe(result | {"drained": True})
    assert "may repeat a little" in stop.describe(result | {"state": "CANCELED", "savepoint": None})
