"""The process of a streaming job, announced on its machine, with an endpoint for its measures if it is wanted."""

import logging

from beam_jobs.cli import logs
from beam_jobs.cli.settings import ScoreStream
from beam_jobs.monitoring import measures
from beam_jobs.monitoring.live_watch import LIVE_WATCH
from beam_jobs.monitoring.metrics_endpoint import MetricsEndpoint
from beam_jobs.process.run_files import Announced
from beam_jobs.runners import runners
from beam_jobs.stream.stream_job import StreamJob

_log = logging.getLogger(__name__)


def announced(settings: ScoreStream, job: StreamJob) -> Announced:
    """Announce this process as a job's until closed, with an endpoint if it is wanted and the workers are here."""
    port, endpoint = settings.metrics_port, None
    if port is not None and runners.in_this_process(settings.runner):
        measures.STORE.clear()
        LIVE_WATCH.clear()
        endpoint = MetricsEndpoint(job.name, settings.metrics_host, port)
        if _log.isEnabledFor(logging.WARNING):
            logs.say(f"onegraph score_stream: metrics at {endpoint.url}/metrics")
    return Announced(job.about, endpoint)
