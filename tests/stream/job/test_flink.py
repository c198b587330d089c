"""`score_stream`'s settings with Flink's defaults, for a cluster that answers, and what is said of its job."""

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from beam_jobs.cli.settings import ScoreStream
from beam_jobs.stream.job import flink
from schemas.errors import ServiceError, UsageError


class _Overview(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"taskmanagers": 1, "slots-total": 2}).encode()
        self.send_response(200 if self.path == "/v1/overview" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def master() -> Iterator[str]:
    """The address of a Flink that answers and does no more."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Overview)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def settings(*beam_args: str, **changes: Any) -> ScoreStream:
    given: dict[str, Any] = {
        "bootstrap_servers": "broker:9092",
        "registry": "registry",
        "source_topic": "trips",
        "runner": "flink",
    }
    given |= {"source_topic": "trips", "predictions_topic": "predictions", "rejected_topic": "rejected"}
    given["beam_args"] = beam_args
    return ScoreStream(**given | changes)


def test_flinks_defaults_are_added_behind_what_people_gave(master):
    given = settings(f"--flink_master={master}", "--parallelism=2")
    prepared, cluster = flink.prepared(given)
    assert prepared.beam_args[:2] == given.beam_args
    assert {"--max_bundle_time_mills=1", "--checkpointing_interval=5000"} <= set(prepared.beam_args)
    assert not any(arg.startswith("--parallelism=") for arg in prepared.beam_args[2:])
    assert prepared.read_budget_ms == 1_000, "a checkpoint waits for it"
    assert cluster.rest is not None
    assert cluster.rest.address == master


def test_a_read_budget_and_the_end_are_people_s_own(master):
    prepared, _ = flink.prepared(settings(f"--flink_master={master}", read_budget_ms=70, until_caught_up=True))
    assert prepared.read_budget_ms == 70
    assert "--shutdown_sources_after_idle_ms=1" in prepared.beam_args


def test_a_cluster_that_does_not_answer_is_refused_before_anything_is_made():
    with pytest.raises(ServiceError, match=r"127\.0\.0\.1:1\b"):
        flink.prepared(settings("--flink_master=127.0.0.1:1"))


def test_two_savepoints_are_refused(master):
    with pytest.raises(UsageError, match="give one of them"):
        flink.prepared(settings(f"--flink_master={master}", "--savepoint_path=/a", from_savepoint="/b"))


@pytest.mark.parametrize(
    ("became", "said"),
    [
        ({"job": "1", "state": "RUNNING"}, "Flink job 1 goes on without this command; `onegraph stop 1` ends it"),
        ({"job": None, "state": "RUNNING"}, "Flink job trips goes on without this command; `onegraph stop trips`"),
        ({"job": "1", "state": "CANCELED"}, "Flink job 1 is CANCELED"),
        ({"job": "1", "state": "FINISHED"}, "Flink job 1 is FINISHED; how many events it scored is not known"),
    ],
    ids=["running", "without an id", "cancelled", "finished"],
)
def test_what_became_of_a_job_is_said_with_what_to_do(became, said):
    assert flink.describe({"name": "trips", **became}).startswith(said)
