"""Where a pipeline runs: our short names to Beam's runners, and Beam's own options, checked."""

import argparse
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from apache_beam.metrics.metric import MetricsFilter
from apache_beam.options import pipeline_options as beam_options
from apache_beam.runners.runner import PipelineResult

from beam_jobs.monitoring.measures import NAMESPACE
from beam_jobs.runners import dataflow, names, prism
from beam_jobs.runners.flink_options import FLINK_OPTIONS
from schemas.errors import UsageError

_View = TypeVar("_View", bound=beam_options.PipelineOptions)


def pipeline_options(
    runner: str, beam_args: Sequence[str] = (), streaming: bool = False, job_name: str | None = None
) -> beam_options.PipelineOptions:
    """Return Beam's options for a runner by our name or Beam's, with people's own Beam options on top.

    Raises `UsageError` for an option that neither Beam registers nor Flink's job server has, and for a runner that
    does not exist; `ServiceError` if the runner's program is missing.
    """
    chosen = names.beams_name(runner)
    _refuse_unknown(beam_args)
    given = {_option_name(arg) for arg in beam_args}
    flags = [f"--runner={chosen}", *beam_args]
    if chosen == names.FLINK and "job_endpoint" in given:
        flags[0] = "--runner=PortableRunner"
    if chosen == names.PRISM:
        flags += prism.flags(given)
    if chosen == names.DATAFLOW:
        flags += dataflow.flags(given, streaming)
    if streaming:
        flags.append("--streaming")
    if job_name is not None and "job_name" not in given:
        flags.append(f"--job_name={job_name}")
    options = _Options(flags)
    options.view_as(beam_options.SetupOptions).save_main_session = False
    return options


class _Options(beam_options.PipelineOptions):
    """Options whose views are made once: Beam asks for one at every step and parses all flags again each time."""

    def view_as(self, cls: type[_View]) -> _View:
        views = self.__dict__.setdefault("_views", {})
        if cls not in views:
            views[cls] = super().view_as(cls)
        return views[cls]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_views"}


def is_flink(name: str) -> bool:
    """Say whether a runner, by our name or Beam's, is Flink; raises `UsageError` for one that does not exist."""
    return names.beams_name(name) == names.FLINK


in_this_process = names.in_this_process


def counters(result: PipelineResult) -> dict[str, int]:
    """Return our counters of a pipeline by name, summed over steps."""
    sums: dict[str, int] = {}
    for counter in result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))["counters"]:
        sums[counter.key.metric.name] = sums.get(counter.key.metric.name, 0) + counter.result
    return sums


def _refuse_unknown(beam_args: Iterable[str]) -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False, conflict_handler="resolve")
    for options in beam_options.PipelineOptions.__subclasses__():
        if options.__module__ == beam_options.__name__:
            options._add_argparse_args(parser)  # type: ignore[arg-type]
    for name in sorted(FLINK_OPTIONS):
        parser.add_argument(f"--{name}", nargs="?", const=True)
    _, rest = parser.parse_known_args(list(beam_args))
    if rest:
        raise UsageError(
            f"unknown option {rest[0]}; ours are in --help with hyphens, Beam's have underscores and a value after ="
        )


def _option_name(arg: str) -> str:
    return arg.removeprefix("--").partition("=")[0]
