"""`onegraph status`: the streaming jobs that run on this machine, and how they are doing."""

import json
import pathlib
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import rich.console
import rich.live

from beam_jobs.cli.settings import Status
from beam_jobs.monitoring import status_page
from beam_jobs.monitoring.job_status import merged
from beam_jobs.process import run_files
from beam_jobs.process.termination import until_terminated
from beam_jobs.reports.terminal_text import shown
from models.registry.pointer import read_live
from schemas.errors import ArtifactError

_TIMEOUT_S = 2.0
_EVERY_S = 1.0
_MESSAGE_BYTES = 200


def run(settings: Status) -> dict[str, Any] | None:
    """Return what is known of every job and pointer; with `--watch` show it until Ctrl-C and return nothing.

    It is drawn anew on a terminal; anything else gets a line for every job, or one JSON object, a second.
    """
    if not settings.watch:
        return look(settings)
    with until_terminated():
        if settings.as_json or not sys.stdout.isatty():
            _write_lines(settings)
        else:
            _draw(settings)
    return None


def _draw(settings: Status) -> None:
    with rich.live.Live(console=rich.console.Console(), screen=False, auto_refresh=False) as page:
        while True:
            page.update(status_page.drawn(look(settings), time.time()), refresh=True)
            time.sleep(_EVERY_S)


def _write_lines(
    settings: Status, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
) -> None:
    while True:
        began, found = clock(), look(settings)
        now = time.time()
        for line in [json.dumps({"at": now} | found)] if settings.as_json else status_page.lines(found, now):
            print(line)
        sys.stdout.flush()
        sleep(max(_EVERY_S - (clock() - began), 0))


def describe(result: dict[str, Any]) -> str:
    """Return the page as text."""
    return status_page.text(result, time.time())


def look(settings: Status) -> dict[str, Any]:
    """Return the jobs, oldest first, with their state if they serve it, and the pointers of their registries."""
    jobs: dict[str, dict[str, Any]] = {}
    for about in run_files.running():
        said = {key: about[key] for key in ("name", "source_topic", "group", "registry", "runner")}
        job = jobs.setdefault(about["name"], said | {"started": about["started"], "pids": [], "urls": []})
        job["lease"] = about.get("lease", job.get("lease"))
        job["pids"].append(about["pid"])
        job["urls"] += [about["url"]] if about["url"] else []
    for address in settings.metrics:
        jobs.setdefault(address, {"name": address, "started": None, "pids": [], "urls": []})["urls"].append(address)
    registries = dict.fromkeys(job["registry"] for job in jobs.values() if "registry" in job)
    if settings.registry is not None:
        registries[str(pathlib.Path(settings.registry).absolute())] = None
    return {
        "jobs": [job | _asked(job["urls"]) for job in jobs.values()],
        "registries": {path: _pointer(pathlib.Path(path)) for path in registries},
    }


def _asked(urls: list[str]) -> dict[str, Any]:
    states, troubles = [], []
    for url in urls:
        try:
            states.append(_fetched(url))
        except urllib.error.HTTPError as error:
            with error:
                troubles.append(f"{url}: {error.code} {_first_line(error)}")
        except (OSError, ValueError, urllib.error.URLError) as error:
            troubles.append(f"{url}: {getattr(error, 'reason', error)}")
    return {"state": merged(states) if states else None, "troubles": troubles}


def _first_line(error: urllib.error.HTTPError) -> str:
    """Return what a server says of an error; it may be any server's."""
    try:
        said = error.read(_MESSAGE_BYTES).decode("utf-8", "replace").strip()
    except OSError:
        said = ""
    return shown(said.splitlines()[0]) if said else str(error.reason)


def _fetched(url: str) -> dict[str, Any]:
    full = (url if "://" in url else f"http://{url}").rstrip("/").removesuffix("/metrics").removesuffix("/status")
    # no proxy: a variable of the environment must not send a loopback call elsewhere
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{full}/status", timeout=_TIMEOUT_S) as answer:
        state = json.loads(answer.read())
    if not isinstance(state, dict) or "totals" not in state:
        raise ValueError("answers, but not as a job of ours")
    return state


def _pointer(registry: pathlib.Path) -> dict[str, Any] | None:
    """Return a registry's pointer, None if there is none, or `trouble`: why it cannot be read."""
    try:
        pointer = read_live(registry)
    except (OSError, ArtifactError) as error:
        return {"trouble": str(error)}
    return pointer.to_json() if pointer is not None else None
