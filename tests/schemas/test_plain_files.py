"""Files that others may have written: plain and small, or refused in a line; ours are seen whole or not at all."""

import json
import os
import pathlib
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from schemas.errors import ArtifactError
from schemas.plain_files import parse_json, read_plain, write_whole

ROOT = pathlib.Path(__file__).parents[2]


def pipe(path: pathlib.Path) -> None:
    os.mkfifo(path)


def folder(path: pathlib.Path) -> None:
    path.mkdir()


def circle(path: pathlib.Path) -> None:
    path.symlink_to(path)


def device(path: pathlib.Path) -> None:
    path.symlink_to("/dev/zero")


def listening(path: pathlib.Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


def pipe_behind_a_link(path: pathlib.Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


NO_FILES = [pipe, folder, circle, device, listening, pipe_behind_a_link]


@pytest.mark.parametrize("make", NO_FILES)
def test_what_is_no_plain_file_is_refused_without_waiting(make: Callable, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's name may not be long
    make(pathlib.Path("it"))
    with pytest.raises(ArtifactError, match=r"^it: no plain file"):
        read_plain("it", 10)


def test_sizes(tmp_path: pathlib.Path) -> None:
    (tmp_path / "it").write_bytes(b"0123456789")
    assert read_plain(tmp_path / "it", 10) == b"0123456789"
    with pytest.raises(ArtifactError, match="over 9 bytes"):
        read_plain(tmp_path / "it", 9)
    with pytest.raises(ArtifactError, match="over 9 bytes"):  # says that it has none, and has many
        read_plain("/proc/self/maps", 9)
    with (tmp_path / "holes").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ArtifactError, match="over 1,000 bytes"):
        read_plain(tmp_path / "holes", 1000)


def test_a_link_to_a_file_is_one_and_nothing_is_nothing(tmp_path: pathlib.Path) -> None:
    (tmp_path / "it").write_bytes(b"x")
    (tmp_path / "link").symlink_to("it")
    assert read_plain(tmp_path / "link", 10) == b"x"
    with pytest.raises(FileNotFoundError):
        read_plain(tmp_path / "none", 10)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"\xff", "not UTF-8"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"a":' * 100_000, "nested too deep"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "a key stands twice"),
        (b'{"a": "\\ud800"}', "half a surrogate pair"),
        (b'{"\\udc00": 1}', "half a surrogate pair"),
        (b"NaN", "not finite"),
        (b"[-Infinity]", "not finite"),
        (b"1e999", "not finite"),
        (b"9" * 5000, "a number too long"),
        (b"", "no JSON at line 1"),
        (b'{"a": 1}\n}', "no JSON at line 2"),
        (b"\xef\xbb\xbf{}", "no JSON at line 1"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_json_that_is_none(text: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        parse_json(text)
    assert "\n" not in str(caught.value)


def test_json_keeps_what_is_well_formed() -> None:
    value = {"a": [1, -2.5, True, None, "é😀\\\n", 2**60], "b": {}}
    assert parse_json(json.dumps(value)) == value
    assert parse_json(json.dumps(value, ensure_ascii=False).encode()) == value


def test_a_file_is_replaced_whole_or_stays(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "it"
    write_whole(path, b"old")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    code = (
        "import pathlib, resource, sys; from schemas.plain_files import write_whole\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (9, 9))\n"
        "try: write_whole(pathlib.Path(sys.argv[1]), bytes(20))\n"
        "except OSError as error: print(error.strerror)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == "File too large\n"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def few_files() -> Iterator[None]:
    """This process may open few more files than it has open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 20, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_refusal_leaves_no_file_open(tmp_path: pathlib.Path, few_files: None) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(bytes(100))
    for name in ("pipe", "large") * 50:
        with pytest.raises(ArtifactError):
            read_plain(tmp_path / name, 10)
