"""Runner names, Beam's options, failures in one line."""

import gc
import pathlib
import re
import sys
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker
from apache_beam.metrics.metric import MetricsFilter
from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    PortableOptions,
    PrismRunnerOptions,
    SetupOptions,
    StandardOptions,
)
from apache_beam.runners.worker import statesampler
from apache_beam.transforms.core import RestrictionProvider

from beam_jobs.runners import runners, worker_pool
from beam_jobs.runners.flink_options import FLINK_OPTIONS
from schemas.errors import InputError, OnegraphError, ServiceError, UsageError


@pytest.mark.parametrize(
    ("name", "beams"),
    [
        ("local", "FnApiRunner"),
        ("flink", "FlinkRunner"),
        ("dataflow", "DataflowRunner"),
        ("DirectRunner", "DirectRunner"),
        ("portablerunner", "PortableRunner"),
    ],
)
def test_names(name, beams):
    options = runners.pipeline_options(name, streaming=True, job_name="job")
    assert options.view_as(StandardOptions).runner == beams
    assert options.view_as(StandardOptions).streaming
    assert options.view_as(SetupOptions).save_main_session is False


def test_an_unknown_runner():
    with pytest.raises(UsageError, match=r"--runner spark: no such runner; known: local, prism, flink, dataflow"):
        runners.pipeline_options("spark")


def test_flink_behind_a_job_server_is_portable():
    options = runners.pipeline_options("flink", ["--job_endpoint=localhost:8099", "--checkpointing_interval=3000"])
    assert options.view_as(StandardOptions).runner == "PortableRunner"
    assert options.get_all_options(retain_unknown_options=True)["checkpointing_interval"] == "3000"


@pytest.mark.parametrize("args", [["--projet=x"], ["stray"], ["--read-budget=3"], ["--flink_master=x", "--parallel"]])
def test_options_that_nobody_has(args):
    with pytest.raises(UsageError, match=rf"unknown option {re.escape(args[-1])}"):
        runners.pipeline_options("local", args)


def test_beams_own_options_pass():
    args = ["--flink_master=localhost:8081", "--project", "p", "--experiments=a", "--parallelism=2"]
    assert runners.pipeline_options("flink", args).view_as(FlinkRunnerOptions).flink_master == "localhost:8081"


def test_flinks_list_names_only_what_beam_does_not_register():
    assert not FLINK_OPTIONS & set(vars(FlinkRunnerOptions([])._visible_options))


def test_prism_is_found_or_its_install_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServiceError, match=r"runner prism: no binary at \.onegraph/bin/prism .* go install .*@v2\.77"):
        runners.pipeline_options("prism")
    binary = tmp_path / ".onegraph" / "bin" / "prism"
    binary.parent.mkdir(parents=True)
    binary.write_text("#!/bin/sh\n")
    binary.chmod(0o755)
    assert runners.pipeline_options("prism").view_as(PrismRunnerOptions).prism_location == str(binary)
    given = runners.pipeline_options("prism", ["--prism_location=/elsewhere"])
    assert given.view_as(PrismRunnerOptions).prism_location == "/elsewhere"


def fail(element):
    raise InputError(f"element {element} is wrong; mend it")


def stumble(element):
    return {}[element]


def count(element):
    beam.metrics.Metrics.counter(runners.NAMESPACE, "seen").inc()
    return element


def count_the_left_alone(element):
    beam.metrics.Metrics.counter(runners.NAMESPACE, "left_alone").inc(gc.get_freeze_count())
    return element


def run(function):
    pipeline = beam.Pipeline(options=runners.pipeline_options("local"))
    _ = pipeline | beam.Create([7, 8], reshuffle=False) | "Do It" >> beam.Map(function)
    return runners.run_pipeline(pipeline)


def test_an_error_of_ours_keeps_its_class_and_its_one_line():
    with pytest.raises(InputError, match=r"^element 7 is wrong; mend it$"):
        run(fail)


def test_any_other_error_becomes_one_line():
    with pytest.raises(OnegraphError, match=r"^the pipeline failed: KeyError: 7; see the log with -v -v$"):
        run(stumble)


FLINKS_WORDS = """org.apache.flink.runtime.JobException: Recovery is suppressed by NoRestartBackoffTimeStrategy
\tat org.apache.flink.runtime.executiongraph.failover.Handler.handleFailure(Handler.java:180)
Caused by: java.lang.RuntimeException: Error from SDK harness for instruction 7: Traceback (most recent call last):
  File "beam_jobs/stream/read/reader.py", line 1, in process
    raise ServiceError(message)
{error}

\tat java.base/java.util.concurrent.CompletableFuture.reportGet(CompletableFuture.java:396)
\t... 1 more
"""


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (
            "schemas.errors.ServiceError: offsets 3 to 9 are lost [while running 'Poll']",
            ServiceError,
            "^offsets 3 to 9 are lost$",
        ),
        ("KeyError: 7", OnegraphError, "^the pipeline failed: KeyError: 7; see"),
    ],
)
def test_what_flink_says_becomes_one_line(error, kind, message):
    found = runners.as_ours(FLINKS_WORDS.format(error=error))
    assert type(found) is kind
    assert re.search(message, str(found))


def test_counters_are_ours_summed():
    assert runners.counters(run(count)) == {"seen": 2}


def test_bundles_end_promptly_while_a_pipeline_runs():
    before = statesampler.StateSampler.__init__.__defaults__
    assert before == (statesampler.DEFAULT_SAMPLING_PERIOD_MS,), "Beam changed it: see patches/state_sampling.py"
    run(count)
    assert statesampler.StateSampler.__init__.__defaults__ == before


def test_the_collector_looks_only_at_what_a_pipeline_makes():
    modules = len(gc.get_objects())
    assert runners.counters(run(count_the_left_alone))["left_alone"] > modules  # two elements, nearly all for each
    assert gc.get_freeze_count() == 0, "afterwards everything is collected as before"


class InSteps(beam.DoFn, RestrictionProvider):
    """Takes an element in as many bundles as it says."""

    @beam.DoFn.unbounded_per_element()
    def process(self, element, tracker=beam.DoFn.RestrictionParam()):  # noqa: B008
        if tracker.try_claim(tracker.current_restriction().start):
            beam.metrics.Metrics.counter(runners.NAMESPACE, "seen").inc()
            beam.metrics.Metrics.gauge(runners.NAMESPACE, "last").set(tracker.current_restriction().start)
            yield element
            tracker.defer_remainder()

    def initial_restriction(self, element):
        return OffsetRange(0, element)

    def create_tracker(self, restriction):
        return OffsetRestrictionTracker(restriction)

    def restriction_size(self, element, restriction):
        return restriction.size()


def test_a_job_of_many_bundles_keeps_one_of_each_metric():
    bundles = 2 * sys.getrecursionlimit() // 3  # the library calls as deep as there were bundles, and deeper to read
    pipeline = beam.Pipeline(options=runners.pipeline_options("local"))
    _ = pipeline | beam.Create([bundles], reshuffle=False) | "Go On" >> beam.ParDo(InSteps())
    result: Any = runners.run_pipeline(pipeline)  # Beam's own runner keeps what no other result has
    assert runners.counters(result) == {"seen": bundles}
    kept = [len(infos) for infos in result._monitoring_infos_by_stage.values()]
    assert sum(kept) < bundles / 2
    (gauge,) = result.metrics().query(MetricsFilter().with_name("last"))["gauges"]
    assert gauge.result.value == bundles - 1


def test_workers_listen_on_loopback_only():
    with worker_pool.serve() as address:
        assert address.startswith("127.0.0.1:")
        assert listeners(int(address.partition(":")[2])) in (["0100007F"], ["0000000000000000FFFF00000100007F"])


def listeners(port):
    """Return the local addresses, in hexadecimal, on which anything listens on a port."""
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in pathlib.Path(table).read_text().splitlines()[1:]:
            local, _, state = line.split()[1:4]
            address, _, hexadecimal = local.partition(":")
            if state == "0A" and int(hexadecimal, 16) == port:
                found.append(address)
    return found


def test_loopback_means_our_own_workers():
    options = runners.pipeline_options("PortableRunner", ["--environment_type=LOOPBACK", "--job_endpoint=x:1"])
    with runners._workers(options):
        portable = options.view_as(PortableOptions)
        assert portable.environment_type == "EXTERNAL"
        assert portable.environment_config.startswith("127.0.0.1:")
