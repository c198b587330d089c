"""The commands of README and docs run as written.

In a fenced `console` block every line that starts with `$ ` is a command; it may go on after a backslash and may end
with `# exit 3` if another code than 0 is the point. A document's commands run in order, `onegraph` in this
process, in one empty folder with the shipped data beside them as in the repository. All that is added is the port
of a broker, so that one of yours is left alone. A training set that the page before built with the same command is
copied from there. docs/use_case.md has a test of its own, which also makes its files.
"""

import pathlib
import re
import shlex
import shutil
import subprocess
from typing import NamedTuple

import pytest

from beam_jobs.cli.command_line import main
from beam_jobs.cli.settings import VERBS
from beam_jobs.cli.shared_settings import Broker
from beam_jobs.process.loopback import free_port
from beam_jobs.services import local_kafka

ROOT = pathlib.Path(__file__).parents[2]
DOCUMENTS = ("README.md", "docs/operations.md")

# Not run here: what gets and sets up the repository itself, and what another run covers.
ELSEWHERE = {
    "git clone": "a person's first step",
    "cd ": "belongs to it",
    "apt-get ": "changes the machine",
    "scripts/demo": "run by .ci/run after the tests",
    "scripts/test": "runs this very test",
    "scripts/lint": "part of scripts/test",
    "scripts/setup": "part of scripts/test",
    "python benchmarks/": "takes minutes and prints figures of its own",
    ".venv/bin/python benchmarks/": "takes minutes and prints figures of its own",
}


class Command(NamedTuple):
    """One command of a document and the exit code that it should have."""

    text: str
    code: int


def commands(text: str) -> list[Command]:
    found = []
    for block in re.findall(r"^```console\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for line in re.findall(r"^\$ (.*)", block.replace("\\\n", " "), re.MULTILINE):
            code = re.search(r"\s# exit (\d+)\s*$", line)
            found.append(Command(line[: code.start()] if code else line, int(code.group(1)) if code else 0))
    return found


class TrainingSets:
    """Builds training sets, those of the same options only once; keeps copies of them in a folder."""

    def __init__(self, folder: pathlib.Path):
        self._folder = folder
        self._built: dict[tuple[str, ...], pathlib.Path] = {}

    def build(self, argv: list[str]) -> int:
        """As `onegraph build_training_set` does; returns its exit code."""
        at = argv.index("--output") + 1
        output, options = argv[at], (*argv[:at], *argv[at + 1 :])
        if options in self._built:
            shutil.copytree(self._built[options], output)
            return 0
        code = main(argv)
        self._built[options] = pathlib.Path(shutil.copytree(output, self._folder / str(len(self._built))))
        return code


@pytest.fixture(scope="module")
def training_sets(tmp_path_factory: pytest.TempPathFactory) -> TrainingSets:
    return TrainingSets(tmp_path_factory.mktemp("training_sets"))


def run(command: Command, port: int, training_sets: TrainingSets) -> None:
    program, *argv = shlex.split(command.text, comments=True)
    if program.rpartition("/")[2] != "onegraph":
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", command.text], capture_output=True, text=True)
        assert done.returncode == command.code, f"{command.text}\n{done.stdout}{done.stderr}"
        return
    assert not set("|<>&;") & set(command.text), f"{command.text}: keep pipes and redirections out of documents"
    verb = argv[0].replace("-", "_")
    if verb == "services" and "--port" not in argv:
        argv += ["--port", str(port)]
    elif verb in VERBS and issubclass(VERBS[verb], Broker) and "--bootstrap-servers" not in argv:
        argv += ["--bootstrap-servers", f"{local_kafka.HOST}:{port}"]
    code = training_sets.build(argv) if verb == "build_training_set" else main(argv)
    assert code == command.code, command.text


def test_commands_are_found() -> None:
    text = "```console\n$ onegraph a \\\n    --b c\nits output\n$ onegraph d  # exit 3\n```\n```bash\n$ not this\n```\n"
    assert commands(text) == [Command("onegraph a      --b c", 0), Command("onegraph d ", 3)]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("document", DOCUMENTS)
def test_document_runs_as_written(
    document: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, training_sets: TrainingSets
) -> None:
    found = commands((ROOT / document).read_text())
    assert found, f"{document}: no command in any console block"
    monkeypatch.chdir(tmp_path)
    for name in ("schemas", "transforms", "models", "beam_jobs"):
        (tmp_path / name).symlink_to(ROOT / name)
    port = free_port()
    try:
        for command in found:
            if not command.text.startswith(tuple(ELSEWHERE)):
                run(command, port, training_sets)
    finally:
        local_kafka.stop(tmp_path / ".onegraph" / "kafka")
