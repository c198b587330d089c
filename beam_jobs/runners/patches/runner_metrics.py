"""FnApiRunner's metrics, added up at the end of every bundle."""

from collections.abc import Hashable, Iterable

from apache_beam.metrics import monitoring_infos
from apache_beam.portability.api import metrics_pb2
from apache_beam.runners.portability.fn_api_runner import fn_runner


def install() -> None:
    """Have the runner add up at once, in this process.

    It puts one generator around the other, bundle by bundle, and adds up when the job has ended: an endless job grows
    by 30 to 50 kB with every end of the read budget, and after 1,000 of them (83 minutes) it ends in a RecursionError.
    """
    fn_runner.consolidate_monitoring_infos = added_up  # type: ignore[assignment]


def added_up(infos: Iterable[metrics_pb2.MonitoringInfo]) -> list[metrics_pb2.MonitoringInfo]:
    """Add up what bundles counted, the newest first; of what has no sum, gauges for example, the newest is kept."""
    kept: dict[Hashable, metrics_pb2.MonitoringInfo] = {}
    for info in monitoring_infos.consolidate(infos):
        kept.setdefault(monitoring_infos.to_key(info), info)
    return list(kept.values())
