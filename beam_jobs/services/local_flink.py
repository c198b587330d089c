"""A real Flink on this machine: JobManager, TaskManager, Python workers and Beam's job server, a process each.

The folder holds the configuration, a log and a pid file of every process, `ports.json`, `checkpoints/` and
`savepoints/`; several folders are several clusters. A process counts as ours only while its command line names the
folder. Starting is also repairing: what runs is left alone, what is missing is started.
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import random
import shutil
import socket
import string
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from beam_jobs.runners.flink.rest import FlinkRest
from beam_jobs.services import background_process, java
from schemas.errors import ServiceError

HOST = "127.0.0.1"
LIBRARY = java.ROOT / ".onegraph" / "flink-lib"
SOURCE = java.ROOT / "local" / "flink"
_POLL_MS = 50
_JOB_MANAGER_HEAP_MB = 384
_FRAMEWORK_HEAP_MB = 128  # these two as config.yaml has them
_DIRECT_MB = 128
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


@dataclasses.dataclass(frozen=True)
class Status:
    """What is known of a folder's cluster; a pid is None where that process does not run."""

    folder: pathlib.Path
    ports: Ports | None
    pids: Mapping[str, int | None]

    @property
    def up(self) -> bool:
        """Whether all four processes run."""
        return all(self.pids.values())

    @property
    def rest(self) -> FlinkRest:
        """The cluster's REST interface."""
        return FlinkRest(f"{HOST}:{self._known.rest}")

    @property
    def job_endpoint(self) -> str:
        """Where Beam's job server takes jobs, "host:port"."""
        return f"{HOST}:{self._known.jobs}"

    @property
    def beam_args(self) -> tuple[str, ...]:
        """Beam's options that send a pipeline to this cluster."""
        return (
            f"--job_endpoint={self.job_endpoint}",
            f"--artifact_endpoint={HOST}:{self._known.artifacts}",
            "--environment_type=EXTERNAL",
            f"--environment_config={HOST}:{self._known.workers}",
        )

    @property
    def _known(self) -> Ports:
        if self.ports is None:
            raise ServiceError(
                f"{self.folder}: no Flink was ever started here; start one: `onegraph services up --flink`"
            )
        return self.ports


def start(
    folder: str | pathlib.Path,
    ports: Ports | None = None,
    slots: int = 2,
    task_heap_mb: int = 384,
    timeout_s: float = 180,
    rest_port: int | None = None,
) -> Status:
    """Start what is missing of the folder's cluster and return when all of it answers.

    Ports are those of last time where not given, else free ones; `rest_port` alone may be given as well. Raises
    `ServiceError` where Java, Maven or a port is missing, and where a process does not come up, with its last word.
    """
    folder = pathlib.Path(folder).resolve()
    for below in ("tmp", "checkpoints", "savepoints", "artifacts"):
        (folder / below).mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        now = status(folder)
        if any(now.pids.values()):
            if ports not in (None, now.ports):
                raise ServiceError(f"{folder}: its Flink is up on {now.ports}, wanted {ports}; stop it first")
            ports = now.ports
        ports = ports or now.ports or free_ports()
        if rest_port not in (None, ports.rest):
            if any(now.pids.values()):
                raise ServiceError(
                    f"{folder}: its Flink is up on port {ports.rest}, wanted {rest_port}; stop it first, "
                    "`onegraph services down`"
                )
            ports = dataclasses.replace(ports, rest=rest_port)
        if not any(now.pids.values()):
            _configure(folder, ports, slots, task_heap_mb)
        commands = _commands(folder, ports, task_heap_mb)
        deadline = time.monotonic() + timeout_s
        gone = _task_managers(ports) if now.pids["taskmanager"] is None else set()
        fresh = []
        try:
            for name, command in commands.items():
                if now.pids[name] is None:
                    _launch(folder, name, command)
                    fresh.append(name)
            for name, answers in _answers(ports, gone).items():
                _wait(folder, name, answers, deadline, timeout_s)
        except BaseException:
            for name in fresh:
                background_process.end(_pid_file(folder, name), _words(folder, name), patience_s=5)
            raise
        return status(folder)


def stop(folder: str | pathlib.Path, patience_s: float = 20) -> bool:
    """Stop all of the folder's cluster; returns whether there was anything to stop. Running jobs end with it."""
    folder = pathlib.Path(folder).resolve()
    if not folder.is_dir():
        return False
    with _locked(folder):
        ended = [
            background_process.end(_pid_file(folder, name), _words(folder, name), patience_s)
            for name in reversed(PROCESSES)
        ]
        return any(ended)


def wipe(folder: str | pathlib.Path) -> None:
    """Remove checkpoints, savepoints and logs of a stopped cluster; raises `ServiceError` while any of it runs."""
    now = status(folder)
    if any(now.pids.values()):
        raise ServiceError(f"{now.folder}: its Flink is up; stop it first, `onegraph services down`")
    shutil.rmtree(now.folder, ignore_errors=True)


def status(folder: str | pathlib.Path) -> Status:
    """Look at a folder's cluster without touching it."""
    folder = pathlib.Path(folder).resolve()
    pids = {name: background_process.running(_pid_file(folder, name), _words(folder, name)) for name in PROCESSES}
    try:
        ports = Ports(**json.loads((folder / "ports.json").read_text()))
    except (OSError, ValueError, TypeError):
        ports = None
    return Status(folder, ports, pids)


def libraries() -> tuple[pathlib.Path, pathlib.Path]:
    """Return the folder of Flink's and Beam's jars and our own jar that goes before them; gets and makes them once."""
    library = java.jars(SOURCE / "pom.xml", LIBRARY)
    return library, java.compiled(SOURCE, library, LIBRARY.parent / "flink-ours")


def free_ports() -> Ports:
    """Choose ports that nobody has now, below the range that outgoing connections take theirs from."""
    chosen: list[int] = []
    while len(chosen) < len(dataclasses.fields(Ports)):
        port = random.randrange(20_000, 32_000)
        if port not in chosen and _why_taken(port) is None:
            chosen.append(port)
    return Ports(*chosen)


_JOB_MANAGER = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
_TASK_MANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
_WORKERS = "beam_jobs.runners.flink.worker_processes"
_JOB_SERVER = "org.apache.beam.runners.flink.FlinkJobServerDriver"
# in the order of their start
PROCESSES = {
    "jobmanager": _JOB_MANAGER,
    "workers": _WORKERS,
    "taskmanager": _TASK_MANAGER,
    "jobserver": _JOB_SERVER,
}


def _commands(folder: pathlib.Path, ports: Ports, task_heap_mb: int) -> dict[str, list[str]]:
    """Return every process's command; each holds its `_words`."""
    library, ours = libraries()
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
        "workers": [sys.executable, "-m", _WORKERS, str(ports.workers), str(folder)],
        "taskmanager": [
            *[*cluster, f"-Xmx{task_heap}m", f"-XX:MaxDirectMemorySize={_DIRECT_MB}m", _TASK_MANAGER],
            *flink,
        ],
        "jobserver": [*program, ":".join(map(str, jars)), "-Xmx384m", _JOB_SERVER, *jobs],
    }


def _logging() -> list[str]:
    # as system properties: the job server hands its class path on to Flink, which takes no folder in it
    lines = (SOURCE / "simplelogger.properties").read_text().splitlines()
    return [f"-D{line}" for line in lines if line and not line.startswith("#")]


def _words(folder: pathlib.Path, name: str) -> tuple[str, str]:
    return PROCESSES[name], str(folder)


def _pid_file(folder: pathlib.Path, name: str) -> pathlib.Path:
    return folder / f"{name}.pid"


def _configure(folder: pathlib.Path, ports: Ports, slots: int, task_heap_mb: int) -> None:
    for port in dataclasses.astuple(ports):
        why = _why_taken(port)
        if why:
            raise ServiceError(f"port {port} on {HOST} cannot be used: {why}; choose another")
    template = string.Template((SOURCE / "config.yaml").read_text())
    text = template.substitute(
        rpc_port=ports.rpc,
        rest_port=ports.rest,
        slots=slots,
        job_manager_heap_mb=_JOB_MANAGER_HEAP_MB,
        task_heap_mb=task_heap_mb,
        folder=folder,
    )
    (folder / "config.yaml").write_text(text)
    (folder / "ports.json").write_text(json.dumps(dataclasses.asdict(ports)) + "\n")


def _launch(folder: pathlib.Path, name: str, command: list[str]) -> None:
    # the workers import this project and whatever use case its starter could import
    path = os.pathsep.join(filter(None, [str(java.ROOT), os.environ.get("PYTHONPATH", "")]))
    # every JVM would otherwise reserve arenas for many cores
    environment = {"PYTHONPATH": path, "MALLOC_ARENA_MAX": "2", "FLINK_CONF_DIR": str(folder)}
    environment |= {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}  # the workers read them at their imports
    background_process.spawn(command, folder / f"{name}.log", _pid_file(folder, name), environment)


def _answers(ports: Ports, gone: set[str]) -> dict[str, Callable[[], bool]]:
    """Return for every process a call that says whether it does its work, in the order of waiting.

    `gone` are TaskManagers that the cluster still believes in.
    """
    return {
        "jobmanager": lambda: _rest_answers(ports),
        "taskmanager": lambda: bool(_task_managers(ports) - gone),
        "workers": lambda: _listens(ports.workers),
        "jobserver": lambda: _listens(ports.jobs) and job_service_answers(f"{HOST}:{ports.jobs}"),
    }


def _rest_answers(ports: Ports) -> bool:
    with contextlib.suppress(ServiceError):
        return bool(FlinkRest(f"{HOST}:{ports.rest}").overview())
    return False


def _task_managers(ports: Ports) -> set[str]:
    with contextlib.suppress(ServiceError):
        return FlinkRest(f"{HOST}:{ports.rest}").task_managers()
    return set()


def job_service_answers(endpoint: str, timeout_s: float = 5) -> bool:
    """Say whether a Beam job server answers at "host:port" and knows Flink's options."""
    import grpc
    from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc

    with grpc.insecure_channel(endpoint) as channel:
        stub = beam_job_api_pb2_grpc.JobServiceStub(channel)
        request = beam_job_api_pb2.DescribePipelineOptionsRequest()
        try:
            options: Any = stub.DescribePipelineOptions(request, timeout=timeout_s, wait_for_ready=True).options
        except grpc.RpcError:
            return False
    return any(option.name == "checkpointing_interval" for option in options)


def _wait(folder: pathlib.Path, name: str, answers: Callable[[], bool], deadline: float, timeout_s: float) -> None:
    pid = background_process.running(_pid_file(folder, name), _words(folder, name))
    while not answers():
        if pid is None or background_process.ended(pid, _POLL_MS):
            raise ServiceError(f"{folder}: Flink's {name} ended while it started: {_last_words(folder, name)}")
        if time.monotonic() > deadline:
            raise ServiceError(
                f"{folder}: Flink's {name} does not answer after {timeout_s:g} s; see {folder / f'{name}.log'}"
            )


def _last_words(folder: pathlib.Path, name: str) -> str:
    log = folder / f"{name}.log"
    lines = log.read_text(errors="replace").splitlines()
    telling = [line for line in lines if "Exception" in line or "ERROR" in line or "Error" in line] or lines
    return f"{telling[-1].strip() if telling else 'it said nothing'}; see {log}"


@contextlib.contextmanager
def _locked(folder: pathlib.Path) -> Iterator[None]:
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False


def _why_taken(port: int) -> str | None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen()
        except (OSError, OverflowError) as error:
            return (getattr(error, "strerror", None) or str(error)).lower()
    return None
