"""Measures: closed names and labels, equal in Prometheus and Beam, cheap per batch."""

import cProfile

import apache_beam as beam
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from beam_jobs.monitoring import measures
from beam_jobs.monitoring.measure_store import Measure, MeasureError, MeasureKind, Store
from beam_jobs.runners import runners

TABLE = (
    Measure("seen", MeasureKind.COUNTER, "events", {"reason": ["A", "B"]}),
    Measure("took_seconds", MeasureKind.HISTOGRAM, "time", {"stage": ["one"]}, (0.1, 1.0)),
    Measure("score", MeasureKind.HISTOGRAM, "scores", buckets=(0.5, 1.0)),
    Measure("lag", MeasureKind.GAUGE, "behind", {"partition": None}),
    Measure("live", MeasureKind.INFO, "bundles", {"bundle": None}),
)


@pytest.fixture
def store():
    return Store(TABLE)


def samples(store):
    """All of the store's own samples, as a Prometheus server reads the text."""
    families = text_string_to_metric_families(store.text().decode())
    found = [one for family in families for one in family.samples if one.name.startswith("onegraph_")]
    return {(one.name, *sorted(one.labels.items())): one.value for one in found}


def test_prometheus_reads_what_was_counted_observed_and_gauged(store):
    store.declare("partition", range(2))
    store.count("seen", 2, {"reason": "A"})
    store.count("seen", 3, {"reason": "A"})
    store.observe("took_seconds", 0.1, 4, {"stage": "one"})
    store.observe("took_seconds", 3.0, 1, {"stage": "one"})
    store.gauge("lag", 7, {"partition": 1})
    store.gauge("lag", 5, {"partition": 1})
    store.info("live", [{"bundle": "abc"}])
    store.info("live", [{"bundle": "def"}])
    stage = ("stage", "one")
    assert samples(store) == {
        ("onegraph_seen_total", ("reason", "A")): 5,
        ("onegraph_seen_total", ("reason", "B")): 0,  # a counter that begins at 1 never rose
        ("onegraph_took_seconds_bucket", ("le", "0.1"), stage): 4,
        ("onegraph_took_seconds_bucket", ("le", "1.0"), stage): 4,
        ("onegraph_took_seconds_bucket", ("le", "+Inf"), stage): 5,
        ("onegraph_took_seconds_sum", stage): 3.4,
        ("onegraph_took_seconds_count", stage): 5,
        ("onegraph_lag", ("partition", "1")): 5,
        ("onegraph_live", ("bundle", "def")): 1,
    }


def test_an_array_is_observed_as_its_values_one_by_one(store):
    one_by_one = Store(TABLE)
    values = np.array([0, 0.5, 0.5000001, 1, 7, -1], np.float64)
    _, added = store.observe_all("score", values, {})
    for value in values:
        one_by_one.observe("score", float(value), 1, {})
    assert added.tolist() == [3, 2, 1]
    assert samples(store) == samples(one_by_one)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda store: store.count("unheard", 1, {}),
        lambda store: store.count("lag", 1, {"partition": 0}),
        lambda store: store.count("seen", 1, {"reason": "C"}),
        lambda store: store.count("seen", 1, {}),
        lambda store: store.count("seen", 1, {"reason": "A", "key": "A"}),
        lambda store: store.gauge("lag", 1, {"partition": 0}),
        lambda store: store.declare("reason", ["C"]),
        lambda store: store.info("live", [{"bundle": "x" * 81}]),
    ],
)
def test_what_is_not_declared_raises_and_makes_no_series(store, wrong):
    with pytest.raises(MeasureError):
        wrong(store)
    assert len(store) == 0


def test_a_hundred_thousand_keys_add_no_series(store):
    """S18."""
    store.declare("partition", range(4))
    store.count("seen", 1, {"reason": "A"})
    refused = 0
    for key in range(100_000):
        try:
            store.count("seen", 1, {"reason": f"key-{key}"})
        except MeasureError:
            refused += 1
        store.gauge("lag", key, {"partition": key % 4})
    for bundle in range(1_000):
        store.info("live", [{"bundle": bundle}])
    assert refused == 100_000
    assert len(store) == 6
    assert len(samples(store)) == 7, "and a counter that is still 0"
    assert len(store._found) == 5


def test_the_table_is_consistent():
    names = [measure.name for measure in measures.TABLE]
    assert len(set(names)) == len(names)
    for measure in measures.TABLE:
        assert measure.help
        assert (measure.kind is MeasureKind.HISTOGRAM) == bool(measure.buckets), measure.name
        assert list(measure.buckets) == sorted(set(measure.buckets))


class Tell(beam.DoFn):
    def process(self, n):
        measures.count("events", n)
        measures.count("rejected", 2, reason="TYPE")
        measures.count("rejected", 1, reason="RANGE")
        measures.declare("field", ["", "/a.b"])
        measures.count("rejected_fields", 2, reason="TYPE", field="/a.b")
        measures.count("rejected_fields", 1, reason="RANGE", field="")
        measures.observe("stage_seconds", 0.25, times=n, stage="decode")
        measures.observe_all("score", np.array([0.05, 0.95, 0.96]), variant="champion")


def test_beam_gets_the_same_counts():
    measures.STORE.clear()
    with beam.Pipeline(runner="FnApiRunner") as steps:
        steps | beam.Create([3, 4]) | beam.ParDo(Tell())
    result = steps.result
    counters = runners.counters(result)
    assert counters == {
        "events": 7,
        "rejected.TYPE": 4,
        "rejected.RANGE": 2,
        "rejected_fields.TYPE./a.b": 4,
        "rejected_fields.RANGE.": 2,
        "score.champion.0.1": 2,
        "score.champion.1.0": 4,
    }
    assert measures.total(counters, "rejected") == 6
    assert measures.by_label(counters, "rejected") == {"TYPE": 4, "RANGE": 2}
    assert measures.rejected(counters) == {("TYPE", "/a.b"): 4, ("RANGE", ""): 2}
    (found,) = result.metrics().query()["distributions"]
    assert found.key.metric.name == "stage_seconds.decode"
    assert (found.result.sum, found.result.count) == (500_000, 2)
    assert measures.STORE.value("events") == 7
    assert measures.STORE.value("rejected", reason="TYPE") == 4


def test_outside_of_tests_a_wrong_measure_is_logged_once_and_left_out(monkeypatch, caplog):
    monkeypatch.delenv("ONEGRAPH_STRICT")
    measures.STORE.clear()
    for _ in range(3):
        measures.count("rejected", reason="no such reason")
    assert len(caplog.records) == 1
    assert "no such reason" not in caplog.text
    assert len(measures.STORE) == 0


def tell_a_batch(scores):
    """What one batch tells."""
    measures.count("events", 4_000)
    measures.count("batches")
    measures.count("predictions", 3_998, variant="champion")
    measures.count("rejected", 2, reason="TYPE")
    measures.observe("batch_events", 4_000)
    for stage in measures.STAGES:
        measures.observe("stage_seconds", 0.01, times=4_000, stage=stage)
    measures.observe_all("score", scores, variant="champion")


def test_a_batch_tells_its_measures_in_few_calls():
    """About a tenth of a millisecond on a core at 3 GHz; calls are counted, as cores differ and are shared."""
    scores = np.linspace(0, 1, 10)
    tell_a_batch(scores)
    profile = cProfile.Profile()
    profile.runcall(tell_a_batch, scores)
    assert sum(entry.callcount for entry in profile.getstats()) < 300
