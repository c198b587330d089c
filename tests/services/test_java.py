"""Java and Maven, found or missing, and jars that are got once. The tools are small programs of the test."""

import pathlib

import pytest

from beam_jobs.services import java
from schemas.errors import ServiceError

_JAVA = "#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n"
_MAVEN = """#!/bin/sh
for word in "$@"; do case $word in -DoutputDirectory=*) folder=${word#*=};; esac; done
mkdir -p "$folder"; echo jar > "$folder/a.jar"; echo called >> CALLS
"""


def program(path: pathlib.Path, text: str) -> pathlib.Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def tools(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A folder that alone is in PATH, before the shell's own tools."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    return tmp_path / "bin"


def test_a_java_of_17_or_later_is_found(tools: pathlib.Path) -> None:
    found = program(tools / "java", _JAVA.format(version="21.0.1"))
    assert java.java() == str(found)
    program(tools / "java", _JAVA.format(version="1.8.0_392"))
    with pytest.raises(ServiceError, match=r"version 8, wanted version 17 or later; install it"):
        java.java()
    program(tools / "java", "#!/bin/sh\n")
    with pytest.raises(ServiceError, match=r"no version, wanted version 17"):
        java.java()


def test_a_java_that_is_missing(tools: pathlib.Path) -> None:
    with pytest.raises(ServiceError, match=r"java: not found by JAVA_HOME=.*, wanted version 17 or later; install it"):
        java.java()


def test_jars_are_got_once_for_a_pom_and_again_for_another(tools: pathlib.Path, tmp_path: pathlib.Path) -> None:
    calls = tmp_path / "calls"
    program(tools / "mvn", _MAVEN.replace("CALLS", str(calls)))
    pom, folder = tmp_path / "pom.xml", tmp_path / "made" / "lib"
    for text, wanted in (("<one/>", 1), ("<one/>", 1), ("<two/>", 2)):
        pom.write_text(text)
        assert java.jars(pom, folder) == folder
        assert (folder / "a.jar").read_text() == "jar\n"
        assert calls.read_text().count("called") == wanted


def test_what_maven_cannot_get_is_said_with_its_first_error(tools: pathlib.Path, tmp_path: pathlib.Path) -> None:
    program(tools / "mvn", "#!/bin/sh\necho '[INFO] fine'; echo '[ERROR] no such jar'; echo '[ERROR] more'; exit 1\n")
    pom = tmp_path / "pom.xml"
    pom.write_text("<one/>")
    wanted = (
        r"pom.xml: Maven could not get its jars: no such jar; they are got once: look at the network, and in .* proxy"
    )
    with pytest.raises(ServiceError, match=wanted):
        java.jars(pom, tmp_path / "lib")
    assert not (tmp_path / "lib").exists()


def test_a_java_without_a_compiler_is_no_development_kit(tools: pathlib.Path, tmp_path: pathlib.Path) -> None:
    program(tools / "java", _JAVA.format(version="17"))
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "A.java").write_text("class A {}")
    with pytest.raises(ServiceError, match=r"javac: not there, this Java is no development kit"):
        java.compiled(tmp_path / "src", tmp_path / "lib", tmp_path / "out")
