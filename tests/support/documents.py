"""The commands of a document: found in its `console` blocks, and run as `onegraph` in this process."""

import pathlib
import re
import shlex
import shutil
import subprocess
from typing import NamedTuple

from beam_jobs.cli.command_line import main
from beam_jobs.cli.settings import VERBS
from beam_jobs.cli.shared_settings import Broker
from beam_jobs.services import local_kafka


class Command(NamedTuple):
    """One command of a document and the exit code that it should have."""

    text: str
    code: int


def commands(text: str) -> list[Command]:
    """Return the commands of a page, in their order."""
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


def run(command: Command, port: int, training_sets: TrainingSets) -> None:
    """Run one, `onegraph` with the port of a broker, and compare its exit code."""
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
