"""`status` beside a real job: its file, its endpoint, and what a person sees of both."""

import dataclasses
import http.server
import io
import json
import os
import pathlib
import subprocess
import sys
import threading
import urllib.request

import pytest
import rich.console

from beam_jobs.batch.event_files import json_events
from beam_jobs.cli.command_line import main
from beam_jobs.cli.settings import Status
from beam_jobs.monitoring import status_page
from beam_jobs.monitoring.metrics_endpoint import announced_worker
from beam_jobs.process import run_files
from beam_jobs.stream.job.process import StreamProcess
from beam_jobs.verbs import status
from schemas.schema import SERVING
from tests.support.kafka_records import put
from tests.support.present import present
from tests.support.printed import for_people
from tests.support.waiting import wait_until

PATIENCE_S = 180
JOB = run_files.Job(name="job-1", source_topic="trips", group="g", registry="/nowhere", runner="local")


pytestmark = pytest.mark.usefixtures("own_job_files")


@pytest.mark.needs_time
def test_a_running_job_is_seen_and_gone_after_its_end(broker, topics, registry, taxi, trips, tmp_path, capsys):
    source = topics("trips", partitions=2, message_timestamp_type="LogAppendTime")
    argv = ["--bootstrap-servers", broker, "--registry", str(registry), "--group", source, "--create-topics"]
    argv += ["--source-topic", source, "--predictions-topic", f"{source}.p", "--rejected-topic", f"{source}.r"]
    events = json_events(trips.slice(0, 500).select(taxi.schema.environment(SERVING).names))
    with StreamProcess([*argv, "--metrics-port", "0"], tmp_path / "log") as process:

        def urls():
            process.check_running()
            return [job["url"] for job in run_files.running()]

        (url,) = wait_until(urls, "the job")
        assert url.startswith("http://127.0.0.1:")
        put(broker, source, 0, events)
        put(broker, source, 1, [b"{", b'{"fare":"dear"}'])
        wait_until(lambda: status.look(Status())["jobs"][0]["state"]["totals"]["events"] == 502, "events")
        for page in ("healthz", "readyz", "metrics"):
            with urllib.request.urlopen(f"{url}/{page}", timeout=10) as answer:
                assert answer.status == 200
        assert main(["status", "--json", "--registry", str(registry)]) == 0
        out = capsys.readouterr().out
        page = for_people("status", out)
        (job,), pointers = json.loads(out)["jobs"], json.loads(out)["registries"]
        process.stop(PATIENCE_S)
    assert (job["group"], job["lease"]) == (source, 1)
    assert job["state"]["totals"]["rejected"] == {"JSON_SYNTAX": 1, "TYPE": 1}
    assert {(one["reason"], one["field"]) for one in job["state"]["rejections"]} == {
        ("JSON_SYNTAX", ""),
        ("TYPE", "/fare"),
    }
    assert job["state"]["lag"] == {"0": 0, "1": 0}
    assert {"queue", "decode", "transform", "score", "encode"} <= set(job["state"]["stages"])
    assert list(pointers) == [str(registry)]
    champion = pointers[str(registry)]["champion"]
    assert job["state"]["bundles"] == [{"variant": "champion", "bundle": champion}]
    for said in (f"holds group {source}, lease 1", champion[:12], "JSON_SYNTAX", "p99 ms", "generation 1"):
        assert said in page
    assert run_files.running() == []
    assert main(["status"]) == 0
    assert "no streaming job runs on this machine" in capsys.readouterr().out


def test_a_job_without_metrics_is_shown_with_what_would_help(capsys):
    with run_files.Announced(JOB):
        assert main(["status"]) == 0
    out = capsys.readouterr().out
    assert "job-1" in out
    assert "--metrics-port 0" in out


@pytest.mark.parametrize("lease", [7, None])
def test_a_job_whose_starter_has_gone_holds_its_group_by_what_its_workers_say(lease, capsys):
    with announced_worker(run_files.WorkerMetrics(job=JOB, lease=lease)):
        assert main(["status"]) == 0
    assert ("holds group g, lease 7" if lease else "does not hold its group (yet)") in capsys.readouterr().out


def test_the_file_of_a_killed_process_is_forgotten():
    code = (
        "import sys; from beam_jobs.process.run_files import *\n"
        "Announced(Job(**eval(sys.argv[1]))); print(flush=True); input()"
    )
    command = [sys.executable, "-c", code, repr(dataclasses.asdict(JOB))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=pathlib.Path.cwd()) as process:
        present(process.stdout).readline()
        (about,) = run_files.running()
        assert about["pid"] == process.pid
        process.kill()
    assert run_files.running() == []
    assert list(run_files.folder().iterdir()) == []


def test_a_full_disk_is_said_with_its_place_and_nothing_is_left_behind():
    code = (
        "import resource, sys; from beam_jobs.process.run_files import *\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (9, 9))\n"
        "try: Announced(Job(**eval(sys.argv[1])))\n"
        "except OnegraphError as error: print(error)"
    )
    command = [sys.executable, "-c", code, repr(dataclasses.asdict(JOB))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, cwd=pathlib.Path.cwd())
    words = ": cannot be written: File too large; free that disk or set TMPDIR to another one"
    assert done.stdout.startswith(str(run_files.folder()))
    assert done.stdout.endswith(f"-job.json{words}\n")
    assert list(run_files.folder().iterdir()) == []


def test_another_process_with_the_same_id_is_not_the_job():
    with run_files.Announced(JOB):
        (path,) = run_files.folder().iterdir()
        about = json.loads(path.read_text())
        path.write_text(json.dumps(about | {"began": about["began"] - 1}))
        assert run_files.running() == []


def test_files_in_somebody_elses_folder_are_refused(tmp_path, capsys):
    (tmp_path / f"onegraph-{os.getuid()}").mkdir(mode=0o777)
    (tmp_path / f"onegraph-{os.getuid()}").chmod(0o777)
    assert main(["status"]) == 1
    assert "is not a folder of this user alone" in capsys.readouterr().err


def test_no_terminal_obeys_what_a_pointer_says(tmp_path, capsys):
    wild = "\x1b[2J\x9b31m\u202e"
    pointer = {name: f"{name}{wild}" for name in ("when", "who", "why")}
    (tmp_path / "live.json").write_text(json.dumps({"generation": 1, "champion": "0123456789ab", **pointer}))
    assert main(["status", "--registry", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "who\\x1b[2J" in out
    assert all(one.isprintable() or one == "\n" for one in out)
    drawn = io.StringIO()
    found = status.look(Status(registry=str(tmp_path)))
    rich.console.Console(file=drawn, width=300).print(status_page.drawn(found, 0.0))  # as --watch does
    assert "who\\x1b[2J" in drawn.getvalue()
    assert all(one.isprintable() or one == "\n" for one in drawn.getvalue())


def test_a_refusal_says_what_to_do_and_no_terminal_obeys_it(capsys):
    class Refusing(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(403)
            self.end_headers()
            self.wfile.write(b"ask by \x1b[2J--metrics-host\nmore" + b"x" * 500)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{server.server_port}"
        assert main(["status", "--metrics", address, "--json"]) == 0
        server.shutdown()
    (trouble,) = json.loads(capsys.readouterr().out)["jobs"][0]["troubles"]
    assert trouble == f"{address}: 403 ask by \\x1b[2J--metrics-host"


def test_an_address_that_does_not_answer_is_named(capsys):
    assert main(["status", "--metrics", "127.0.0.1:1", "--json"]) == 0
    out, _ = capsys.readouterr()
    assert "127.0.0.1:1: " in json.loads(out)["jobs"][0]["troubles"][0]
    assert main(["status", "--metrics", "ftp://127.0.0.1:1"]) == 2
    assert "wanted host:port or a URL" in capsys.readouterr().err


WATCH = (
    "import sys; from beam_jobs.cli.command_line import main; code = main(['status', '--watch', *sys.argv[1:]]);"
    "print(code, sorted({'tensorflow', 'apache_beam', 'pyarrow'} & set(sys.modules)), file=sys.stderr)"
)


@pytest.mark.parametrize("as_json", [False, True])
def test_into_a_pipe_a_watch_writes_lines_until_it_is_told_to_end(as_json):
    command = [sys.executable, "-c", WATCH, *["--json"][:as_json]]
    with run_files.Announced(JOB), subprocess.Popen(command, stdout=-1, stderr=-1, text=True) as process:
        first, second = present(process.stdout).readline(), present(process.stdout).readline()
        process.terminate()
        rest, err = process.communicate(timeout=60)
    assert err == "0 []\n"
    if as_json:
        assert all(json.loads(line)["at"] for line in (first, second, *rest.splitlines()))
        assert json.loads(second)["jobs"][0]["name"] == "job-1"
    else:
        assert first.partition(" ")[2] == "job-1: group g of topic trips\n"
        assert second.partition(" ")[2].startswith(("job-1", "/nowhere: nothing is released there"))


def test_a_watch_looks_every_second_however_long_a_look_takes(capsys):
    clock, pauses = iter([10.0, 10.25, 20.0, 23.0]), []

    def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        status._write_lines(Status(as_json=True), lambda: next(clock), sleep)
    assert pauses == [0.75, 0]
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_watch_ends_with_its_reader():
    with subprocess.Popen([sys.executable, "-c", WATCH], stdout=-1, stderr=-1, text=True) as process:
        assert "no streaming job runs on this machine" in present(process.stdout).readline()
        present(process.stdout).close()
        assert present(process.stderr).read() == "141 []\n"


def test_a_line_of_a_watch_says_what_was_rejected():
    state = {
        "generation": 3, "rates": {"events_per_s": 1_000.4}, "lag": {"0": 12, "1": 3}, "holds": True,
        "totals": {"events": 5_000, "rejected": {"TYPE": 400, "JSON_SYNTAX": 3}},
        "rejections": [
            {"reason": "TYPE", "field": "/age", "count": 400}, {"reason": "JSON_SYNTAX", "field": "", "count": 3},
        ],
        "stages": {"total": {"p99": 0.0123}},
    }  # fmt: skip
    found = {"jobs": [{"name": "j\x1b", "state": state, "troubles": []}], "registries": {}}
    (line,) = status_page.lines(found, 0)
    assert line == (
        "1970-01-01T00:00:00Z j\\x1b: generation 3, 1,000 events/s, 5,000 events, 403 rejected (400 TYPE at /age, "
        "3 JSON_SYNTAX), lag 15, p99 12.3 ms, holds"
    )


def test_a_pointer_that_cannot_be_read_is_told(tmp_path, capsys):
    registry = tmp_path / "registry"
    registry.mkdir()
    assert main(["status", "--registry", str(registry), "--json"]) == 0
    out = capsys.readouterr().out
    assert json.loads(out)["registries"] == {str(registry): None}
    for make in (lambda path: path.write_bytes(b"[" * 100_000), lambda path: path.write_text("[1]"), os.mkfifo):
        (registry / "live.json").unlink(missing_ok=True)
        make(registry / "live.json")
        assert main(["status", "--registry", str(registry), "--json"]) == 0
        out = capsys.readouterr().out
        assert "live.json: no" in json.loads(out)["registries"][str(registry)]["trouble"]
        assert "live.json: no" in for_people("status", out).replace("\n", "")
