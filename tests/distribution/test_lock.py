"""requirements.lock: it fits setup.py, names no host, and leaves out what requirements.left_out names.

That all works without what is left out is shown by the tests themselves: their environment has none of it.
"""

import importlib.metadata
import pathlib
import re

import pytest
from packaging.requirements import Requirement

ROOT = pathlib.Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text()


@pytest.fixture(scope="module")
def locked() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9.-]+)==([^ ]+)", LOCK, re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


def test_the_lock_names_all_that_setup_asks_for_and_no_host(locked: dict[str, set[str]]) -> None:
    asked = [Requirement(line) for line in importlib.metadata.requires("onegraph") or []]
    assert len(asked) > 20
    unmet = [
        str(one)
        for one in asked
        if not locked.get(one.name) or not all(one.specifier.contains(found) for found in locked[one.name])
    ]
    assert unmet == []
    assert "://" not in LOCK
    blocks = re.split(r"\n(?=[a-z])", LOCK.strip())
    assert all("--hash=sha256:" in block for block in blocks)


def test_what_nobody_needs_on_a_cpu_is_neither_locked_nor_here(locked: dict[str, set[str]]) -> None:
    left_out = re.findall(r"^[a-z0-9-]+", (ROOT / "requirements.left_out").read_text(), re.MULTILINE)
    assert {"nvidia-nccl-cu12", "libclang", "google-cloud-aiplatform"} == set(left_out)
    assert set(left_out) & set(locked) == set()
    assert [name for name in locked if name.startswith("nvidia")] == []
    installed = {str(one.name).lower() for one in importlib.metadata.distributions()}
    assert {"xgboost", "tensorflow"} <= installed
    assert [name for name in installed if name in left_out or name.startswith("nvidia")] == []
    assert "--excludes requirements.left_out" in (ROOT / "scripts" / "lock").read_text()


def test_everything_asked_for_is_there_but_what_is_left_out(locked: dict[str, set[str]]) -> None:
    left_out = re.findall(r"^[a-z0-9-]+", (ROOT / "requirements.left_out").read_text(), re.MULTILINE)
    missing = set()
    for name in ("xgboost", "tensorflow", "tensorflow-transform", "tfx-bsl", "apache-beam", "onegraph"):
        for line in importlib.metadata.requires(name) or []:
            asked = Requirement(line)
            if asked.marker is None or asked.marker.evaluate({"extra": ""}):
                missing |= {re.sub("[-_.]+", "-", asked.name).lower()} - set(locked)
    assert missing <= set(left_out)
