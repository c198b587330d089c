"""Beam's classes are changed by a call, never by an import."""

import subprocess
import sys
from typing import Any

import apache_beam as beam
import pytest
from apache_beam import coders
from apache_beam.metrics import monitoring_infos
from apache_beam.metrics.cells import GaugeData
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.runners.worker import statesampler
from apache_beam.transforms import userstate

from beam_jobs.runners.patches import dofn_specs, runner_metrics
from beam_jobs.runners.patches.state_sampling import short_sampling

_IMPORTS_CHANGE_NOTHING = """
from apache_beam.metrics import monitoring_infos
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.runners.worker import sdk_worker, statesampler
from apache_beam.transforms import userstate
from beam_jobs.batch import training_set_build
from beam_jobs.runners.flink import job, worker
from beam_jobs.runners.in_process import run
assert fn_runner.consolidate_monitoring_infos is monitoring_infos.consolidate
assert sdk_worker.BundleProcessorCache.get.__module__ == sdk_worker.__name__
assert userstate.get_dofn_specs.__module__ == userstate.__name__
assert statesampler.StateSampler.__init__.__defaults__ == (statesampler.DEFAULT_SAMPLING_PERIOD_MS,)
"""


def test_an_import_changes_nothing_of_beams() -> None:
    command = [sys.executable, "-c", _IMPORTS_CHANGE_NOTHING]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr


def test_bundles_that_end_are_added_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fn_runner, "consolidate_monitoring_infos", fn_runner.consolidate_monitoring_infos)
    runner_metrics.install()
    counters = [monitoring_infos.int64_user_counter("onegraph", "seen", n) for n in (1, 2)]
    newest_first = [monitoring_infos.int64_user_gauge("onegraph", "last", GaugeData(n, timestamp=n)) for n in (9, 8)]
    added = fn_runner.consolidate_monitoring_infos([*counters, *newest_first])
    assert isinstance(added, list), "not a generator around that of the bundle before"
    assert len(added) == 2
    assert newest_first[0] in added
    (seen,) = (info for info in added if info.labels["NAME"] == "seen")
    assert monitoring_infos.extract_counter_value(seen) == 3


def test_the_state_of_a_dofn_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Counting(beam.DoFn):
        def process(
            self,
            element: object,
            seen: object = beam.DoFn.StateParam(userstate.BagStateSpec("seen", coders.BytesCoder())),
        ) -> None:
            return None

    class Compared(beam.DoFn):
        def __eq__(self, other: object) -> bool:
            return True

    asked: list[object] = []
    original = dofn_specs._ORIGINAL  # Beam's own, though an earlier test of this process installed the patch

    def get(dofn: Any) -> Any:
        asked.append(dofn)
        return original(dofn)

    monkeypatch.setattr(userstate, "get_dofn_specs", original)
    monkeypatch.setattr(dofn_specs, "_ORIGINAL", get)
    dofn_specs.install()
    counting = Counting()
    assert userstate.is_stateful_dofn(counting)
    assert userstate.is_stateful_dofn(counting)
    assert asked == [counting]
    assert not userstate.is_stateful_dofn(beam.DoFn())
    assert not userstate.is_stateful_dofn(Compared())


def test_sampling_is_short_within_the_block() -> None:
    usual = statesampler.StateSampler.__init__.__defaults__
    with short_sampling():
        assert statesampler.StateSampler.__init__.__defaults__ == (10,)
    assert statesampler.StateSampler.__init__.__defaults__ == usual
