"""The wheel in an environment of its own goes from a CSV file to scored events, in a folder that is no checkout.

The quick form borrows the packages of the lock from the environment that runs the tests: a `.pth` file names its
folder, whose own `.pth` files, and so the checkout, are not followed from there. All verbs run in one process, with the
checkout's jars. With --long the environment is made from requirements.lock, Maven gets the jars, and every verb is a
command of its own.
"""

import importlib.metadata
import json
import os
import pathlib
import re
import runpy
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator

import pytest

from beam_jobs.process.loopback import free_port
from beam_jobs.services import local_kafka
from tests.docs.test_use_case import PAGE
from tests.support import wheel

ROWS = 4000
LOANS = ("--use-case", "loans", "--use-case-path", "mine")

# Runs verbs, one per line of standard input; its last line says what of ours it imported, and from where.
IN_ONE_PROCESS = """
import json, sys
from beam_jobs.cli.command_line import main
codes = [main(json.loads(line)) for line in sys.stdin]
ours = [module for name, module in sys.modules.items() if name.partition(".")[0] in sys.argv[1:]]
print(json.dumps([codes, sorted(module.__file__ for module in ours)]))
"""


class Installed:
    """An environment with the wheel, and an empty folder to work in."""

    def __init__(self, folder: pathlib.Path):
        self.environment, self.work = folder / "environment", folder / "work"
        self.work.mkdir()
        version = "python{}.{}".format(*sys.version_info[:2])
        self.packages = self.environment / "lib" / version / "site-packages"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ONEGRAPH"))}
        self._variables = kept | {"XDG_CACHE_HOME": str(folder / "cache")}
        self.cache = folder / "cache" / "onegraph" / importlib.metadata.version("onegraph")

    def install(self, lock: str | None) -> None:
        """Make the environment with what a lock names, None for the packages of ours, and the wheel."""
        uv(["venv", "--python", sys.executable, str(self.environment)])
        into = ["--python", str(self.environment / "bin" / "python")]
        if lock is None:
            (self.packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
        else:
            path = self.environment / "requirements.lock"
            path.write_text(lock)
            uv(["pip", "sync", *into, "--require-hashes", str(path)])
        (built,) = wheel.pack(self.environment, "--wheel").glob("onegraph-*.whl")
        uv(["pip", "install", *into, "--offline", "--no-deps", str(built)])

    def command(self, *argv: str) -> str:
        """Run `onegraph ...`; returns what it printed."""
        return self._run([str(self.environment / "bin" / "onegraph"), *argv])

    def verbs(self, commands: list[tuple[str, ...]]) -> None:
        """Run verbs in one process; all of ours that they import is the wheel's."""
        lines = "".join(json.dumps(argv) + "\n" for argv in commands)
        program = [str(self.environment / "bin" / "python"), "-P", "-c", IN_ONE_PROCESS, *wheel.LAYERS]
        codes, files = json.loads(self._run(program, lines).splitlines()[-1])
        assert codes == [0] * len(commands)
        assert len(files) > 100
        assert [file for file in files if not pathlib.Path(file).is_relative_to(self.packages)] == []

    def _run(self, command: list[str], lines: str = "") -> str:
        done = subprocess.run(
            command, cwd=self.work, env=self._variables, input=lines, capture_output=True, text=True, timeout=500
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout


def uv(arguments: list[str]) -> None:
    command = [wheel.UV, arguments[0], "--quiet", *arguments[1:]]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, f"{command}\n{done.stderr}"


@pytest.fixture
def installed(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installed]:
    """The folder of work holds the use case of docs/use_case.md and its rows."""
    one = Installed(tmp_path)
    for name, body in re.findall(r"```\w+ file=(\S+)\n(.*?)```", PAGE.read_text(), re.DOTALL):
        (one.work / name).parent.mkdir(parents=True, exist_ok=True)
        (one.work / name).write_text(body)
    (one.work / "models").mkdir()  # as people have; ours must not be mistaken for it
    (one.work / "models" / "__init__.py").write_text("raise SystemExit('not ours')")
    monkeypatch.chdir(one.work)
    runpy.run_path("make_loans.py")
    yield one
    local_kafka.stop(one.work / ".onegraph" / "kafka")


def from_file_to_scores(servers: str) -> list[tuple[str, ...]]:
    """The commands of a person with rows of their own, until all are scored."""
    at = ("--bootstrap-servers", servers)
    topics = ("--source-topic", "loans", "--predictions-topic", "scores", "--rejected-topic", "rejected")
    stream = ("score_stream", "--registry", "registry", *topics, "--until-caught-up", *at)
    return [
        ("build_training_set", *LOANS, "--data", "loans.csv", "--output", "training_set"),
        ("train", *LOANS, "--training-set", "training_set", "--output", "candidate"),
        ("evaluate", "--candidate", "candidate", "--training-set", "training_set"),
        ("release", "--candidate", "candidate", "--registry", "registry"),
        (*stream, "--create-topics"),
        ("send", "loans.csv", "loans", *LOANS, *at),
        stream,
    ]


def check_scored(installed: Installed, servers: str) -> None:
    """Every row of the file has a score, and the machine is found to have all that is needed."""
    tailed = installed.command("tail", "scores", "--from-start", "--until-end", "--bootstrap-servers", servers)
    assert sorted(int(found) for found in re.findall(r'"loan_id":(\d+),', tailed)) == list(range(ROWS))
    assert len(re.findall(r'"score":0\.\d+,', tailed)) == ROWS
    found = json.loads(installed.command("doctor", "--json", "--bootstrap-servers", servers))["findings"]
    assert {one["name"]: one["found"] for one in found}["Kafka's jars"].endswith(f"in {installed.cache / 'kafka-lib'}")


@pytest.mark.needs_time
@pytest.mark.timeout(600)
def test_from_a_file_to_scored_events(installed: Installed) -> None:
    installed.install(lock=None)
    jars = local_kafka.jars()
    shutil.copytree(jars, installed.cache / jars.name)
    servers = f"127.0.0.1:{(port := free_port(in_a_row=2))}"
    up = json.loads(installed.command("services", "up", "--port", str(port), "--json"))
    assert up["kafka"]["folder"] == str(installed.work / ".onegraph" / "kafka")
    installed.verbs(from_file_to_scores(servers))
    check_scored(installed, servers)
    assert not json.loads(installed.command("services", "down", "--wipe", "--json"))["kafka"]["up"]


@pytest.mark.needs_time
@pytest.mark.timeout(600)
def test_from_a_file_to_scored_events_with_the_lock_s_own_packages(installed: Installed) -> None:
    lock = (wheel.ROOT / "requirements.lock").read_text()
    # pip installed uv, so that uv has all others in its cache
    installed.install(re.sub(r"^uv==.*?[^\\]\n", "", lock, flags=re.MULTILINE | re.DOTALL))
    servers = f"127.0.0.1:{(port := free_port(in_a_row=2))}"
    assert not installed.cache.exists()
    installed.command("services", "up", "--port", str(port))
    assert len(list((installed.cache / "kafka-lib").glob("*.jar"))) > 20
    for argv in from_file_to_scores(servers):
        installed.command(*argv)
    check_scored(installed, servers)
    installed.command("services", "down", "--wipe")
