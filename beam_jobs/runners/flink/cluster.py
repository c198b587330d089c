"""Which Flink a job goes to, and the options that a streaming job has there unless people say otherwise."""

import dataclasses
import pathlib
import urllib.parse
from collections.abc import Sequence

from beam_jobs.runners.flink.key_groups import MAX_PARALLELISM
from beam_jobs.runners.flink.rest import FlinkRest
from beam_jobs.services import local_flink
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
JOB_SERVER_S = 5.0  # how long a job server may take to answer
_MASTERS_OF_BEAM = ("[auto]", "[local]")


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Where a job goes: Beam's options that say so, and the REST interface where it is known."""

    beam_args: tuple[str, ...]
    rest: FlinkRest | None


def find(beam_args: Sequence[str], folder: str | pathlib.Path) -> Cluster:
    """Return the cluster that `--flink_master` and `--job_endpoint` name, else the local one below `folder`.

    Raises `ServiceError` in one line where it does not answer.
    """
    given = named(beam_args)
    master, endpoint = given.get("flink_master"), given.get("job_endpoint")
    if master is None and endpoint is None:
        return _local(given, pathlib.Path(folder) / "flink")
    rest = None
    if master is not None and master not in _MASTERS_OF_BEAM:
        rest = FlinkRest(master)
        rest.overview()
    if endpoint is not None and not local_flink.job_service_answers(endpoint, JOB_SERVER_S):
        raise ServiceError(f"no job server of Beam's for Flink answers at --job_endpoint={endpoint}; is it up?")
    return Cluster((), rest)


def streaming_args(
    beam_args: Sequence[str], until_caught_up: bool = False, savepoint: str | None = None
) -> tuple[str, ...]:
    """Return Beam's options of a streaming job that are not given: our defaults for Flink.

    >>> streaming_args(["--parallelism=3", "--max_parallelism=256", "--checkpointing_interval=9"])
    ('--max_bundle_time_mills=1', '--sdk_worker_parallelism=6', '--experiments=disable_logging_submission_environment')
    """
    given = named(beam_args)
    # Beam's submission would call pip freeze and send its answer along
    always = ("--experiments=disable_logging_submission_environment",)
    wanted = DEFAULTS | {"sdk_worker_parallelism": str(_WORKERS_PER_SUBTASK * _parallelism(given))}
    if until_caught_up:  # with checkpoints, Flink's sources stay for ever unless told
        wanted["shutdown_sources_after_idle_ms"] = str(_END_SOURCES_MS)
    if savepoint is not None:
        if "savepoint_path" in given:
            raise UsageError("--from-savepoint and --savepoint_path say the same; give one of them")
        wanted["savepoint_path"] = _savepoint(savepoint)
    return (*(f"--{name}={value}" for name, value in wanted.items() if name not in given), *always)


def named(beam_args: Sequence[str]) -> dict[str, str]:
    """Return Beam's options by name; a value may stand behind "=" or in the next word.

    >>> named(["--parallelism=2", "--job_endpoint", "host:1", "--object_reuse"])
    {'parallelism': '2', 'job_endpoint': 'host:1', 'object_reuse': ''}
    """
    found: dict[str, str] = {}
    open_name = None
    for word in beam_args:
        if word.startswith("--"):
            name, equals, value = word.removeprefix("--").partition("=")
            found[name] = value
            open_name = None if equals else name
        elif open_name is not None:
            found[open_name], open_name = word, None
    return found


def _local(given: dict[str, str], folder: pathlib.Path) -> Cluster:
    now = local_flink.status(folder)
    if not now.up:
        missing = [name for name, pid in now.pids.items() if pid is None]
        state = "is not up" if len(missing) == len(now.pids) else f"lacks its {', '.join(missing)}"
        raise ServiceError(
            f"{now.folder}: Flink {state}; `onegraph services up --flink` starts or repairs it, "
            "another one is named by --job_endpoint=HOST:PORT or --flink_master=HOST:PORT"
        )
    now.rest.overview()
    return Cluster(tuple(arg for arg in now.beam_args if not set(named([arg])) & set(given)), now.rest)


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
