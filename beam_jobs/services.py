"""`onegraph services up/down/status`: the local Kafka."""

import pathlib
from typing import Any

from beam_jobs import local_kafka
from beam_jobs.settings import Services


def run(settings: Services) -> dict[str, Any]:
    """Do what was asked and tell how the broker stands; `was_up` says how it stood before."""
    folder = pathlib.Path(settings.folder) / "kafka"
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
        "action": settings.action,
        "kafka": {
            "up": now.pid is not None,
            "was_up": was_up,
            "pid": now.pid,
            "bootstrap_servers": now.bootstrap_servers if now.pid is not None else None,
            "folder": str(now.folder),
            "bytes": now.size,
        },
    }


def describe(result: dict[str, Any]) -> str:
    """Say it in one line."""
    kafka = result["kafka"]
    size = f"{kafka['bytes'] / 1e6:.1f} MB of data in {kafka['folder']}"
    if kafka["up"]:
        already = "already up" if result["action"] == "up" and kafka["was_up"] else "up"
        return f"Kafka is {already}: {kafka['bootstrap_servers']}, process {kafka['pid']}, {size}"
    if result["action"] == "down":
        return f"Kafka {'is stopped' if kafka['was_up'] else 'was not up'}: {size}"
    return f"Kafka is not up: {size}; start it with `onegraph services up`"
