"""Dataflow: the options that our jobs need there, what cannot work there refused before it starts, submission."""

import contextlib
import ipaddress
import logging
import pathlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.options import pipeline_options as beam_options
from apache_beam.runners.runner import PipelineResult

from beam_jobs.runners import names
from beam_jobs.runners.failures import in_one_line
from schemas.errors import ServiceError, UsageError

_log = logging.getLogger(__name__)

_REQUIRED = ("project", "region", "temp_location")
_HOW = "see docs/operations.md, Dataflow"


def flags(given: Collection[str], streaming: bool) -> list[str]:
    """Return our defaults for Dataflow, without those that are `given`.

    The worker image holds our packages, so nothing is installed or staged at a worker's start. A stream whose sink
    repeats after a failure anyway gains nothing from Dataflow's exactly-once shuffle.

    >>> flags({"sdk_location"}, streaming=True)
    ['--dataflow_service_options=streaming_mode_at_least_once']
    """
    ours = [] if "sdk_location" in given else ["--sdk_location=container"]
    if streaming and "dataflow_service_options" not in given:
        ours.append("--dataflow_service_options=streaming_mode_at_least_once")
    return ours


def chosen(options: beam_options.PipelineOptions) -> bool:
    """Say whether a job of these options goes to Dataflow."""
    return options.view_as(beam_options.StandardOptions).runner == names.DATAFLOW


def check_stream(options: beam_options.PipelineOptions, registry: str, servers: str) -> None:
    """Raise `UsageError` if a streaming job lacks what it cannot do without on Dataflow.

    Its workers see neither a registry nor a broker of this machine.
    """
    _check_options(options)
    _check_seen("registry", registry)
    _check_servers(servers)


def check_batch(options: beam_options.PipelineOptions, verb: str, paths: Mapping[str, Sequence[str]]) -> None:
    """Raise `UsageError` if a job over files lacks what it cannot do without on Dataflow.

    `paths` are those of its settings that workers use, by option. They see nothing of this machine, and this one names
    their files when the job has ended.
    """
    for folder in paths.get("use_case_path", ()):
        raise UsageError(
            f"--use-case-path {folder} is a path of this machine, Dataflow's workers have those of their image; "
            "put its three files beside ours, there and here, and leave the option out"
        )
    for option, named in paths.items():
        for path in named:
            _check_seen(option.replace("_", "-"), path)
    _check_options(options)
    if not submits(options):
        raise UsageError(
            f"{verb} waits for its jobs and names their files itself, so it has no template and no dry run of Beam's; "
            "leave out --template_location and --dry_run"
        )


def submits(options: beam_options.PipelineOptions) -> bool:
    """Say whether a pipeline with these options would run, instead of being looked at or kept as a template."""
    return not (options.view_as(beam_options.TestOptions).dry_run or writes_template(options))


def writes_template(options: beam_options.PipelineOptions) -> bool:
    """Say whether a pipeline with these options becomes a template."""
    cloud, test = options.view_as(beam_options.GoogleCloudOptions), options.view_as(beam_options.TestOptions)
    return bool(cloud.template_location) and not test.dry_run


def submit(pipeline: beam.Pipeline) -> dict[str, Any]:
    """Hand a pipeline to Dataflow, or write its template, without waiting for its end; says what was done.

    Raises `ServiceError` if Dataflow or its storage does not take it.
    """
    cloud = pipeline.options.view_as(beam_options.GoogleCloudOptions)
    dry = pipeline.options.view_as(beam_options.TestOptions).dry_run
    result = _submitted(pipeline)
    if dry:
        return {"job_name": cloud.job_name, "graph": "built", "submitted": False}
    if cloud.template_location:
        return {"job_name": cloud.job_name, "template": cloud.template_location, "submitted": False}
    return {"job_name": cloud.job_name, "job_id": result.job_id(), "region": cloud.region, "submitted": True}


def run_to_end(pipeline: beam.Pipeline, say: Callable[[str], None]) -> PipelineResult:
    """Hand a pipeline to Dataflow and wait for its end; a job that is not waited for any more is cancelled.

    Raises `ServiceError` if it is not taken, and what `in_one_line` makes of a failure there.
    """
    result: Any = _submitted(pipeline)
    cloud = pipeline.options.view_as(beam_options.GoogleCloudOptions)
    say(f"job {cloud.job_name} runs on Dataflow as {result.job_id()}")
    try:
        with in_one_line():
            result.wait_until_finish()
    except BaseException:
        with contextlib.suppress(Exception):  # Beam's errors and its transport's; why the waiting ended is said
            if not result.is_in_terminal_state():
                result.cancel()
        raise
    return result


def _submitted(pipeline: beam.Pipeline) -> Any:
    cloud = pipeline.options.view_as(beam_options.GoogleCloudOptions)
    for folder in (cloud.staging_location, cloud.temp_location):
        if folder and FileSystems.get_scheme(folder) is None:
            pathlib.Path(folder).mkdir(parents=True, exist_ok=True)  # Beam writes there and does not make it
    try:
        return pipeline.run()
    except Exception as error:
        _log.debug("not submitted", exc_info=True)
        said = next(iter(str(error).splitlines()), "")
        raise ServiceError(
            f"job {cloud.job_name} is not on Dataflow: {type(error).__name__}: {said}; see the log with -v -v"
        ) from None


def describe(result: Mapping[str, Any]) -> str:
    """Return what `submit` did, for people.

    >>> describe({"job_name": "onegraph-1", "template": "gs://b/t.json", "submitted": False})
    'template of job onegraph-1 written to gs://b/t.json; nothing runs yet'
    """
    name = result["job_name"]
    if "template" in result:
        return f"template of job {name} written to {result['template']}; nothing runs yet"
    if not result["submitted"]:
        return f"graph of job {name} built for Dataflow; nothing was submitted"
    job, region = result["job_id"], result["region"]
    return (
        f"job {name} runs on Dataflow as {job} and goes on without this command; "
        f"end it with `gcloud dataflow jobs drain {job} --region {region}`"
    )


def _check_options(options: beam_options.PipelineOptions) -> None:
    given = options.get_all_options()
    missing = [name for name in _REQUIRED if not given.get(name)]
    if missing:
        raise UsageError(f"--runner dataflow wants {', '.join(f'--{name}=' for name in missing)}; {_HOW}")
    if not (given.get("sdk_container_image") or given.get("setup_file")):
        raise UsageError(f"--runner dataflow wants --sdk_container_image=, the image of deploy/dataflow; {_HOW}")


def _check_seen(option: str, path: str) -> None:
    if FileSystems.get_scheme(path) is None:
        raise UsageError(
            f"--{option} {path} is a path of this machine, Dataflow's workers cannot see it; "
            "give one that starts with gs://"
        )


def _check_servers(servers: str) -> None:
    for server in servers.split(","):
        host = server.strip().rpartition(":")[0].strip("[]")
        if _is_loopback(host):
            raise UsageError(
                f"--bootstrap-servers {server.strip()} is this machine, Dataflow's workers cannot reach it; "
                "give an address of your network"
            )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
