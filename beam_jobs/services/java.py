"""Java and Maven on this machine: find them, say what is missing, and get a folder of jars through a pom.

Imports the standard library only: `scripts/setup` calls it before anything else is known to work.
"""

import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from schemas.errors import ServiceError
from schemas.file_lock import locked

OLDEST_JAVA = 17
INSTALL = "install it, on Debian or Ubuntu: apt-get install openjdk-17-jdk maven"
_MARKER = "pom.sha256"
_NETWORK = "they are got once: look at the network, and in ~/.m2/settings.xml for a proxy or mirror that it needs"
_MAVEN_S = 900  # 43 MB of jars over a slow line


def java() -> str:
    """Return the path of a Java of version 17 or later; raises `ServiceError` that says how to get one."""
    home = os.environ.get("JAVA_HOME")
    path = shutil.which("java", path=os.path.join(home, "bin") if home else None)
    if not path:
        found_by = f"JAVA_HOME={home}" if home else "PATH"
        raise ServiceError(f"java: not found by {found_by}, wanted version {OLDEST_JAVA} or later; {INSTALL}")
    said = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=60, check=False)
    version = java_version(said.stderr + said.stdout)
    if version is None or version < OLDEST_JAVA:
        got = "no version" if version is None else f"version {version}"
        raise ServiceError(f"{path}: {got}, wanted version {OLDEST_JAVA} or later; {INSTALL}")
    return path


def java_version(said: str) -> int | None:
    """Return the major version in what `java -version` prints, None if there is none.

    >>> java_version('openjdk version "17.0.15" 2025-04-15'), java_version('java version "1.8.0_392"')
    (17, 8)
    """
    match = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(match.group(1)) if match else None


def maven() -> str:
    """Return the path of Maven; raises `ServiceError` that says how to get it."""
    path = shutil.which("mvn")
    if not path:
        raise ServiceError(f"mvn: not found in PATH, wanted Maven 3.6 or later; {INSTALL}")
    return path


def jars(pom: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """Return `folder` with the jars that a pom names in it; calls Maven only when the pom is another than last time.

    The folder is replaced in one step and by one process at a time. Raises `ServiceError` with Maven's own last error.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.parent / f"{folder.name}.lock"):
        if not has_jars(pom, folder):
            _copy_jars(pom, folder, _content(pom))
    return folder


def has_jars(pom: pathlib.Path, folder: pathlib.Path) -> bool:
    """Say whether `folder` holds the jars that this pom names."""
    return _marked(folder) == _content(pom)


def _content(pom: pathlib.Path) -> str:
    return hashlib.sha256(pom.read_bytes()).hexdigest()


def compiled(sources: pathlib.Path, library: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """Return a jar in `folder` with the classes of a folder's Java files; compiles once per content of all and library.

    Raises `ServiceError` if the machine has a Java without a compiler, and with the compiler's first error.
    """
    files = sorted(sources.glob("*.java"))
    content = b"".join(file.read_bytes() for file in files) + _marked(library).encode()
    jar = folder / f"{sources.name}-{hashlib.sha256(content).hexdigest()[:16]}.jar"
    if jar.is_file():
        return jar
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as partial:
        classes, fresh = f"{partial}/classes", pathlib.Path(partial) / jar.name
        release = ["--release", str(OLDEST_JAVA)]
        _run_tool("javac", *release, "-d", classes, "-cp", f"{library}/*", *map(str, files))
        _run_tool("jar", "--create", "--file", str(fresh), "-C", classes, ".")
        fresh.rename(jar)
    return jar


def _run_tool(name: str, *arguments: str) -> None:
    path = pathlib.Path(java()).resolve().parent / name
    if not path.is_file():
        raise ServiceError(f"{path}: not there, this Java is no development kit; {INSTALL}")
    said = subprocess.run([path, *arguments], capture_output=True, text=True, timeout=300, check=False)
    if said.returncode:
        lines = (said.stderr + said.stdout).strip().splitlines()
        raise ServiceError(f"{name} failed: {lines[0] if lines else 'it said nothing'}")


def _marked(folder: pathlib.Path) -> str:
    try:
        return (folder / _MARKER).read_text().strip()
    except OSError:
        return ""


def _copy_jars(pom: pathlib.Path, folder: pathlib.Path, marker: str) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}.") as partial:
        fresh = pathlib.Path(partial) / "lib"
        command = [maven(), "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"]
        command += ["-DincludeScope=runtime", f"-DoutputDirectory={fresh}"]
        try:
            said = subprocess.run(command, capture_output=True, text=True, timeout=_MAVEN_S, check=False)
        except subprocess.TimeoutExpired:
            raise ServiceError(f"{pom}: Maven had not got its jars after {_MAVEN_S} s; {_NETWORK}") from None
        if said.returncode:
            lines = [line for line in (said.stdout + said.stderr).splitlines() if "ERROR" in line]
            said_first = lines[0].removeprefix("[ERROR] ") if lines else "it said nothing"
            raise ServiceError(f"{pom}: Maven could not get its jars: {said_first}; {_NETWORK}")
        (fresh / _MARKER).write_text(marker + "\n")
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
