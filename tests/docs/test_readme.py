"""The commands of README and docs run as written.

In a fenced `console` block every line that starts with `$ ` is a command; it may go on after a backslash and may end
with `# exit 3` if another code than 0 is the point. A document's commands run in order, `onegraph` in this
process, in one empty folder with the shipped data beside them as in the repository. All that is added is the port
of a broker, so that one of yours is left alone. A training set that the page before built with the same command is
copied from there. docs/use_case.md has a test of its own, which also makes its files.
"""

import pathlib

import pytest

from beam_jobs.process.loopback import free_port
from beam_jobs.services import local_kafka
from tests.support.documents import Command, TrainingSets, commands, run

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


@pytest.fixture(scope="module")
def training_sets(tmp_path_factory: pytest.TempPathFactory) -> TrainingSets:
    return TrainingSets(tmp_path_factory.mktemp("training_sets"))


def test_commands_are_found() -> None:
    text = "```console\n$ onegraph a \\\n    --b c\nits output\n$ onegraph d  # exit 3\n```\n```bash\n$ not this\n```\n"
    assert commands(text) == [Command("onegraph a      --b c", 0), Command("onegraph d ", 3)]


@pytest.mark.needs_time
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
    port = free_port(in_a_row=2)
    try:
        for command in found:
            if not command.text.startswith(tuple(ELSEWHERE)):
                run(command, port, training_sets)
    finally:
        local_kafka.stop(tmp_path / ".onegraph" / "kafka")
