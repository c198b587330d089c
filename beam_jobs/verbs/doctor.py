"""`onegraph doctor`: is everything here that the other verbs need? In words, each missing thing with what to do."""

import dataclasses
import importlib.metadata
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

from beam_jobs.cli.settings import Doctor
from beam_jobs.kafka.connection import Connection
from beam_jobs.process import installation
from beam_jobs.runners import prism
from beam_jobs.services import java, local_kafka
from schemas.errors import GateRefusal, OnegraphError, ServiceError

PACKAGES = ("schemas", "transforms", "models", "beam_jobs")
MAIN = ("apache-beam", "tensorflow", "tensorflow-transform", "tfx-bsl", "xgboost", "kafka-python", "crc32c", "pyarrow")
_SET_UP = installation.set_up()
_BROKER_S = 3.0


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `needed` is False for what only some jobs want; `advice` says how to get it."""

    name: str
    found: str | None
    needed: bool = True
    advice: str = ""


def run(settings: Doctor) -> dict[str, Any]:
    """Look at everything; raises `Unhealthy` if something needed is missing."""
    findings = examine(settings.connection)
    missing = [finding.name for finding in findings if finding.needed and finding.found is None]
    result = {"healthy": not missing, "findings": [dataclasses.asdict(finding) for finding in findings]}
    if missing:
        raise Unhealthy(f"missing: {', '.join(missing)}; the findings say what to do", findings=result)
    return result


class Unhealthy(GateRefusal):
    """Something that is needed is missing; exit code 1, with all findings."""

    exit_code = 1


def examine(servers: Connection | str, broker_s: float = _BROKER_S) -> list[Finding]:
    """Look at Python, packages, our own names, Java, Maven, Kafka's jars, Prism and, for `broker_s`, the broker."""
    return [
        _python(sys.version_info[:2]),
        *(_distribution(name) for name in MAIN),
        our_names(importlib.metadata.packages_distributions()),
        _program("Java", java.java, lambda path: _first_line(path, "-version")),
        _program("Maven", java.maven, lambda path: _first_line(path, "-v")),
        _jars(),
        _prism(),
        _broker(servers, broker_s),
    ]


def describe(result: dict[str, Any]) -> str:
    """One line for each thing; what is missing comes with what to do."""
    lines = []
    for finding in result["findings"]:
        sign = "ok     " if finding["found"] else "MISSING" if finding["needed"] else "absent "
        lines.append(f"{sign}  {finding['name']}: {finding['found'] or finding['advice']}")
    lines.append("everything needed is here" if result["healthy"] else "something needed is missing")
    return "\n".join(lines)


def our_names(owners: Mapping[str, list[str]]) -> Finding:
    """Check that our top-level packages belong to the distribution onegraph and to no other.

    >>> our_names({name: ["onegraph"] for name in PACKAGES}).found
    'schemas, transforms, models, beam_jobs belong to onegraph'
    """
    name = "top-level names"
    for package in PACKAGES:
        others = sorted(set(owners.get(package, [])) - {"onegraph"})
        if others:
            advice = (
                f"{package} is also installed by {', '.join(others)}: uninstall that, or use an environment of our own"
            )
            return Finding(name, None, advice=advice)
        if package not in owners:
            return Finding(name, None, advice=f"{package} is not installed as part of onegraph: {_SET_UP}")
    return Finding(name, f"{', '.join(PACKAGES)} belong to onegraph")


def _python(version: tuple[int, int]) -> Finding:
    fitting = platform.python_version() if version in ((3, 11), (3, 12)) else None
    return Finding(
        "Python", fitting, advice=f"{platform.python_version()}, wanted 3.11 or 3.12: {_SET_UP} with PYTHON set"
    )


def _distribution(name: str) -> Finding:
    try:
        return Finding(name, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, None, advice=f"not installed: {_SET_UP}")


def _program(name: str, find: Callable[[], str], version: Callable[[str], str]) -> Finding:
    try:
        path = find()
    except OnegraphError as error:
        return Finding(name, None, advice=str(error))
    return Finding(name, f"{version(path)} ({path})")


def _first_line(*command: str) -> str:
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    lines = (said.stdout + said.stderr).splitlines()
    return lines[0].replace("\x1b[1m", "").replace("\x1b[m", "") if lines else "says nothing"


def _jars() -> Finding:
    folder = local_kafka.jar_folder()
    count = len(list(folder.glob("*.jar")))
    advice = "not fetched yet: `onegraph services up` does it with Maven"
    return Finding("Kafka's jars", f"{count} in {folder}" if count else None, needed=False, advice=advice)


def _prism() -> Finding:
    path = prism.find_binary()
    advice = f"only for --runner prism: {prism.how_to_get()}"
    return Finding("Prism", None if path is None else str(path), needed=False, advice=advice)


def _broker(servers: Connection | str, broker_s: float) -> Finding:
    try:
        from beam_jobs.kafka.probe import wait_for_broker
        from beam_jobs.kafka.topics.topics import describe as ask
    except ImportError:
        return Finding("broker", None, needed=False, advice=f"needs kafka-python: {_SET_UP}")
    try:
        wait_for_broker(Connection.of(servers), broker_s)
        ask(servers, [])
    except ServiceError as error:
        local = f"{servers} does not answer: `onegraph services up` starts a local one"
        plain = Connection.of(servers).security_protocol == "PLAINTEXT"
        return Finding("broker", None, needed=False, advice=local if plain else str(error))
    return Finding("broker", f"{servers} answers", needed=False)
