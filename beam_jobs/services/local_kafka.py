"""A real Kafka on this machine: one KRaft node of its own folder, on loopback only.

The folder holds `data/`, `server.properties`, `kafka.log` and `kafka.pid`; several folders on several ports are
several brokers. A process counts as ours only if its command line names the folder's own `server.properties`.
"""

import base64
import dataclasses
import pathlib
import shutil
import string
import subprocess
import types
import uuid
from collections.abc import Mapping

from beam_jobs.process import installation
from beam_jobs.process.loopback import HOST, listens
from beam_jobs.services import java, local_service
from beam_jobs.services.local_service import ServiceProcess
from schemas.errors import ServiceError

SOURCE = pathlib.Path(__file__).parent / "files" / "kafka"
# C1 only: short-lived brokers of one machine spend more on the second compiler than they gain; half the CPU at 1,000/s
_JVM = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


@dataclasses.dataclass(frozen=True)
class KafkaStatus:
    """What is known of a folder's broker; `pid` is None if none runs, `port` None if none was ever started."""

    folder: pathlib.Path
    port: int | None
    pid: int | None
    size: int
    was_up: bool = False

    @property
    def bootstrap_servers(self) -> str:
        """Where it takes connections, "host:port"."""
        return f"{HOST}:{self.port}"


def jar_folder() -> pathlib.Path:
    """Return where Kafka's jars are kept; they may not be there yet."""
    return installation.fetched() / "kafka-lib"


def has_jars() -> bool:
    """Say whether Kafka's jars are there, so that Maven is not called."""
    return java.has_jars(SOURCE / "pom.xml", jar_folder())


def jars() -> pathlib.Path:
    """Return the folder of Kafka's jars; Maven gets them the first time."""
    return java.jars(SOURCE / "pom.xml", jar_folder())


def check_start(port: int, folder: str | pathlib.Path, controller_port: int | None = None) -> None:
    """Raise `ServiceError` if the folder's broker is up on another port, or a port that it needs is taken."""
    now = status(folder)
    if now.pid is not None:
        if now.port != port:
            raise ServiceError(
                f"{now.folder}: its broker is up on port {now.port}, wanted {port}; stop it or take another folder"
            )
        return
    local_service.check_free((port, port + 1 if controller_port is None else controller_port), "choose another --port")


def start(
    port: int,
    folder: str | pathlib.Path,
    controller_port: int | None = None,
    timeout_s: float = 60,
    settings: Mapping[str, str] = types.MappingProxyType({}),
) -> KafkaStatus:
    """Start the folder's broker and return when it answers; the controller takes the next port if none is given.

    `settings` are Kafka's own names and values, over ours; one listener must stay PLAINTEXT on `port`.

    A broker of this folder that already answers on `port` is left alone (`was_up`). Raises `ServiceError` if Java,
    Maven or a free port is missing, if the folder's broker is up on another port, and if it does not come up.
    """
    folder = pathlib.Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    process = dataclasses.replace(_process(folder), port=port)
    is_up = {process: lambda left_s: answers(f"{HOST}:{port}", int(1000 * left_s))}
    with local_service.one_at_a_time(folder):
        check_start(port, folder, controller_port)
        now = status(folder)
        if now.pid is not None:
            local_service.bring_up({}, is_up, timeout_s)
            return dataclasses.replace(now, was_up=True)
        ports = (port, port + 1 if controller_port is None else controller_port)
        program, library = java.java(), jars()
        _configure(folder, *ports, settings)
        _format(program, library, folder)
        command = [program, *_JVM, "-cp", f"{SOURCE}:{library}/*", *process.words]
        local_service.bring_up({process: command}, is_up, timeout_s)
        return status(folder)


def stop(folder: str | pathlib.Path, patience_s: float = 20) -> bool:
    """Stop the folder's broker: SIGTERM, SIGKILL after `patience_s`; returns whether there was one to stop."""
    folder = pathlib.Path(folder).resolve()
    return local_service.stop(folder, [_process(folder)], patience_s)


def status(folder: str | pathlib.Path) -> KafkaStatus:
    """Look at a folder's broker without touching it; `size` is that of its data in bytes."""
    folder = pathlib.Path(folder).resolve()
    return KafkaStatus(folder, _configured_port(folder), _process(folder).pid, local_service.size(folder / "data"))


def wipe(folder: str | pathlib.Path) -> int:
    """Remove the topics and offsets of a stopped broker, its folder `data`; returns how many bytes that were.

    Raises `ServiceError` while it runs.
    """
    now = status(folder)
    if now.pid is not None:
        raise ServiceError(f"{now.folder}: its broker is up; stop it before its data is removed")
    if now.port is None:
        return 0
    shutil.rmtree(now.folder / "data", ignore_errors=True)
    return now.size - local_service.size(now.folder / "data")


def _configure(folder: pathlib.Path, port: int, controller_port: int, settings: Mapping[str, str]) -> None:
    template = string.Template((SOURCE / "server.properties").read_text())
    text = template.substitute(port=port, controller_port=controller_port, data=folder / "data")
    text += "".join(f"{name}={value}\n" for name, value in settings.items())
    (folder / "server.properties").write_text(text)


def _configured_port(folder: pathlib.Path) -> int | None:
    try:
        lines = (folder / "server.properties").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.rpartition(":")[2]) for line in lines if line.startswith("advertised.listeners=")), None)


def _format(program: str, library: pathlib.Path, folder: pathlib.Path) -> None:
    if (folder / "data" / "meta.properties").is_file():
        return
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    command = [program, "-cp", f"{library}/*", "kafka.tools.StorageTool", "format"]
    # an id that starts with a dash would be read as an option
    command += [f"--cluster-id={cluster}", "-c", str(folder / "server.properties")]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if said.returncode:
        last = (said.stderr or said.stdout).strip().splitlines()[-1:]
        raise ServiceError(f"{folder}: Kafka could not format its data folder: {' '.join(last)}")


def answers(bootstrap_servers: str, timeout_ms: int = 3000) -> bool:
    """Say whether a broker answers a metadata request with at least one live node."""
    hosts = [server.rpartition(":") for server in bootstrap_servers.split(",")]
    # asked by hand first: the client takes its whole time to give up, logs every try and leaks a socket
    if not any(port.isdigit() and listens(int(port), host.strip("[] ")) for host, _, port in hosts):
        return False
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaError

    try:
        client = KafkaAdminClient(bootstrap_servers=bootstrap_servers, bootstrap_timeout_ms=timeout_ms)
    except (KafkaError, OSError, ValueError):
        return False
    try:
        return bool(client.describe_cluster()["brokers"])
    except KafkaError:
        return False
    finally:
        client.close()


def _process(folder: pathlib.Path) -> ServiceProcess:
    return ServiceProcess(folder, "kafka", "Kafka", ("kafka.Kafka", str(folder / "server.properties")))
