"""A pipeline run to its end: its errors, its counters, and what it changes in this process meanwhile."""

import gc
import sys
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker
from apache_beam.metrics.metric import MetricsFilter
from apache_beam.options.pipeline_options import PortableOptions
from apache_beam.runners.worker import statesampler
from apache_beam.transforms.core import RestrictionProvider

from beam_jobs.monitoring.measures import NAMESPACE
from beam_jobs.runners import runners
from beam_jobs.runners.in_process.run import loopback_workers, run_pipeline
from schemas.errors import InputError, OnegraphError


def fail(element):
    raise InputError(f"element {element} is wrong; mend it")


def stumble(element):
    return {}[element]


def count(element):
    beam.metrics.Metrics.counter(NAMESPACE, "seen").inc()
    return element


def count_the_left_alone(element):
    beam.metrics.Metrics.counter(NAMESPACE, "left_alone").inc(gc.get_freeze_count())
    return element


def run(function):
    pipeline = beam.Pipeline(options=runners.pipeline_options("local"))
    _ = pipeline | beam.Create([7, 8], reshuffle=False) | "Do It" >> beam.Map(function)
    return run_pipeline(pipeline)


def test_an_error_of_ours_keeps_its_class_and_its_one_line():
    with pytest.raises(InputError, match=r"^element 7 is wrong; mend it$"):
        run(fail)


def test_any_other_error_becomes_one_line():
    with pytest.raises(OnegraphError, match=r"^the pipeline failed: KeyError: 7; see the log with -v -v$"):
        run(stumble)


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
            beam.metrics.Metrics.counter(NAMESPACE, "seen").inc()
            beam.metrics.Metrics.gauge(NAMESPACE, "last").set(tracker.current_restriction().start)
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
    result: Any = run_pipeline(pipeline)  # Beam's own runner keeps what no other result has
    assert runners.counters(result) == {"seen": bundles}
    kept = [len(infos) for infos in result._monitoring_infos_by_stage.values()]
    assert sum(kept) < bundles / 2
    (gauge,) = result.metrics().query(MetricsFilter().with_name("last"))["gauges"]
    assert gauge.result.value == bundles - 1


def test_loopback_means_our_own_workers():
    options = runners.pipeline_options("PortableRunner", ["--environment_type=LOOPBACK", "--job_endpoint=x:1"])
    with loopback_workers(options):
        portable = options.view_as(PortableOptions)
        assert portable.environment_type == "EXTERNAL"
        assert portable.environment_config.startswith("127.0.0.1:")
