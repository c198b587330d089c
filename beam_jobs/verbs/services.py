"""`onegraph services up/down/status`: the local Kafka and, beside it, the local Flink."""

import pathlib
from typing import Any

from beam_jobs.cli.settings import Services
from beam_jobs.services import local_flink, local_kafka
from beam_jobs.stream.job.worker_modules import WORKER_MODULES

_FLINK_PORT = 8081


def run(settings: Services) -> dict[str, Any]:
    """Do what was asked and tell how the services stand; `was_up` says how each stood before.

    A Flink that was never started here does not appear. `up` also repairs: what was killed is started again.
    """
    folder = pathlib.Path(settings.folder)
    result = {"action": settings.action, "kafka": _kafka(settings, folder / "kafka")}
    flink = _flink(settings, folder / "flink")
    return result | ({} if flink is None else {"flink": flink})


def describe(result: dict[str, Any]) -> str:
    """Say it in a line each."""
    lines = [_kafka_line(result["action"], result["kafka"])]
    if "flink" in result:
        lines.append(_flink_line(result["action"], result["flink"]))
    return "\n".join(lines)


def _kafka(settings: Services, folder: pathlib.Path) -> dict[str, Any]:
    if settings.action == "up":
        now = local_kafka.start(settings.port, folder)
        was_up = now.was_up
    elif settings.action == "down":
        was_up = local_kafka.stop(folder)
        if settings.wipe:
            local_kafka.wipe(folder)
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
    }


def _flink(settings: Services, folder: pathlib.Path) -> dict[str, Any] | None:
    before = local_flink.status(folder)
    if settings.action == "up" and settings.flink:
        fresh = _FLINK_PORT if before.ports is None else None
        now = local_flink.start(folder, rest_port=settings.flink_port or fresh, worker_modules=WORKER_MODULES)
    elif before.ports is None:
        return None
    else:
        if settings.action == "down":
            local_flink.stop(folder)
            if settings.wipe:
                local_flink.wipe(folder)
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
    }


def _kafka_line(action: str, kafka: dict[str, Any]) -> str:
    size = f"{kafka['bytes'] / 1e6:.1f} MB of data in {kafka['folder']}"
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
            return f"Flink {'is stopped' if any(was.values()) else 'was not up'}: {flink['folder']}"
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
