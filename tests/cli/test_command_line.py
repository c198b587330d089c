"""`onegraph VERB`: exit codes, what goes to which stream, errors in one line. The verbs here are stand-ins."""

import dataclasses
import json
import logging
import pathlib
import subprocess
import sys
import types

import pytest

from beam_jobs.cli import command_line
from beam_jobs.cli.options import Settings, argument, option
from beam_jobs.cli.shared_settings import Runner
from schemas.errors import GateRefusal, InputError, UsageError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Probe(Settings):
    """Do what the test says."""

    what: str = argument("what to do", "nothing")
    count: int = option("how often", 1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProbeJob(Runner):
    """Do it with Beam."""

    output: str = option("where to", "here")


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list:
    """Two stand-in verbs, `probe` and `probe_job`; the settings that they ran with."""
    runs: list = []

    def run(settings: Probe) -> dict:
        runs.append(settings)
        match getattr(settings, "what", ""):
            case "fail":
                raise InputError("data.csv: no rows; give a file that has some")
            case "refuse":
                raise GateRefusal("auc 0.5 is under 0.7", findings={"auc": 0.5})
            case "interrupt":
                raise KeyboardInterrupt
            case "pipe":
                raise BrokenPipeError
            case "print":
                print("of a user's file")
            case "log":
                logging.getLogger("probe").warning("a warning")
                logging.getLogger("probe").info("a detail")
        return {"rows": 3}

    def check(settings: Probe) -> None:
        if getattr(settings, "what", "") == "bad":
            raise UsageError("WHAT is bad")
        if getattr(settings, "what", "") == "print":
            print("of a user's file")

    def plan(settings: Probe) -> list[str]:
        check(settings)
        return ["the probe would be done"]

    module = types.SimpleNamespace(run=run, check=check, plan=plan, describe=lambda result: f"did it: {result}")
    monkeypatch.setitem(command_line.VERBS, "probe", Probe)
    monkeypatch.setitem(command_line.VERBS, "probe_job", ProbeJob)
    monkeypatch.setitem(sys.modules, "beam_jobs.verbs.probe", module)
    monkeypatch.setitem(sys.modules, "beam_jobs.verbs.probe_job", module)
    return runs


def test_the_result_goes_to_standard_output(seen: list, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["probe", "it", "--count", "2"]) == 0
    assert capsys.readouterr() == ("did it: {'rows': 3}\n", "")
    assert seen == [Probe(what="it", count=2)]


def test_with_json_nothing_else_goes_to_standard_output(seen: list, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["probe", "log", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {"rows": 3}
    assert out.count("\n") == 1
    assert "a warning" in err
    assert "a detail" not in err
    assert "did it" not in out + err
    assert command_line.main(["probe", "--json", "-q"]) == 0
    assert capsys.readouterr() == ('{"rows": 3}\n', "")


def test_what_a_users_file_prints_goes_to_standard_error(seen: list, capsys: pytest.CaptureFixture[str]) -> None:
    for words, result in (((), "did it: {'rows': 3}\n"), (("--json",), '{"rows": 3}\n')):
        assert command_line.main(["probe", "print", *words]) == 0
        assert capsys.readouterr() == (result, "of a user's file\n")
    assert command_line.main(["probe", "print", "--dry-run", "--json"]) == 0
    out, err = capsys.readouterr()
    assert (json.loads(out)["would"], err) == (["the probe would be done"], "of a user's file\n")


def test_log_lines_follow_v_and_q(seen: list, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["probe", "log", "-v"]) == 0
    assert "a detail" in capsys.readouterr().err
    assert command_line.main(["probe", "log", "-q"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["probe", "fail"], 1, "onegraph probe: data.csv: no rows; give a file that has some\n"),
        (["probe", "--count", "x"], 2, "onegraph probe: --count is 'x', wanted a whole number; see `onegraph probe --"),
        (["probe", "--cuont", "3"], 2, "onegraph probe: unknown option --cuont, did you mean --count?\n"),
        (["probe", "--cou", "3"], 2, "onegraph probe: unknown option --cou, did you mean --count?\n"),
        (["probe", "--jsno"], 2, "onegraph probe: unknown option --jsno, did you mean --json?\n"),
        (["probe", "a", "b"], 2, "onegraph probe: one word too many: b"),
        (["probe", "--config", "none.toml"], 2, "onegraph probe: --config none.toml: no such file"),
        (["porbe"], 2, "onegraph: 'porbe' is not a verb, did you mean probe?\n"),
        (["xyzzy"], 2, "onegraph: 'xyzzy' is not a verb; known: new, validate, build_training_set, "),
        (["--json", "probe"], 2, "onegraph: --json comes before the verb, wanted `onegraph VERB [options]`; see "),
        (["probe_job", "--outptu", "x"], 2, "onegraph probe_job: unknown option --outptu, did you mean --output?\n"),
        (["probe_job", "--dry-rnu"], 2, "onegraph probe_job: unknown option --dry-rnu, did you mean --dry-run?\n"),
        (["probe_job", "--flink_master", "h:1"], 2, "onegraph probe_job: one word too many: h:1; Beam's options have "),
        (
            ["probe_job", "--runner", "lcal"],
            2,
            "onegraph probe_job: --runner lcal: no such runner, did you mean local?\n",
        ),
        (["probe", "interrupt"], 130, "onegraph: stopped by Ctrl-C\n"),
    ],
)
def test_failures_say_one_line_and_have_their_code(
    seen: list, capsys: pytest.CaptureFixture[str], argv: list[str], code: int, said: str
) -> None:
    assert command_line.main(argv) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(said)
    assert err.count("\n") == 1


def test_a_refusal_shows_what_it_found(seen: list, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["probe", "refuse", "--json"]) == 3
    why = "onegraph probe: auc 0.5 is under 0.7\n"
    assert capsys.readouterr() == ('{"auc": 0.5}\n', why)
    assert command_line.main(["probe", "refuse"]) == 3
    assert capsys.readouterr() == ("did it: {'auc': 0.5}\n", why)
    assert command_line.main(["probe", "refuse", "-q"]) == 3
    assert capsys.readouterr() == ("", why)


def test_what_a_refusal_found_stands_before_its_reason_where_both_go_to_one_file(tmp_path: pathlib.Path) -> None:
    command = [sys.executable, "-m", "beam_jobs", "doctor", "--bootstrap-servers", "127.0.0.1:1"]
    with (tmp_path / "said").open("w") as both:
        code = subprocess.run(command, stdout=both, stderr=both, env={"PATH": ""}, check=False).returncode
    lines = (tmp_path / "said").read_text().splitlines()
    assert (code, lines[-1]) == (1, "onegraph doctor: missing: Java, Maven; the findings say what to do")
    assert "something needed is missing" in lines


def test_dry_run_checks_says_what_would_be_done_and_does_nothing(
    seen: list, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.main(["probe", "--dry-run", "--count", "7"]) == 0
    said = "onegraph probe would run with\n  --count 7\nthe probe would be done\n"
    assert capsys.readouterr() == (said, ""), "nothing of what is as it is by default"
    assert command_line.main(["probe", "--dry-run"]) == 0
    assert capsys.readouterr().out == "onegraph probe would run as it is by default\nthe probe would be done\n"
    assert command_line.main(["probe-job", "--dry-run", "--streaming", "--json"]) == 0
    would = {"verb": "probe_job", "options": {}, "beam_options": ["--streaming"], "would": ["the probe would be done"]}
    assert json.loads(capsys.readouterr().out) == would
    assert command_line.main(["probe", "--dry-run", "-q"]) == 0
    assert capsys.readouterr() == ("", "")
    assert command_line.main(["probe", "bad", "--dry-run"]) == 2
    assert capsys.readouterr().out == ""
    assert seen == []


def test_what_beam_may_know_is_handed_on(seen: list) -> None:
    assert command_line.main(["probe-job", "--flink_master=host:1", "--output", "there", "--streaming"]) == 0
    assert seen == [ProbeJob(output="there", beam_args=("--flink_master=host:1", "--streaming"))]


def test_overview_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main([]) == 2
    capsys.readouterr()
    assert command_line.main(["--help"]) == 0
    overview = capsys.readouterr().out
    assert all(f"\n  {verb} " in overview for verb in command_line.VERBS)
    assert command_line.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("onegraph 0.")


def test_help_of_a_verb_returns(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["services", "--help"]) == 0
    once = capsys.readouterr().out
    assert "exit codes: 0 done" in once
    for argv in (["help", "services"], ["services", "--nonsense", "-h"]):
        assert command_line.main(argv) == 0
        assert capsys.readouterr().out == once


@pytest.mark.parametrize("argv", [["--help"], ["services", "status", "--folder", "nowhere"]])
def test_nobody_reading_on_is_no_traceback(argv: list[str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "beam_jobs", *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.parametrize("argv", [[], ["services", "--help"]])
def test_a_standard_output_that_is_full_is_one_line(argv: list[str]) -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "beam_jobs", *argv]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    words = "No space left on device; free or choose another place, then run it again\n"
    assert (done.returncode, done.stderr) == (1, f"{' '.join(['onegraph', *argv[:1]])}: {words}")


def test_machine_that_refuses_is_one_line(monkeypatch, capsys):
    from beam_jobs.verbs import inspect

    def full(settings):
        raise OSError(28, "No space left on device", "/somewhere/file")

    monkeypatch.setattr(inspect, "run", full)
    assert command_line.main(["inspect", "anything"]) == 1
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("onegraph inspect: /somewhere/file: No space left on device")
