"""Log lines as JSON: one object each, and no text of an exception."""

import json
import logging
import os

import pytest

from beam_jobs.cli import logs
from beam_jobs.cli.command_line import main


@pytest.fixture(autouse=True)
def as_text_again():
    yield
    logs.set_up()


def test_a_line_is_one_object_even_where_the_message_has_several_lines(capsys):
    logs.set_up("json", "tail")
    logging.getLogger("some.module").error("two\nlines of %d", 7)
    (line,) = capsys.readouterr().err.splitlines()
    found = json.loads(line)
    assert found.pop("time").endswith("+00:00")
    assert found == {
        "level": "ERROR", "logger": "some.module", "message": "two\nlines of 7", "job": f"tail-{os.getpid()}",
    }  # fmt: skip


def test_an_exception_is_named_without_its_text(capsys):
    logs.set_up("json", "tail")
    try:
        raise ValueError("secret value")
    except ValueError:
        logging.getLogger("some.module").exception("it failed")
    err = capsys.readouterr().err
    assert "secret" not in err
    assert json.loads(err)["exception"].startswith(f"ValueError at {__file__}:")


def test_errors_of_a_verb_are_lines_too(capsys, tmp_path):
    assert main(["inspect", str(tmp_path / "nothing"), "--log-format", "json"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["level"] == "ERROR"
    assert json.loads(line)["message"].startswith("onegraph inspect: ")
    assert main(["inspect", str(tmp_path / "nothing")]) == 1
    assert capsys.readouterr().err.startswith("onegraph inspect: "), "one call's form is not the next one's"


WILD = "one\x1b[2J\x9b31m\u202e\r\ntwo\té"


@pytest.mark.parametrize(("form", "kept"), [("text", "\n\t"), ("json", "\n")])
def test_no_terminal_obeys_what_is_logged_or_said(form, kept, capsys):
    logs.set_up(form, "tail")
    logging.getLogger("some.module").error("%s", WILD)
    logs.say(WILD)
    err = capsys.readouterr().err
    assert all(one.isprintable() or one in kept for one in err)
    if form == "json":
        assert [json.loads(line)["message"] for line in err.splitlines()] == [WILD, WILD]
    else:
        assert err.count("one\\x1b[2J\\x9b31m\\u202e\\r\ntwo\té\n") == 2


def test_an_unknown_form_is_refused(capsys):
    assert main(["inspect", "x", "--log-format", "xml"]) == 2
    assert "--log-format" in capsys.readouterr().err
