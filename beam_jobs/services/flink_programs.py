"""The programs of a local Flink: their command lines, jars, environment and configuration."""

import dataclasses
import pathlib
import string
import sys
from collections.abc import Sequence

from beam_jobs.process import installation
from beam_jobs.process.loopback import HOST
from beam_jobs.services import java

SOURCE = pathlib.Path(__file__).parent / "files" / "flink"

_JOB_MANAGER = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
_TASK_MANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
_WORKERS = "beam_jobs.runners.flink.worker_processes"
_JOB_SERVER = "org.apache.beam.runners.flink.FlinkJobServerDriver"
# the name of every process and its program, in the order of their start
PROGRAMS = {
    "jobmanager": _JOB_MANAGER,
    "workers": _WORKERS,
    "taskmanager": _TASK_MANAGER,
    "jobserver": _JOB_SERVER,
}

_JOB_MANAGER_HEAP_MB = 384
_FRAMEWORK_HEAP_MB = 128  # these two as config.yaml has them
_DIRECT_MB = 160
# The job server sends every jar of its class path along with every job, so it gets none that it does not need.
_CLUSTER_ONLY = ("flink-rpc-akka-loader", "flink-shaded-zookeeper", "grpc-xds", "grpc-netty-shaded", "async-profiler")
_OPENED = (
    *("java.lang", "java.lang.reflect", "java.net", "java.io", "java.nio", "java.text", "java.time"),
    *("java.util", "java.util.concurrent", "java.util.concurrent.atomic", "java.util.concurrent.locks", "sun.nio.ch"),
)


@dataclasses.dataclass(frozen=True)
class Ports:
    """Where the cluster listens, all on loopback; `artifacts` and `expansion` are the job server's too."""

    rest: int
    rpc: int
    workers: int
    jobs: int
    artifacts: int
    expansion: int


def has_jars() -> bool:
    """Say whether Flink's and Beam's jars are there, so that Maven is not called."""
    return java.has_jars(SOURCE / "pom.xml", installation.fetched() / "flink-lib")


def libraries() -> tuple[pathlib.Path, pathlib.Path]:
    """Return the folder of Flink's and Beam's jars and our own jar that goes before them; gets and makes them once."""
    fetched = installation.fetched()
    library = java.jars(SOURCE / "pom.xml", fetched / "flink-lib")
    return library, java.compiled(SOURCE, library, fetched / "flink-ours")


def commands(
    folder: pathlib.Path, ports: Ports, task_heap_mb: int, worker_modules: Sequence[str], classes: pathlib.Path | None
) -> dict[str, list[str]]:
    """Return every process's command; each holds the name of its program and the folder.

    Workers have `worker_modules` imported. `classes` stands in for our own jar.
    """
    library, ours = libraries()
    ours = classes or ours
    opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED]
    program = [java.java(), "-XX:+UseSerialGC", "-XX:MaxMetaspaceSize=256m", f"-Djava.io.tmpdir={folder / 'tmp'}"]
    program += [*opened, *_logging(), "-cp"]
    jars = [ours, *(jar for jar in sorted(library.glob("*.jar")) if not jar.name.startswith(_CLUSTER_ONLY))]
    cluster = [*program, f"{ours}:{library}/*"]
    flink = ["--configDir", str(folder)]
    task_heap = task_heap_mb + _FRAMEWORK_HEAP_MB
    jobs = ["--flink-master", f"{HOST}:{ports.rest}", "--job-host", HOST, "--job-port", str(ports.jobs)]
    jobs += ["--artifact-port", str(ports.artifacts), "--expansion-port", str(ports.expansion)]
    jobs += ["--artifacts-dir", str(folder / "artifacts"), "--flink-conf-dir", str(folder)]
    return {
        "jobmanager": [*cluster, f"-Xmx{_JOB_MANAGER_HEAP_MB}m", _JOB_MANAGER, *flink],
        "workers": [sys.executable, "-m", _WORKERS, str(ports.workers), str(folder), *worker_modules],
        "taskmanager": [
            *[*cluster, f"-Xmx{task_heap}m", f"-XX:MaxDirectMemorySize={_DIRECT_MB}m", _TASK_MANAGER],
            *flink,
        ],
        "jobserver": [*program, ":".join(map(str, jars)), "-Xmx384m", _JOB_SERVER, *jobs],
    }


def environment(folder: pathlib.Path) -> dict[str, str]:
    """Return what the processes have in their environment, on top of that of the command that starts them."""
    # every JVM would otherwise reserve arenas for many cores
    ours = installation.child_environment() | {"MALLOC_ARENA_MAX": "2", "FLINK_CONF_DIR": str(folder)}
    return ours | {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}  # the workers read them at their imports


def configuration(folder: pathlib.Path, ports: Ports, slots: int, task_heap_mb: int) -> str:
    """Return the content of Flink's `config.yaml`."""
    return string.Template((SOURCE / "config.yaml").read_text()).substitute(
        rpc_port=ports.rpc,
        rest_port=ports.rest,
        slots=slots,
        job_manager_heap_mb=_JOB_MANAGER_HEAP_MB,
        task_heap_mb=task_heap_mb,
        folder=folder,
    )


def _logging() -> list[str]:
    # as system properties: the job server hands its class path on to Flink, which takes no folder in it
    lines = (SOURCE / "simplelogger.properties").read_text().splitlines()
    return [f"-D{line}" for line in lines if line and not line.startswith("#")]
