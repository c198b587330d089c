"""The endpoint: what Prometheus, a supervisor and a person get, and what they do not."""

import dataclasses
import json
import logging
import socket
import urllib.error
import urllib.request

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from beam_jobs.monitoring import measures, status_page
from beam_jobs.monitoring.job_status import merged
from beam_jobs.monitoring.live_watch import LIVE_WATCH, LiveWatch
from beam_jobs.monitoring.metrics_endpoint import MetricsEndpoint
from models.live.live import Change
from models.registry.registry import Pointer
from models.variants.variants import Challenger, Variants
from schemas.errors import ServiceError


@pytest.fixture
def now():
    return [1_000.0]


@pytest.fixture
def endpoint(now):
    measures.STORE.clear()
    LIVE_WATCH.clear()
    served = MetricsEndpoint("job-1", poll_within_s=60, first_poll_within_s=300, clock=lambda: now[0])
    yield served
    served.close()
    LIVE_WATCH.clear()


def ask(endpoint, path, method="GET", **headers):
    request = urllib.request.Request(endpoint.url + path, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def generation(number, champion, why="because", **variants):
    return Change(Pointer(number, Variants(champion, **variants), "me", "2026-01-01T00:00:00Z", why), True, why)


def tell():
    measures.declare("partition", range(2))
    LIVE_WATCH.changed(generation(3, "a" * 64, challengers=(Challenger("b" * 64, ((0, 1000),)),), shadows=("c" * 64,)))
    measures.count("events", 10)
    measures.declare("field", ["/age"])
    measures.count("rejected", 2, reason="TYPE")
    measures.count("rejected_fields", 2, reason="TYPE", field="/age")
    measures.observe("stage_seconds", 0.004, times=10, stage="score")
    measures.gauge("lag_events", 5, partition=1)
    measures.gauge("last_poll_seconds", 990)


def test_metrics_are_what_prometheus_reads(endpoint):
    tell()
    code, text = ask(endpoint, "/metrics")
    assert code == 200
    found = {one.name: one.value for family in text_string_to_metric_families(text) for one in family.samples}
    assert found["onegraph_events_total"] == 10
    assert found["onegraph_stage_seconds_count"] == 10
    assert found["process_resident_memory_bytes"] > 0


def test_alive_while_it_polls(endpoint, now):
    assert ask(endpoint, "/healthz") == (200, "ok\n"), "it has just begun"
    now[0] = 1_301
    assert ask(endpoint, "/healthz") == (503, "no poll in 301 s\n")
    measures.gauge("last_poll_seconds", 1_300)
    assert ask(endpoint, "/healthz") == (200, "ok\n")
    now[0] = 1_361
    assert ask(endpoint, "/healthz") == (503, "the reader last polled 61 s ago\n")
    measures.gauge("last_hold_seconds", 1_360)
    assert ask(endpoint, "/healthz") == (200, "ok\n"), "it waits for a broker, which a restart does not bring back"
    now[0] = 1_421
    assert ask(endpoint, "/healthz") == (503, "the reader last polled 121 s ago\n")


def test_ready_once_a_bundle_is_loaded_and_partitions_are_assigned(endpoint):
    assert ask(endpoint, "/readyz") == (503, "no bundle is loaded, no partitions are assigned\n")
    LIVE_WATCH.changed(generation(1, "a" * 64))
    assert ask(endpoint, "/readyz") == (503, "no partitions are assigned\n")
    tell()
    assert ask(endpoint, "/readyz") == (200, "ok\n")


@dataclasses.dataclass(eq=False)
class Follower:
    """What a live scorer says of itself."""

    late_text: str = ""
    blocked_text: str = ""

    def late(self):
        return self.late_text

    def blocked(self):
        return self.blocked_text


def test_a_pointer_that_is_not_read_makes_it_unready_and_a_follower_that_is_dead_unhealthy(endpoint):
    follower = Follower()
    LIVE_WATCH.follow(follower)  # type: ignore[arg-type]  # stands for a live scorer, of which only this is looked at
    tell()
    measures.gauge("last_poll_seconds", 1_000)
    assert ask(endpoint, "/readyz") == ask(endpoint, "/healthz") == (200, "ok\n")
    follower.late_text = "the registry's pointer was last read 9 s ago: r: live.json is missing"
    assert ask(endpoint, "/readyz") == (503, f"{follower.late_text}\n")
    assert ask(endpoint, "/healthz") == (200, "ok\n"), "a restart brings no pointer back"
    follower.blocked_text = "the thread that loads bundles has ended"
    assert ask(endpoint, "/healthz") == (503, f"{follower.blocked_text}\n")
    LIVE_WATCH.clear()
    assert ask(endpoint, "/healthz") == (200, "ok\n")


@pytest.mark.parametrize(("host", "code"), [
    ("localhost:9464", 200), ("127.0.0.1", 200), ("[::1]:9464", 200), ("10.1.2.3:9464", 200),
    (f"{socket.gethostname()}:9464", 200), ("LOCALHOST.", 200), ("evil.example:9464", 403), ("evil.example", 403),
    ("localhost.evil.example", 403), ("127.0.0.1.evil.example", 403), ("evil.example@127.0.0.1", 403), ("", 403),
    ("localhost:80:80", 403), ("[::1", 403),
])  # fmt: skip
def test_status_answers_only_who_names_this_machine(endpoint, host, code):
    """A page of the web that had its own name resolved to this machine says that name."""
    tell()
    found, text = ask(endpoint, "/status", Host=host)
    assert (found, "generation" in text) == (code, code == 200)
    assert ask(endpoint, "/metrics", Host=host)[0] == 200, "whoever scrapes may know it by another name"


def test_status_for_people(endpoint, now):
    tell()
    code, text = ask(endpoint, "/status?pretty")
    state = json.loads(text)
    assert code == 200
    assert (state["job"], state["generation"], state["last_poll_age_s"]) == ("job-1", 3, 10)
    assert {one["variant"]: one["bundle"][0] for one in state["bundles"]} == {
        "champion": "a", "challenger": "b", "shadow": "c",
    }  # fmt: skip
    assert state["totals"]["rejected"] == {"TYPE": 2}
    assert state["rejections"] == [{"reason": "TYPE", "field": "/age", "count": 2}]
    assert state["lag"] == {"1": 5}
    assert state["stages"]["score"]["p50"] == pytest.approx(0.0035)
    assert state["rates"]["events_per_s"] > 0
    assert [one["why"] for one in state["history"]] == ["because"]


@pytest.mark.parametrize(("method", "path", "code"), [
    ("GET", "/", 404), ("GET", "/config", 404), ("GET", "/../etc/passwd", 404), ("POST", "/metrics", 501),
    ("DELETE", "/status", 501), ("HEAD", "/metrics", 200),
])  # fmt: skip
def test_it_only_reads_four_pages(endpoint, method, path, code):
    assert ask(endpoint, path, method)[0] == code


def test_a_port_that_is_taken_is_named(endpoint):
    port = int(endpoint.url.rpartition(":")[2])
    with pytest.raises(ServiceError, match=f"--metrics-port {port}: cannot listen on 127.0.0.1: .*in use"):
        MetricsEndpoint("job-2", port=port)


def test_swaps_and_refusals_are_counted_and_the_last_twenty_remembered(caplog):
    caplog.set_level(logging.ERROR)
    measures.STORE.clear()
    watch = LiveWatch(clock=iter(range(100, 200)).__next__)
    watch.changed(generation(1, "a" * 64))
    assert measures.STORE.value("swaps") == 0, "the first is no swap"
    for number in range(2, 25):
        watch.changed(generation(number, "b" * 64))
    refused = generation(25, "c" * 64, why="generation 25 refused: altered")
    watch.changed(Change(refused.pointer, False, refused.why))
    watch.changed(Change(None, False, "pointer cannot be followed"))
    assert measures.STORE.value("swaps") == 23
    assert measures.STORE.value("refused_generations") == 2
    assert measures.STORE.value("generation") == 24, "the old one goes on"
    assert measures.STORE.value("bundle_loaded_seconds") == 123
    history = watch.history()
    assert len(history) == 20
    assert [(one["generation"], one["served"]) for one in history[-3:]] == [(24, True), (25, False), (None, False)]


def test_two_workers_of_a_job_are_one_state(endpoint, now):
    tell()
    one = json.loads(ask(endpoint, "/status")[1])
    other = json.loads(json.dumps(one))
    other |= {"generation": 4, "lag": {"0": 7, "1": 1}, "last_poll_age_s": 1.0, "holds": True}
    other["stages"]["score"]["counts"] = [0] * 8 + [10] + [0] * 8
    both = merged([one, other])
    assert both["generation"] == 4
    assert both["totals"]["events"] == 20
    assert both["totals"]["rejected"] == {"TYPE": 4}
    assert both["rejections"] == [{"reason": "TYPE", "field": "/age", "count": 4}]
    del other["rejections"]  # as a worker of an older version says it
    mixed = merged([one, other])["rejections"]
    assert [(entry["field"], entry["count"]) for entry in mixed] == [("", 2), ("/age", 2)]
    assert both["lag"] == {"0": 7, "1": 1}, "the later poll of a partition counts"
    assert both["last_poll_age_s"] == 10.0, "the one that polls no more is seen"
    assert (one["holds"], both["holds"]) == (False, True)
    assert sum(both["stages"]["score"]["counts"]) == 20
    assert both["stages"]["score"]["p99"] == pytest.approx(np.interp(19.8, [10, 20], [0.1, 0.2]))
    assert len(both["history"]) == 1


def test_what_shadows_make_is_no_prediction_of_the_job(endpoint):
    measures.count("events", 10)
    measures.count("predictions", 3, variant="champion")
    measures.count("predictions", 1, variant="challenger")
    measures.count("predictions", 10, variant="shadow")
    state = json.loads(ask(endpoint, "/status")[1])
    assert state["totals"]["predictions"] == {"shadow": 10, "champion": 3, "challenger": 1}
    assert state["rates"]["predictions_per_s"] == pytest.approx(0.4 * state["rates"]["events_per_s"])


def test_a_lag_that_nobody_has_told_is_not_zero(endpoint):
    state = json.loads(ask(endpoint, "/status")[1])
    job = {"name": "job-1", "urls": ["x"], "troubles": [], "state": {**state, "lag": {}}}
    assert "unknown" in status_page.text({"jobs": [job], "registries": {}}, 0.0)
    tell()
    job["state"] = json.loads(ask(endpoint, "/status")[1])
    assert "unknown" not in status_page.text({"jobs": [job], "registries": {}}, 0.0)
