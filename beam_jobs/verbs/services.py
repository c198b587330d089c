"""`onegraph services up/down/status`: the local Kafka and, beside it, the local Flink."""

import pathlib
from typing import Any

from beam_jobs.cli import progress
from beam_jobs.cli.settings import Services
from beam_jobs.services import flink_programs, java, local_flink, local_kafka, local_service
from beam_jobs.stream.job.worker_modules import WORKER_MODULES

_KAFKA_PORT, _FLINK_PORT = 9092, 8081


def check(settings: Services) -> None:
    """Find what is missing or taken before anything is started."""
    if settings.action == "up":
        folder = _folders(settings)[0]
        local_kafka.check_start(_port(settings, folder), folder)
        java.java()
        if not (local_kafka.has_jars() and (flink_programs.has_jars() or not settings.flink)):
            java.maven()


def plan(settings: Services) -> list[str]:
    """Say what would be started, stopped or removed; changes nothing."""
    check(settings)
    kafka, flink = _folders(settings)
    now, cluster = local_kafka.status(kafka), local_flink.status(flink)
    running = [f"{name} {pid}" for name, pid in cluster.pids.items() if pid]
    if settings.action == "down":
        lines = [f"Kafka of {now.folder}: {'nothing to stop' if now.pid is None else f'stop process {now.pid}'}"]
        if cluster.ports is not None:
            lines.append(
                f"Flink of {cluster.folder}: " + (f"stop {', '.join(running)}" if running else "nothing to stop")
            )
        if settings.wipe:
            removed = ((now.size, now.folder / "data"), (local_service.size(flink), cluster.folder))
            lines += [f"remove {_megabytes(size)} in {folder}" for size, folder in removed if size]
        return lines
    if settings.action == "up":
        missing = [] if local_kafka.has_jars() else ["get Kafka's jars with Maven, once"]
        port = _port(settings, kafka)
        lines = [*missing, f"start Kafka on port {port} in {now.folder}" if now.pid is None else "Kafka stays as it is"]
        if settings.flink:
            absent = [name for name, pid in cluster.pids.items() if pid is None]
            lines += [] if flink_programs.has_jars() else ["get Flink's jars with Maven, once"]
            lines.append(f"start Flink's {', '.join(absent)} in {cluster.folder}" if absent else "Flink stays as it is")
        return lines
    return ["nothing changes"]


def run(settings: Services) -> dict[str, Any]:
    """Do what was asked and tell how the services stand; `was_up` says how each stood before.

    A Flink that was never started here does not appear. `up` also repairs: what was killed is started again.
    """
    check(settings)
    kafka, flink = _folders(settings)
    result = {"action": settings.action, "kafka": _kafka(settings, kafka)}
    about = _flink(settings, flink)
    return result | ({} if about is None else {"flink": about})


def describe(result: dict[str, Any]) -> str:
    """Say it in a line each."""
    lines = [_kafka_line(result["action"], result["kafka"])]
    if "flink" in result:
        lines.append(_flink_line(result["action"], result["flink"]))
    return "\n".join(lines)


def _folders(settings: Services) -> tuple[pathlib.Path, pathlib.Path]:
    return pathlib.Path(settings.folder) / "kafka", pathlib.Path(settings.folder) / "flink"


def _port(settings: Services, folder: pathlib.Path) -> int:
    return settings.port or local_kafka.status(folder).port or _KAFKA_PORT


def _kafka(settings: Services, folder: pathlib.Path) -> dict[str, Any]:
    removed = 0
    if settings.action == "up":
        if not local_kafka.has_jars():
            with progress.step("get Kafka's jars with Maven, once", always=True):
                local_kafka.jars()
        now = local_kafka.start(_port(settings, folder), folder)
        was_up = now.was_up
    elif settings.action == "down":
        was_up = local_kafka.stop(folder)
        if settings.wipe:
            removed = local_kafka.wipe(folder)
        now = local_kafka.status(folder)
    else:
        now = local_kafka.status(folder)
        was_up = now.pid is not None
    return {
        "up": now.pid is not None,
        "was_up": was_up,
        "pid": now.pid,
        "bootstrap_servers": now.bootstrap_servers if now.pid is not None else None,
        "folder": str(now.folder),
        "bytes": now.size,
        "removed_bytes": removed,
        "ever_up": now.port is not None,
    }


def _flink(settings: Services, folder: pathlib.Path) -> dict[str, Any] | None:
    before, removed = local_flink.status(folder), 0
    if settings.action == "up" and settings.flink:
        if not flink_programs.has_jars():
            with progress.step("get Flink's and Beam's jars with Maven, once", always=True):
                flink_programs.libraries()
        fresh = _FLINK_PORT if before.ports is None else None
        now = local_flink.start(folder, rest_port=settings.flink_port or fresh, worker_modules=WORKER_MODULES)
    elif before.ports is None:
        return None
    else:
        if settings.action == "down":
            local_flink.stop(folder)
            if settings.wipe:
                removed = local_flink.wipe(folder)
        now = local_flink.status(folder)
    running = any(now.pids.values()) and now.ports is not None
    return {
        "up": now.up,
        "was_up": before.up,
        "pids": dict(now.pids),
        "was": dict(before.pids),
        "rest": now.rest.address if running else None,
        "job_endpoint": now.job_endpoint if running else None,
        "folder": str(now.folder),
        "removed_bytes": removed,
    }


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _kafka_line(action: str, kafka: dict[str, Any]) -> str:
    size = f"{_megabytes(kafka['bytes'])} of data in {kafka['folder']}"
    if not kafka["ever_up"]:
        return (
            f"Kafka was never started in {kafka['folder']}; `onegraph services up` does, --folder names another place"
        )
    if kafka["removed_bytes"]:
        size = f"removed {_megabytes(kafka['removed_bytes'])} of topics and offsets, {kafka['folder']}/data"
    if kafka["up"]:
        already = "already up" if action == "up" and kafka["was_up"] else "up"
        return f"Kafka is {already}: {kafka['bootstrap_servers']}, process {kafka['pid']}, {size}"
    if action == "down":
        return f"Kafka {'is stopped' if kafka['was_up'] else 'was not up'}: {size}"
    return f"Kafka is not up: {size}; start it with `onegraph services up`"


def _flink_line(action: str, flink: dict[str, Any]) -> str:
    pids, was = flink["pids"], flink["was"]
    if not any(pids.values()):
        if action == "down":
            state = "is stopped" if any(was.values()) else "was not up"
            size, what = _megabytes(flink["removed_bytes"]), "checkpoints, savepoints and logs"
            removed = f"removed {size} of {what}, " if flink["removed_bytes"] else ""
            return f"Flink {state}: {removed}{flink['folder']}"
        return f"Flink is not up: {flink['folder']}; start it with `onegraph services up --flink`"
    where = f"REST http://{flink['rest']}, job server {flink['job_endpoint']}, {flink['folder']}"
    processes = ", ".join(f"{name} {pid}" for name, pid in pids.items() if pid)
    missing = [name for name, pid in pids.items() if not pid]
    if missing:
        advice = "repair it with `onegraph services up --flink`"
        return f"Flink is broken, missing {', '.join(missing)}: {where}, processes {processes}; {advice}"
    repaired = [name for name in pids if not was[name]] if any(was.values()) else []
    state = "already up" if action == "up" and flink["was_up"] else "up"
    added = f", repaired {', '.join(repaired)}" if repaired else ""
    return f"Flink is {state}{added}: {where}, processes {processes}"
