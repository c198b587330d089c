"""Looking into a registry, going back, inspecting, and every refusal of these need no TensorFlow and no Beam."""

import json
import pathlib
import shutil
import subprocess
import sys

import pytest

from models.evaluation.place import evaluation_path
from models.registry.registry import Registry
from tests.support.signing_keys import make_key

ROOT = pathlib.Path(__file__).parents[2]
HEAVY = ("tensorflow", "keras", "apache_beam", "tfx_bsl", "xgboost", "pandas", "sklearn", "scipy")
MOST_S = 1.0  # of a processor's time: whatever else runs has no part in it

PROGRAM = f"""
import json, sys, time
began = time.process_time()
from beam_jobs.cli.command_line import main
found = []
for argv in json.loads(sys.argv[1]):
    code = main(argv)
    found.append([argv[:2], code, sorted(set({HEAVY}) & set(sys.modules))])
    if len(found) == 1:
        first = time.process_time() - began
print("\\n" + json.dumps([found, first]))
"""


def run(lines: list[list[str]]) -> list[tuple[list[str], int, list[str]]]:
    """Run command lines in one fresh process; return each one's exit code and what was imported until then."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(lines)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    found, seconds = json.loads(done.stdout.splitlines()[-1])
    assert seconds < MOST_S, f"{lines[0]}: {seconds:.2f} s"
    return found


@pytest.fixture
def two(registry_of_two: Registry, tmp_path: pathlib.Path) -> Registry:
    """A registry with a challenger."""
    first = registry_of_two.history()[0].champion
    registry_of_two.change(lambda now: now.joined(first, "challenger", 0.1), "me", "now", "")
    return registry_of_two


def test_a_registry_is_shown_changed_and_rolled_back(two: Registry, tmp_path: pathlib.Path) -> None:
    bundle, where = two.history()[0].champion, ["--registry", str(two.path)]
    key = make_key(tmp_path / "keys")
    lines = [
        ["registry", "list", *where],
        ["registry", "show", *where],
        ["registry", "weigh", bundle, "--weight", "0.2", *where],
        ["registry", "promote", bundle, "--dry-run", *where],
        ["registry", "promote", bundle, *where],
        ["rollback", "--dry-run", *where],
        ["rollback", *where],
        ["registry", "remove", bundle, *where],
        ["registry", "sign", bundle, "--sign-key-file", str(key.private), *where],
    ]
    assert [entry[1:] for entry in run(lines)] == [[0, []]] * len(lines)


def test_refusals_of_registry_rollback_and_release(
    registry: pathlib.Path, second_candidate: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    champion, where = Registry(registry).released().champion, ["--registry", str(registry)]
    release = ["release", "--candidate", str(second_candidate)]
    altered = shutil.copytree(second_candidate, tmp_path / "altered")
    (altered / "training.json").write_text("{}")
    shutil.copytree(evaluation_path(second_candidate), evaluation_path(altered))
    lines = [
        ["rollback", *where],
        ["rollback", "--to", "b", *where],
        ["rollback", "--registry", str(tmp_path / "no")],
        ["registry", "promote", champion, *where],
        ["registry", "show", "b", *where],
        ["registry", "verify", "b", *where],
        ["release", "--candidate", str(tmp_path), *where],
        ["release", "--candidate", str(altered), *where],
        [*release, "--as", "challenger", "--weight", "1e-7", *where],
        [*release, "--as", "challenger", "--weight", "1e-7", "--dry-run", *where],
        [*release, "--sign-key-file", str(tmp_path / "no.pem"), *where],
        [*release, "--registry", str(second_candidate)],
    ]
    assert [entry[1:] for entry in run(lines)] == [[1, []]] * len(lines)


def test_inspect(registry: pathlib.Path, built: pathlib.Path, candidate: pathlib.Path, tmp_path: pathlib.Path) -> None:
    bundle = Registry(registry).champion()
    (tmp_path / "predictions.jsonl").write_text('{"id": "a", "score": 0.5, "label": 1, "bundle": "b"}\n')
    paths = [
        registry,
        bundle,
        bundle / "graph",
        bundle / "evaluation",
        registry / "live.json",
        candidate,
        evaluation_path(candidate),
        built,
        built / "statistics",
        built / "anomalies.json",
        *sorted(built.glob("rejected-*"))[:1],
        *sorted(built.glob("test-*"))[:1],
        tmp_path / "predictions.jsonl",
    ]
    lines = [["inspect", str(path)] for path in paths]
    assert [entry[1:] for entry in run([*lines, ["inspect", "nowhere"]])] == [[0, []]] * len(lines) + [[1, []]]
