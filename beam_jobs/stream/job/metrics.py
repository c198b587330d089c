"""Who serves the measures of a streaming job, by its settings: its own process, or every worker process by itself."""

import logging

from beam_jobs.cli import logs
from beam_jobs.cli.settings import ScoreStream
from beam_jobs.kafka.groups.position_note import Lease
from beam_jobs.monitoring import measures
from beam_jobs.monitoring.live_watch import LIVE
from beam_jobs.monitoring.metrics_endpoint import MetricsEndpoint
from beam_jobs.process.run_files import Announced, Job, WorkerMetrics
from beam_jobs.registries import registry_address
from beam_jobs.runners import runners
from schemas.errors import UsageError

_log = logging.getLogger(__name__)


def check(settings: ScoreStream) -> None:
    """Refuse a port that is none."""
    if settings.metrics_port is not None and not 0 <= settings.metrics_port < 65_536:
        raise UsageError(f"--metrics-port is {settings.metrics_port}, wanted 0 (a free one) to 65535")


def announced(settings: ScoreStream, job: str) -> Announced:
    """Announce this process as a job's until closed, with an endpoint where it is wanted and the workers are here."""
    port, endpoint = settings.metrics_port, None
    if port is not None and runners.in_this_process(settings.runner):
        measures.STORE.clear()
        LIVE.clear()
        endpoint = MetricsEndpoint(job, settings.metrics_host, port)
        if _log.isEnabledFor(logging.WARNING):
            logs.say(f"onegraph score_stream: metrics at {endpoint.url}/metrics")
    return Announced(_job(settings, job), endpoint)


def of_workers(settings: ScoreStream, job: str, lease: Lease | None) -> WorkerMetrics | None:
    """Return what worker processes need to serve their own measures, None where they are not wanted or not needed."""
    if settings.metrics_port is None or runners.in_this_process(settings.runner):
        return None
    return WorkerMetrics(job=_job(settings, job), host=settings.metrics_host, lease=lease.number if lease else None)


def _job(settings: ScoreStream, job: str) -> Job:
    return Job(
        name=job,
        source_topic=settings.source_topic,
        group=settings.group,
        registry=registry_address.absolute(settings.registry),
        runner=settings.runner,
    )
