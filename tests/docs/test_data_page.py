"""Following docs/data.md by the letter works: its files in an empty folder, its commands in their order."""

import pathlib
import re
import runpy
import shlex

import pytest

from beam_jobs.process.loopback import free_port
from beam_jobs.services import local_kafka
from tests.support.documents import TrainingSets, commands, run

ROOT = pathlib.Path(__file__).parents[2]
PAGE = ROOT / "docs" / "data.md"


@pytest.mark.timeout(600)
def test_page_works_as_written(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text()
    for name, body in re.findall(r"```\w+ file=(\S+)\n(.*?)```", text, re.DOTALL):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body)
    for name in ("schemas", "transforms", "models", "beam_jobs"):
        (tmp_path / name).symlink_to(ROOT / name)
    found = commands(text)
    assert found
    port = free_port(in_a_row=2)
    try:
        for command in found:
            words = shlex.split(command.text)
            if words[0] == "python3":
                runpy.run_path(words[1])
            else:
                run(command, port, TrainingSets(tmp_path / "sets"))
    finally:
        local_kafka.stop(tmp_path / ".onegraph" / "kafka")


def test_the_page_says_every_way_to_split() -> None:
    from models import splits

    text = PAGE.read_text()
    assert [name for name in ("TimeSplit", "GroupSplit", "ColumnSplit") if f"`{name}(" not in text] == []
    for code in re.findall(r"`((?:Time|Group|Column)Split\([^`]*)`", text):
        eval(code, vars(splits))
