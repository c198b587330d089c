"""A real Flink on this machine: JobManager, TaskManager, Python workers and Beam's job server, a process each.

The folder holds the configuration, a log and a pid file of every process, `ports.json`, `checkpoints/` and
`savepoints/`; several folders are several clusters. A process counts as ours only while its command line names the
folder. Starting is also repairing: what runs is left alone, what is missing is started.
"""

import contextlib
import dataclasses
import json
import pathlib
import shutil
from collections.abc import Mapping, Sequence

from beam_jobs.process.loopback import HOST, free_port, listens
from beam_jobs.runners.flink import job_server
from beam_jobs.runners.flink.cluster import Cluster
from beam_jobs.runners.flink.rest import FlinkRest
from beam_jobs.services import flink_programs, local_service
from beam_jobs.services.flink_programs import PROGRAMS, Ports
from beam_jobs.services.local_service import Answers, ServiceProcess
from schemas.errors import ServiceError

SOCKETS_CLOSE_S = 2.0  # how long those of a process that was just killed may stay open


@dataclasses.dataclass(frozen=True)
class FlinkStatus:
    """What is known of a folder's cluster; a pid is None if that process does not run."""

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
    worker_modules: Sequence[str] = (),
    classes: pathlib.Path | None = None,
) -> FlinkStatus:
    """Start what is missing of the folder's cluster and return when all of it answers.

    Ports are those of last time if not given, else free ones; `rest_port` alone may be given as well. Workers have
    `worker_modules` imported before the first job comes. `classes` is a jar instead of our own, which Flink and the job
    server load before theirs. Raises `ServiceError` if Java, Maven or a port is missing, and if a process does
    not come up, with its last error.
    """
    folder = pathlib.Path(folder).resolve()
    for below in ("tmp", "checkpoints", "savepoints", "artifacts"):
        (folder / below).mkdir(parents=True, exist_ok=True)
    with local_service.one_at_a_time(folder):
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
        if any(now.pids.values()):
            advice = "end what listens there, or take another folder"
            local_service.check_free(_ports_of_missing(now, ports), advice, SOCKETS_CLOSE_S)
        else:
            _configure(folder, ports, slots, task_heap_mb)
        commands = flink_programs.commands(folder, ports, task_heap_mb, worker_modules, classes)
        former = _task_managers(ports) if now.pids["taskmanager"] is None else set()
        processes = _processes(folder)
        local_service.bring_up(
            {processes[name]: command for name, command in commands.items() if now.pids[name] is None},
            {processes[name]: answers for name, answers in _answers(ports, former).items()},
            timeout_s,
            flink_programs.environment(folder),
        )
        return status(folder)


def stop(folder: str | pathlib.Path, patience_s: float = 20) -> bool:
    """Stop all of the folder's cluster; returns whether there was anything to stop. Running jobs end with it."""
    folder = pathlib.Path(folder).resolve()
    return local_service.stop(folder, reversed(_processes(folder).values()), patience_s)


def wipe(folder: str | pathlib.Path) -> int:
    """Remove the folder of a stopped cluster, checkpoints, savepoints and logs; returns how many bytes that were.

    Raises `ServiceError` while any of it runs.
    """
    now = status(folder)
    if any(now.pids.values()):
        raise ServiceError(f"{now.folder}: its Flink is up; stop it first, `onegraph services down`")
    size = local_service.size(now.folder)
    shutil.rmtree(now.folder, ignore_errors=True)
    return size - local_service.size(now.folder)


def status(folder: str | pathlib.Path) -> FlinkStatus:
    """Look at a folder's cluster without touching it."""
    folder = pathlib.Path(folder).resolve()
    pids = {name: process.pid for name, process in _processes(folder).items()}
    try:
        ports = Ports(**json.loads((folder / "ports.json").read_text()))
    except (OSError, ValueError, TypeError):
        ports = None
    return FlinkStatus(folder, ports, pids)


def cluster(folder: str | pathlib.Path) -> Cluster:
    """Return the folder's cluster for a job to go to; raises `ServiceError` if not all of it runs."""
    now = status(folder)
    if not now.up:
        missing = [name for name, pid in now.pids.items() if pid is None]
        state = "is not up" if len(missing) == len(now.pids) else f"lacks its {', '.join(missing)}"
        raise ServiceError(
            f"{now.folder}: Flink {state}; `onegraph services up --flink` starts or repairs it, "
            "another one is named by --job_endpoint=HOST:PORT or --flink_master=HOST:PORT"
        )
    return Cluster(now.beam_args, now.rest)


def free_ports() -> Ports:
    """Choose ports that are nobody's."""
    return Ports(*(free_port() for _ in dataclasses.fields(Ports)))


def _processes(folder: pathlib.Path) -> dict[str, ServiceProcess]:
    """Return the cluster's processes by name, in the order of their start."""
    return {
        name: ServiceProcess(folder, name, f"Flink's {name}", (program, str(folder)))
        for name, program in PROGRAMS.items()
    }


def _configure(folder: pathlib.Path, ports: Ports, slots: int, task_heap_mb: int) -> None:
    local_service.check_free(dataclasses.astuple(ports), "choose another")
    (folder / "config.yaml").write_text(flink_programs.configuration(folder, ports, slots, task_heap_mb))
    (folder / "ports.json").write_text(json.dumps(dataclasses.asdict(ports)) + "\n")


def _ports_of_missing(now: FlinkStatus, ports: Ports) -> list[int]:
    """Return where the processes that do not run will listen; a TaskManager's ports are its own choice."""
    used = {
        "jobmanager": (ports.rest, ports.rpc),
        "workers": (ports.workers,),
        "jobserver": (ports.jobs, ports.artifacts, ports.expansion),
    }
    return [port for name, several in used.items() if now.pids[name] is None for port in several]


def _answers(ports: Ports, former: set[str]) -> dict[str, Answers]:
    """Return for every process a call that says whether it does its work, in the order of waiting.

    `former` are TaskManagers that have ended, which the cluster still lists.
    """
    return {
        "jobmanager": lambda _: _rest_answers(ports),
        "taskmanager": lambda _: bool(_task_managers(ports) - former),
        "workers": lambda _: listens(ports.workers),
        "jobserver": lambda _: listens(ports.jobs) and job_server.answers(f"{HOST}:{ports.jobs}"),
    }


def _rest_answers(ports: Ports) -> bool:
    with contextlib.suppress(ServiceError):
        return bool(FlinkRest(f"{HOST}:{ports.rest}").overview())
    return False


def _task_managers(ports: Ports) -> set[str]:
    with contextlib.suppress(ServiceError):
        return FlinkRest(f"{HOST}:{ports.rest}").task_managers()
    return set()
