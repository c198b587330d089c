"""A pipeline run to its end from this process, with the workers that it has here."""

import contextlib
from collections.abc import Iterator

import apache_beam as beam
from apache_beam.options import pipeline_options as beam_options
from apache_beam.runners.runner import PipelineResult

from beam_jobs.runners import names
from beam_jobs.runners.failures import in_one_line
from beam_jobs.runners.in_process import worker_threads
from beam_jobs.runners.in_process.frozen_heap import frozen_heap
from beam_jobs.runners.patches import runner_metrics
from beam_jobs.runners.patches.state_sampling import short_sampling


def run_pipeline(pipeline: beam.Pipeline) -> PipelineResult:
    """Run to the end. A failure comes out as the `OnegraphError` that a worker raised, or as one that names it."""
    runner_metrics.install()
    with in_one_line(), short_sampling(), frozen_heap(), loopback_workers(pipeline.options):
        result = pipeline.run()
        result.wait_until_finish()
        return result


@contextlib.contextmanager
def loopback_workers(options: beam_options.PipelineOptions) -> Iterator[None]:
    """Serve workers on loopback within the block if a runner outside this process wants them inside it.

    The options then name their address. Prism gets them unless people say otherwise.
    """
    portable = options.view_as(beam_options.PortableOptions)
    runner = options.view_as(beam_options.StandardOptions).runner
    loopback = portable.environment_type == "LOOPBACK"
    if not loopback and not (runner == names.PRISM and portable.environment_type is None):
        yield
        return
    with worker_threads.serve() as address:
        portable.environment_type = "EXTERNAL"
        portable.environment_config = address
        yield
