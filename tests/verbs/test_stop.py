"""`onegraph stop`: jobs of this machine, refusals, words; test_score_stream_flink.py stops those on Flink."""

import json

import pytest

from beam_jobs.batch.event_files import json_events
from beam_jobs.cli.command_line import main
from beam_jobs.cli.settings import Stop
from beam_jobs.process import local_jobs
from beam_jobs.stream.job.process import StreamProcess
from beam_jobs.verbs import stop
from schemas.schema import SERVING
from tests.process.test_local_jobs import WELL, process_of
from tests.support.kafka_records import committed, end_of, put
from tests.support.waiting import wait_until

PATIENCE_S = 180


pytestmark = pytest.mark.usefixtures("own_job_files")


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--savepoint", "--drain"], 2, "--savepoint and --drain: give one of them"),
        (["--savepoint-folder", "x"], 2, "--savepoint-folder without --savepoint"),
        (["--flink-master", "[auto]"], 2, "wanted host:port of Flink's REST interface"),
        (["--flink-master", "127.0.0.1:1"], 1, "Flink at 127.0.0.1:1 does not answer"),
        (["--drain"], 1, "Flink is not up; `onegraph services up --flink`"),
        ([], 1, "no streaming job runs on this machine; "),
        (["job-1"], 1, "no streaming job 'job-1' runs on this machine; "),
        (["--group", "g"], 1, "no streaming job of group 'g' runs on this machine; "),
        (["--group", "g", "--drain"], 2, "--group names a job of this machine, --drain one on Flink"),
        (
            ["--group", "g", "--flink-master", "h:1"],
            2,
            "of this machine, --flink-master one on Flink",
        ),
        (["--wait-seconds", "0"], 2, "--wait-seconds is 0"),
        (["--wait-seconds", "2147484"], 2, "--wait-seconds is 2147484.0, wanted above 0 and at most 86400"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(options, code, message, tmp_path, capsys):
    assert main(["stop", "--services-folder", str(tmp_path), *options]) == code
    err = capsys.readouterr().err
    assert err.startswith("onegraph stop: ")
    assert message in err
    assert err.count("\n") == 1


def test_of_several_jobs_one_has_to_be_named(tmp_path, capsys):
    with process_of(WELL) as one, process_of(WELL, name="job-2", group="h") as two:
        assert main(["stop", "--services-folder", str(tmp_path)]) == 1
        err = capsys.readouterr().err
        assert f"2 jobs run, name one by its id or --group: job-1 (process {one.pid}, group g of trips); job-2" in err
        assert stop.plan(Stop(group="h", services_folder=str(tmp_path))) == [
            f"would end job-2 (process {two.pid}, group h of trips) by SIGTERM, wait up to 60 s for its commit"
        ]
        assert main(["stop", "job-3", "--services-folder", str(tmp_path)]) == 1
        assert "no streaming job 'job-3' runs on this machine; there run job-1 (process" in capsys.readouterr().err
        assert (one.poll(), two.poll()) == (None, None)
        assert len(local_jobs.running()) == 2


def test_the_longest_wait_is_one_that_the_machine_can_wait(tmp_path, capsys):
    with process_of(WELL, runner="prism") as process:
        argv = ["stop", str(process.pid), "--wait-seconds", "86400", "--json", "--services-folder", str(tmp_path)]
        assert main(argv) == 0
    result = json.loads(capsys.readouterr().out)
    assert result == {
        "pid": process.pid, "runner": "prism", "name": "job-1", "group": "g", "source_topic": "trips",
        "summary": {"predictions": 3},
    }  # fmt: skip


@pytest.mark.needs_time
def test_a_real_job_ends_with_all_it_read_committed(broker, topics, registry, taxi, trips, tmp_path, capsys):
    source = topics("trips", partitions=2)
    argv = ["--bootstrap-servers", broker, "--registry", str(registry), "--group", source, "--create-topics"]
    argv += ["--source-topic", source, "--predictions-topic", f"{source}.p", "--rejected-topic", f"{source}.r"]
    events = json_events(trips.slice(0, 500).select(taxi.schema.environment(SERVING).names))
    put(broker, source, 0, [*events, b"{", b'{"fare":"dear"}'])
    with StreamProcess(argv, tmp_path / "log") as process:

        def scored():
            process.check_running()
            return len(local_jobs.running()) == 1 and sum(end_of(broker, f"{source}.{end}") for end in "pr") == 502

        wait_until(scored, "the job")
        assert main(["stop", "--group", source, "--json", "--services-folder", str(tmp_path)]) == 0
        result = json.loads(capsys.readouterr().out)
        assert process.summary(PATIENCE_S) == result["summary"]
    assert sum(committed(broker, source, source).values()) == 502
    assert (result["runner"], result["group"], result["source_topic"]) == ("local", source, source)
    assert stop.describe(result) == (
        f"stopped: process {result['pid']}, 500 events scored, 2 rejected (1 JSON_SYNTAX, 1 TYPE at /fare), offsets of "
        f"group {source!r} committed"
    )
    assert main(["stop", "--services-folder", str(tmp_path)]) == 1
    assert "no streaming job runs on this machine" in capsys.readouterr().err


def test_what_is_said():
    result = {"job": "ab01", "name": "trips", "state": "FINISHED", "savepoint": "file:/s", "drained": False}
    result |= {"runner": "flink"}
    assert "score_stream --runner flink --from-savepoint file:/s" in stop.describe(result)
    assert "written and committed" in stop.describe(result | {"drained": True})
    assert "may repeat a little" in stop.describe(result | {"state": "CANCELED", "savepoint": None})
