"""Where a pipeline runs: our short names to Beam's runners, Beam's own options checked, failures in one line."""

import argparse
import contextlib
import logging
import os
import pathlib
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import apache_beam as beam
from apache_beam.metrics.metric import MetricsFilter
from apache_beam.options import pipeline_options as beam_options
from apache_beam.runners.runner import PipelineResult

from beam_jobs.monitoring.measures import NAMESPACE
from beam_jobs.runners import dataflow, worker_pool
from beam_jobs.runners.flink_options import FLINK_OPTIONS
from beam_jobs.runners.frozen_heap import frozen_heap
from beam_jobs.runners.patches import runner_metrics
from beam_jobs.runners.patches.state_sampling import short_sampling
from schemas.errors import OnegraphError, ServiceError, UsageError

_log = logging.getLogger(__name__)

_View = TypeVar("_View", bound=beam_options.PipelineOptions)

_OURS = {"local": "FnApiRunner", "prism": "PrismRunner", "flink": "FlinkRunner", "dataflow": "DataflowRunner"}
_BEAMS = ("DirectRunner", "PortableRunner", "SwitchingDirectRunner", *_OURS.values())

_JAVA_FRAME = re.compile(r"at [\w.$<>/@-]+\(.*\)|\.\.\. \d+ more$")
_WHERE = re.compile(r" \[while running .*", re.DOTALL)  # what Beam puts behind a message, with the step's name

PRISM_INSTALL = "go install github.com/apache/beam/sdks/v2/go/cmd/prism@v{version}"

runner_metrics.install()


def pipeline_options(
    runner: str, beam_args: Sequence[str] = (), streaming: bool = False, job_name: str | None = None
) -> beam_options.PipelineOptions:
    """Return Beam's options for a runner by our name or Beam's, with people's own Beam options on top.

    Raises `UsageError` for an option that neither Beam registers nor Flink's job server has, and for a runner that
    does not exist; `ServiceError` where the runner's program is missing.
    """
    beams_name = _runner(runner)
    _refuse_unknown(beam_args)
    flags = [f"--runner={beams_name}", *beam_args]
    if beams_name == "FlinkRunner" and any(_name(arg) == "job_endpoint" for arg in beam_args):
        flags[0] = "--runner=PortableRunner"
    given = {_name(arg) for arg in beam_args}
    if beams_name == "PrismRunner":
        if "prism_location" not in given:
            flags.append(f"--prism_location={find_prism()}")
        if "prism_log_level" not in given:
            flags.append("--prism_log_level=warn")
    if beams_name == dataflow.BEAMS_NAME:
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


def find_prism(folder: str | os.PathLike = ".onegraph/bin") -> pathlib.Path:
    """Return Prism's binary from `folder` or PATH; raises `ServiceError` that says how to get it."""
    here = pathlib.Path(folder) / "prism"
    found = str(here.resolve()) if os.access(here, os.X_OK) else shutil.which("prism")
    if found is None:
        install = PRISM_INSTALL.format(version=beam.__version__)
        raise ServiceError(
            f"runner prism: no binary at {here} and none in PATH; get it with Go: GOBIN=$PWD/{here.parent} {install}"
        )
    return pathlib.Path(found)


def run_pipeline(pipeline: beam.Pipeline) -> PipelineResult:
    """Run to the end. A failure comes out as the `OnegraphError` that a worker raised, or as one that names it."""
    with in_one_line(), short_sampling(), frozen_heap(), _workers(pipeline.options):
        result = pipeline.run()
        result.wait_until_finish()
        return result


@contextlib.contextmanager
def in_one_line() -> Iterator[None]:
    """Turn whatever a pipeline raises within the block into an `OnegraphError` of one line."""
    try:
        yield
    except OnegraphError as error:
        raise type(error)(_WHERE.sub("", str(error))) from None
    except Exception as error:
        _log.debug("pipeline failed", exc_info=True)
        raise as_ours(str(error)) from None


def is_flink(name: str) -> bool:
    """Say whether a runner, by our name or Beam's, is Flink; raises `UsageError` for one that does not exist."""
    return _runner(name) == "FlinkRunner"


def in_this_process(name: str) -> bool:
    """Say whether a runner's workers are threads of this process; raises `UsageError` for one that does not exist."""
    return _runner(name) in ("FnApiRunner", "DirectRunner", "SwitchingDirectRunner", "PrismRunner")


def counters(result: PipelineResult) -> dict[str, int]:
    """Return our counters of a pipeline by name, summed over steps."""
    found: dict[str, int] = {}
    for counter in result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))["counters"]:
        found[counter.key.metric.name] = found.get(counter.key.metric.name, 0) + counter.result
    return found


def _runner(name: str) -> str:
    beams = {known.lower(): known for known in _BEAMS}
    found = _OURS.get(name.lower()) or beams.get(name.lower())
    if found is None:
        raise UsageError(f"--runner {name}: no such runner; known: {', '.join([*_OURS, *_BEAMS])}")
    return found


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


def _name(arg: str) -> str:
    return arg.removeprefix("--").partition("=")[0]


@contextlib.contextmanager
def _workers(options: beam_options.PipelineOptions) -> Iterator[None]:
    """For a runner outside this process that wants workers inside it, serve them on loopback."""
    portable = options.view_as(beam_options.PortableOptions)
    runner = options.view_as(beam_options.StandardOptions).runner
    loopback = portable.environment_type == "LOOPBACK"
    if not loopback and not (runner == "PrismRunner" and portable.environment_type is None):
        yield
        return
    with worker_pool.serve() as address:
        portable.environment_type = "EXTERNAL"
        portable.environment_config = address
        yield


def as_ours(text: str) -> OnegraphError:
    """Return the error that a runner's text, Python's and Java's traces with all, is about: ours if one is in it."""
    kinds = {kind.__name__: kind for kind in _kinds(OnegraphError)}
    lines = [_WHERE.sub("", line.strip()) for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not _JAVA_FRAME.match(line)]
    for line in reversed(lines):
        name, _, message = line.partition(": ")
        if message and name.rpartition(".")[2] in kinds:
            return kinds[name.rpartition(".")[2]](message)
    return OnegraphError(f"the pipeline failed: {lines[-1] if lines else 'no reason given'}; see the log with -v -v")


def _kinds(kind: type[OnegraphError]) -> Iterator[type[OnegraphError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)
