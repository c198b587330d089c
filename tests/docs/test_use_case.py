"""Following docs/use_case.md by the letter goes from a file to a scored stream; its tables say what the code does."""

import ast
import dataclasses
import json
import pathlib
import re
import runpy
from typing import Any

import pytest

from beam_jobs.process.loopback import free_port
from beam_jobs.services import local_kafka
from models.spec import Gate, ModelSpec
from models.tasks import METRICS_OF
from schemas import roles
from schemas.artifacts import artifact
from schemas.schema import Schema
from tests.support.documents import TrainingSets, commands, run

ROOT = pathlib.Path(__file__).parents[2]
PAGE = ROOT / "docs" / "use_case.md"


@pytest.fixture
def followed(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """The page's files in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name, body in re.findall(r"```\w+ file=(\S+)\n(.*?)```", PAGE.read_text(), re.DOTALL):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body)
    return tmp_path


@pytest.mark.needs_time
@pytest.mark.timeout(600)
def test_page_works_as_written(followed: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    maker, *verbs = commands(PAGE.read_text())
    program, script = maker.text.split()
    assert program == "python3"
    runpy.run_path(script)
    assert [command.text.split()[1] for command in verbs] == [
        *("build_training_set", "train", "evaluate", "release", "score_batch"),
        *("services", "score_stream", "send", "score_stream", "tail", "check_skew", "services"),
    ]
    port = free_port(in_a_row=2)
    try:
        for command in verbs:
            run(command, port, TrainingSets(followed))
    finally:
        local_kafka.stop(followed / ".onegraph" / "kafka")
    scored = artifact.open_artifact(followed / "loans_scores", "predictions").manifest["rows"]["scored"]
    assert scored == 4000
    said = "".join(capsys.readouterr())
    assert '"loan_id":' in said
    assert "100 % equal: 4,000 records" in said


def table(head: str) -> list[list[str]]:
    """Return the cells of the page's table whose first head is this one."""
    lines = PAGE.read_text().splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith(f"| {head} |"))
    rows: list[list[str]] = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            return rows
        rows.append([cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    raise AssertionError(head)


@pytest.mark.parametrize("made", [ModelSpec, Gate])
def test_the_tables_of_a_model_are_those_of_the_code(made: type) -> None:
    fields = dataclasses.fields(made)
    rows = table(f"field of `{made.__name__}`")
    assert [row[0] for row in rows] == [f"`{field.name}`" for field in fields]
    for (_, kind, default, meaning), field in zip(rows, fields, strict=True):
        assert kind.strip("`") == in_code(field.type)
        assert meaning
        if field.default_factory is not dataclasses.MISSING:
            assert ast.literal_eval(default.strip("`")) == field.default_factory()
        elif field.default is dataclasses.MISSING:
            assert default == "needed"
        else:
            assert ast.literal_eval(default.strip("`")) == field.default


def in_code(kind: Any) -> str:
    """Return a type as it is written in code."""
    return kind.__name__ if type(kind) is type else re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", str(kind))


def test_the_metrics_of_gates_are_listed() -> None:
    listed = {row[0].strip("`"): tuple(re.findall(r"`(\w+)`", row[-1])) for row in table("task")}
    assert listed == METRICS_OF


def test_the_table_of_roles_is_that_of_the_code() -> None:
    rows = table("tag")
    assert sorted(row[0].strip("`") for row in rows) == sorted(roles.TAGS)
    for tag, _, meaning, example in rows:
        schema = Schema.from_text(example.strip("`"))
        roles.check(schema.columns, "docs/use_case.md")
        assert schema.columns[0].roles == (tag.strip("`"),)
        assert meaning


def test_a_role_is_written_as_the_message_for_a_wrong_one_shows() -> None:
    assert json.loads(roles.annotation("event_time:s").partition("tag: ")[2].removesuffix(" }")) in roles.TAGS
