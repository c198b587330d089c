"""Following docs/use_case.md by the letter gives a released use case of one's own."""

import json
import pathlib
import re
import runpy
import shlex

import pytest

from beam_jobs.cli.command_line import main

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "use_case.md"


@pytest.fixture
def followed(tmp_path, monkeypatch):
    """The page's files in an empty folder, and its command lines."""
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text()
    for name, body in re.findall(r"```\w+ file=(\S+)\n(.*?)```", text, re.DOTALL):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body)
    return [shlex.split(line[2:]) for line in text.splitlines() if line.startswith("$ ")]


def test_page_works_as_written(followed, tmp_path, capsys):
    maker, *verbs = followed
    assert maker[0] == "python"
    runpy.run_path(maker[1])
    assert len(verbs) == 5
    for program, *argv in verbs:
        assert program == "onegraph"
        assert main([*argv, "--json"]) == 0, capsys.readouterr().err
    scored = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert scored["rows"]["scored"] == 4000
