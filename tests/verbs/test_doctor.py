"""`onegraph doctor` says what is here, and what to do about what is not."""

import json
import pathlib

import pytest

from beam_jobs.cli.command_line import main
from beam_jobs.process.loopback import free_port
from beam_jobs.runners import prism
from beam_jobs.verbs import doctor
from tests.support.printed import for_people


def test_all_is_well_with_a_broker(broker: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--bootstrap-servers", broker, "--json"]) == 0
    out, err = capsys.readouterr()
    found = {finding["name"]: finding["found"] for finding in json.loads(out)["findings"]}
    assert found["broker"] == f"{broker} answers"
    assert found["Java"].startswith(("openjdk", "java"))
    assert "Maven" in found["Maven"]
    assert "everything needed is here" in for_people("doctor", out)
    assert "MISSING" not in for_people("doctor", out)
    assert err == ""


def test_a_broker_that_is_down_is_said_and_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    server = f"127.0.0.1:{free_port()}"
    assert main(["doctor", "--bootstrap-servers", server]) == 0
    assert f"absent   broker: {server} does not answer: `onegraph services up`" in capsys.readouterr().out


def test_what_is_missing_comes_with_what_to_do(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert main(["doctor", "--bootstrap-servers", "127.0.0.1:1", "--json"]) == 1
    out, err = capsys.readouterr()
    assert not json.loads(out)["healthy"]
    text = for_people("doctor", out)
    assert "MISSING  Java: java: not found by PATH" in text
    assert "MISSING  Maven: mvn: not found in PATH" in text
    assert text.count("apt-get install openjdk-17-jdk maven") == 2
    assert err == "onegraph doctor: missing: Java, Maven; the findings say what to do\n"


def test_prism_in_the_folder_of_our_tools_is_found(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prism.installation, "fetched", lambda: tmp_path / ".onegraph")
    binary = tmp_path / ".onegraph" / "bin" / "prism"
    binary.parent.mkdir(parents=True)
    binary.write_text("#!/bin/sh\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    found = {}
    for mode in (0o644, 0o755):
        binary.chmod(mode)
        found[mode] = {finding.name: finding.found for finding in doctor.examine("127.0.0.1:1", broker_s=0.1)}["Prism"]
    assert found == {0o644: None, 0o755: str(binary)}
    binary.unlink()
    advice = {finding.name: finding.advice for finding in doctor.examine("127.0.0.1:1", broker_s=0.1)}["Prism"]
    assert advice == f"only for --runner prism: {prism.how_to_get()}"


def test_an_old_java_is_not_enough(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    java = tmp_path / "bin" / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    found = {finding.name: finding for finding in doctor.examine("127.0.0.1:1", broker_s=0.1)}
    assert found["Java"].found is None
    assert "version 11, wanted version 17 or later" in found["Java"].advice


@pytest.mark.parametrize(
    ("owners", "said"),
    [
        ({"models": ["onegraph", "other"]}, "models is also installed by other"),
        ({"schemas": ["other"]}, "schemas is also installed by other"),
        ({}, "schemas is not installed as part of onegraph: run scripts/setup"),
    ],
)
def test_names_that_are_not_ours_alone(owners: dict[str, list[str]], said: str) -> None:
    full = {name: ["onegraph"] for name in doctor.PACKAGES} | owners if owners else {}
    finding = doctor.our_names(full)
    assert finding.found is None
    assert said in finding.advice
