"""Which Flink a job goes to, and the options that a job has there unless people say otherwise."""

import dataclasses
import pathlib
import urllib.parse
from collections.abc import Callable, Sequence

from beam_jobs.runners.flink import job_server
from beam_jobs.runners.flink.key_groups import MAX_PARALLELISM
from beam_jobs.runners.flink.rest import FlinkRest
from schemas.errors import ServiceError, UsageError

# A bundle is closed by nothing but its time, so time costs latency; a checkpoint waits for the read budget anyway.
DEFAULTS = {
    "parallelism": "1",
    "max_parallelism": str(MAX_PARALLELISM),
    "max_bundle_time_mills": "1",
    "checkpointing_interval": "5000",
}
_WORKERS_PER_SUBTASK = 2  # one for the stage that names the reader's groups, one for the stage that reads
_END_SOURCES_MS = 1
# Beam's submission would call pip freeze and send its answer along
_ALWAYS = ("--experiments=disable_logging_submission_environment",)
_MASTERS_OF_BEAM = ("[auto]", "[local]")


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Where a job goes: Beam's options that say so, and the REST interface if it is known."""

    beam_args: tuple[str, ...]
    rest: FlinkRest | None


def find(beam_args: Sequence[str], local: Callable[[], Cluster], job_server_s: float = 5.0) -> Cluster:
    """Return the cluster that `--flink_master` and `--job_endpoint` name; if neither is given, that of `local`.

    `local` raises `ServiceError` if there is none; so is raised, in one line, if the cluster does not answer, or
    a job server takes more than `job_server_s`.
    """
    given = given_options(beam_args)
    master, endpoint = given.get("flink_master"), given.get("job_endpoint")
    if master is None and endpoint is None:
        return _without(local(), given)
    rest = None
    if master is not None and master not in _MASTERS_OF_BEAM:
        rest = FlinkRest(master)
        rest.overview()
    if endpoint is not None and not job_server.answers(endpoint, job_server_s):
        raise ServiceError(f"no job server of Beam's for Flink answers at --job_endpoint={endpoint}; is it up?")
    return Cluster((), rest)


def streaming_args(
    beam_args: Sequence[str], until_caught_up: bool = False, savepoint: str | None = None
) -> tuple[str, ...]:
    """Return Beam's options of a streaming job that are not given: our defaults for Flink.

    >>> streaming_args(["--parallelism=3", "--max_parallelism=256", "--checkpointing_interval=9"])
    ('--max_bundle_time_mills=1', '--sdk_worker_parallelism=6', '--experiments=disable_logging_submission_environment')
    """
    given = given_options(beam_args)
    wanted = DEFAULTS | {"sdk_worker_parallelism": str(_WORKERS_PER_SUBTASK * _parallelism(given))}
    if until_caught_up:  # with checkpoints, Flink's sources stay for ever unless told
        wanted["shutdown_sources_after_idle_ms"] = str(_END_SOURCES_MS)
    if savepoint is not None:
        if "savepoint_path" in given:
            raise UsageError("--from-savepoint and --savepoint_path say the same; give one of them")
        wanted["savepoint_path"] = _savepoint(savepoint)
    return (*(f"--{name}={value}" for name, value in wanted.items() if name not in given), *_ALWAYS)


def batch_args(beam_args: Sequence[str], slots: int) -> tuple[str, ...]:
    """Return Beam's options of a batch job that are not given: as many subtasks as slots, a Python worker for each.

    >>> batch_args(["--parallelism=3"], slots=2)
    ('--sdk_worker_parallelism=3', '--experiments=disable_logging_submission_environment')
    """
    given = given_options(beam_args)
    wanted = {"parallelism": str(slots)}
    wanted["sdk_worker_parallelism"] = str(_parallelism(wanted | given))
    return (*(f"--{name}={value}" for name, value in wanted.items() if name not in given), *_ALWAYS)


def given_options(beam_args: Sequence[str]) -> dict[str, str]:
    """Return Beam's options by name; a value may stand behind "=" or in the next word.

    >>> given_options(["--parallelism=2", "--job_endpoint", "host:1", "--object_reuse"])
    {'parallelism': '2', 'job_endpoint': 'host:1', 'object_reuse': ''}
    """
    values: dict[str, str] = {}
    open_name = None
    for word in beam_args:
        if word.startswith("--"):
            name, equals, value = word.removeprefix("--").partition("=")
            values[name] = value
            open_name = None if equals else name
        elif open_name is not None:
            values[open_name], open_name = word, None
    return values


def _without(cluster: Cluster, given: dict[str, str]) -> Cluster:
    """Return a cluster that answers, without the options that people give themselves."""
    if cluster.rest is not None:
        cluster.rest.overview()
    beam_args = (arg for arg in cluster.beam_args if not set(given_options([arg])) & set(given))
    return dataclasses.replace(cluster, beam_args=tuple(beam_args))


def _parallelism(given: dict[str, str]) -> int:
    text = given.get("parallelism", DEFAULTS["parallelism"])
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"--parallelism={text}: wanted a whole number of 1 or more")
    return int(text)


def _savepoint(path: str) -> str:
    """Return a savepoint's location as Flink takes it; a local one must be there."""
    url = urllib.parse.urlsplit(path)
    if url.scheme not in ("", "file"):
        return path
    local = pathlib.Path(urllib.parse.unquote(url.path) if url.scheme else path).absolute()
    if not (local / "_metadata").is_file() and not (local.name == "_metadata" and local.is_file()):
        raise UsageError(f"--from-savepoint {path}: no savepoint there; it is a folder that holds _metadata")
    return local.as_uri()
