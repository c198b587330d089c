"""A running `score_stream` whose registry somebody wants to harm: it goes on, says so, and takes the next good one."""

import dataclasses
import itertools
import json
import os
import shutil
import signal
import urllib.error
import urllib.request

import pytest

from beam_jobs.batch.event_files import json_events
from beam_jobs.cli.command_line import main
from beam_jobs.process.loopback import free_port
from models.registry.pointer import LIVE_FILE
from models.registry.registry import Registry
from models.variants.variants import Variants
from schemas.schema import SERVING
from tests.support.hostile_bundles import POINTERS, graph_that_never_ends, spoiled, threshold_of, trees_in_a_circle
from tests.support.kafka_records import end_of, put, read
from tests.support.present import present
from tests.support.waiting import wait_until
from tests.verbs.test_score_stream import MAIN

LATE_S = 5  # without a look that found a pointer
USUAL_S = 60


class Job:
    """The process, what goes into it and what it says about itself."""

    def __init__(self, process, servers, source, port, events):
        self.process, self.servers, self.source, self.url = process, servers, source, f"http://127.0.0.1:{port}"
        self._events, self.sent = itertools.cycle(events), 0

    def page(self, name):
        try:
            with urllib.request.urlopen(f"{self.url}/{name}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def state(self):
        code, text = self.page("status")
        return json.loads(text) if code == 200 else {"generation": None, "totals": {"refused_generations": 0}}

    def refused(self):
        return self.state()["totals"]["refused_generations"]

    def scores_on(self):
        """Send events and wait for their predictions."""
        put(self.servers, self.source, 0, list(itertools.islice(self._events, 20)))
        self.sent += 20
        wait_until(lambda: end_of(self.servers, f"{self.source}.p") == self.sent, "predictions")

    def serves(self, pointer):
        wait_until(lambda: self.state()["generation"] == pointer.generation, f"generation {pointer.generation}")
        assert self.state()["bundles"][0]["bundle"] == pointer.champion


@pytest.fixture
def own(registry, tmp_path):
    return Registry(shutil.copytree(registry, tmp_path / "registry"))


@pytest.fixture
def job(broker, topics, own, jobs, taxi, trips, tmp_path):
    """A job that scores."""
    source, port = topics("trips"), free_port()
    process = jobs(
        MAIN,
        [
            *("score_stream", "--bootstrap-servers", broker, "--registry", str(own.path), "--group", source),
            *("--source-topic", source, "--predictions-topic", f"{source}.p", "--rejected-topic", f"{source}.r"),
            *("--create-topics", "--pointer-poll-ms", "100", "--metrics-port", str(port)),
            *("--marker-folder", str(tmp_path)),
        ],
    )
    events = json_events(trips.slice(0, 500).select(taxi.schema.environment(SERVING).names))
    made = Job(process, broker, source, port, events)
    wait_until(lambda: made.state()["generation"] == 1, "the first generation")
    made.scores_on()
    return made


def write(own, text):
    (own.path / "next").write_text(text)
    if (own.path / LIVE_FILE).is_dir():
        (own.path / LIVE_FILE).rmdir()
    os.replace(own.path / "next", own.path / LIVE_FILE)


@pytest.mark.needs_time
def test_pointers(job, own):
    """Each is counted, told by /readyz and no reason for a restart; a rollback afterwards is taken."""
    first = own.released().champion
    own.point_at(Variants(first, experiment="other"), "tests", "now", "")
    good = own.released()
    job.serves(good)
    for number, name in enumerate(POINTERS, 1):
        POINTERS[name](own.path)
        wait_until(lambda: job.refused() == number, name)  # noqa: B023
        job.scores_on()
        wait_until(lambda: job.page("readyz")[0] == 503, f"{name}: ready")
        assert "the registry's pointer was last read" in job.page("readyz")[1]
        assert LIVE_FILE in job.page("readyz")[1]
        assert job.page("healthz") == (200, "ok\n")
        write(own, good.text())
        wait_until(lambda: job.page("readyz")[0] == 200, f"{name}: not ready")
    write(own, dataclasses.replace(good, generation=good.generation + 1, variants=Variants("0123456789ab")).text())
    wait_until(lambda: job.refused() == len(POINTERS) + 1, "the forged one")
    write(own, good.text())
    pointer = own.rollback(None, "tests", "now", "")
    assert pointer.generation == good.generation + 1, "the forged one had its number"
    job.serves(pointer)
    job.scores_on()
    POINTERS["a pipe"](own.path)
    wait_until(lambda: job.refused() == len(POINTERS) + 2, "the pipe")
    job.process.signal(signal.SIGTERM)
    assert job.process.wait(USUAL_S) == 0
    assert len(read(job.servers, f"{job.source}.p")) == job.sent


@pytest.mark.needs_time
def test_bundles(job, own, second_candidate):
    """Each is refused, even one that never ends; nothing is lost, and what is released next is taken."""
    first = own.released()
    spoils = (trees_in_a_circle, threshold_of("abc"), threshold_of([0.5]))
    bad = [spoiled(own.champion(), spoil) for spoil in spoils]
    for number, bundle in enumerate(bad, 1):
        write(own, dataclasses.replace(first, generation=1 + number, variants=Variants(bundle)).text())
        wait_until(lambda: job.refused() == number, bundle)  # noqa: B023
        assert job.state()["generation"] == 1
        job.scores_on()
    endless = spoiled(own.champion(), graph_that_never_ends)
    write(own, dataclasses.replace(first, generation=9, variants=Variants(endless)).text())
    job.scores_on()
    assert job.page("readyz") == job.page("healthz") == (200, "ok\n")
    write(own, first.text())
    pointer = own.release(second_candidate, "tests", "now", "")
    job.serves(pointer)
    job.scores_on()
    job.process.signal(signal.SIGTERM)
    assert job.process.wait(USUAL_S) == 0
    made = [json.loads(present(record.value))["bundle"] for record in read(job.servers, f"{job.source}.p")]
    assert len(made) == job.sent
    assert set(made) == {first.champion, pointer.champion}


def test_a_job_does_not_start_with_a_bundle_that_would_end_it(broker, topics, own, capsys):
    bad = spoiled(own.champion(), trees_in_a_circle)
    write(own, dataclasses.replace(own.released(), variants=Variants(bad)).text())
    source = topics("trips")
    argv = ["score_stream", "--bootstrap-servers", broker, "--registry", str(own.path), "--source-topic", source]
    argv += ["--predictions-topic", f"{source}.p", "--rejected-topic", f"{source}.r", "--create-topics"]
    assert main([*argv, "--until-caught-up"]) == 1
    error = capsys.readouterr().err
    assert f"{bad}" in error
    assert "nothing serves: `onegraph rollback`" in error
    assert error.count("\n") <= 2, "one line, beside that topics were made"
