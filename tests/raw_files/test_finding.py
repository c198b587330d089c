"""Which files are meant: each once, however it is called and spelt; what is no file is told at once."""

import os
import pathlib
import socket
import tempfile
from collections.abc import Iterator

import pytest

from beam_jobs.raw_files.finding import find_files
from schemas.errors import InputError


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A folder that is the working directory, with `a.csv` in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_bytes(b"a,b\n1,2\n")
    return tmp_path


def said_of(*patterns: object) -> str:
    with pytest.raises(InputError) as refused:
        find_files([*map(str, patterns)])
    return str(refused.value)


def test_files_are_named_below_the_folder_that_they_share(folder: pathlib.Path) -> None:
    for name in ("x/part.csv", "y/part.csv.gz"):
        (folder / name).parent.mkdir()
        (folder / name).write_bytes(b"")
    found = find_files([str(folder / "y" / "*"), str(folder / "x" / "part.csv")])
    assert [(file.name, file.number) for file in found] == [("x/part.csv", 0), ("y/part.csv.gz", 1)]
    assert [file.name for file in find_files([str(folder / "x" / "part.csv")])] == ["part.csv"]


def test_relative_and_absolute_paths_go_together(folder: pathlib.Path) -> None:
    other = folder / "sub" / "b.csv"
    other.parent.mkdir()
    other.write_bytes(b"a,b\n3,4\n")
    for given in (["a.csv", str(other)], [str(other), str(folder / "a.csv")], ["./sub/../a.csv", "sub/b.csv"]):
        assert [file.name for file in find_files(given)] == ["a.csv", "sub/b.csv"], given


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["a.csv", "a.csv"], "a.csv is named twice; it is read once"),
        (["a.csv", "./a.csv"], "./a.csv and a.csv are one file; it is read once"),
        (["a.csv", "link.csv"], "a.csv and link.csv are one file; it is read once"),
        (["a.csv", "hard.csv"], "a.csv and hard.csv are one file; it is read once"),
        (["a.csv", "a*.csv"], "a.csv is named twice; it is read once"),
        (["a.csv", "sub/../a.csv"], "a.csv and sub/../a.csv are one file; it is read once"),
    ],
)
def test_one_file_is_read_once_with_a_warning(
    folder: pathlib.Path, caplog: pytest.LogCaptureFixture, given: list[str], said: str
) -> None:
    (folder / "link.csv").symlink_to("a.csv")
    (folder / "hard.csv").hardlink_to(folder / "a.csv")
    (folder / "sub").mkdir()
    assert [file.name for file in find_files(given)] == ["a.csv"]
    assert [record.getMessage().replace(f"{folder}/", "") for record in caplog.records] == [said]


def test_what_a_link_leads_out_of_is_another_file(folder: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "real" / "deep").mkdir(parents=True)
    (folder / "real" / "a.csv").write_bytes(b"a,b\n5,6\n")
    (folder / "link").symlink_to("real/deep")
    found = find_files(["a.csv", "link/../a.csv"])
    assert [(file.path, file.name) for file in found] == [("a.csv", "a.csv"), ("link/../a.csv", "real/a.csv")]
    assert not caplog.records


@pytest.mark.parametrize("name", ["DATA.CSV", "Data.Csv.GZ", "data[1].csv", "one *?.csv", "one\ntwo.csv", "Ü.csv"])
def test_a_name_that_exists_is_that_file(folder: pathlib.Path, name: str) -> None:
    (folder / name).write_bytes(b"a,b\n")
    (folder / "data1.csv").write_bytes(b"a,b\n")
    assert [file.name for file in find_files([name])] == [name]
    assert [file.name for file in find_files(["[d]ata1.*"])] == ["data1.csv"]


def test_a_name_that_is_no_text_has_one_that_is(folder: pathlib.Path) -> None:
    name = os.fsdecode(b"a\xff.csv")
    (folder / name).write_bytes(b"a,b\n")
    (file,) = find_files([name])
    assert (file.path, file.name) == (name, "a\\xff.csv")
    (folder / "a\\xff.csv").write_bytes(b"a,b\n")
    assert said_of(name, "a\\xff.csv") == (
        "2 files: two have names that differ in bytes that are not UTF-8; rename one"
    )


@pytest.fixture
def odd(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """What is no plain file, in the working directory."""
    os.mkfifo("pipe.csv")
    pathlib.Path("folder.csv").mkdir()
    pathlib.Path("broken.csv").symlink_to("nowhere.csv")
    pathlib.Path("circle.csv").symlink_to("circle.csv")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.csv")
        yield folder


def test_what_is_no_plain_file_is_told_at_once(odd: pathlib.Path) -> None:
    for given, said in {
        "pipe.csv": "pipe.csv: a pipe, wanted a plain file, which is read twice; write what comes out of it into one",
        "socket.csv": "socket.csv: a socket, wanted a plain file; write what comes out of it into one",
        "/dev/null": "/dev/null: a device, wanted a plain file",
        "/dev/zero": "/dev/zero: a device, wanted a plain file",
        "folder.csv": "folder.csv: a directory, wanted files; give a pattern, such as 'folder.csv/*'",
        "broken.csv": "broken.csv: a link to a file that is not there; check the path or quote the pattern",
        "circle.csv": "circle.csv: cannot be read: Too many levels of symbolic links",
        "-": "-: standard input is not read, since files are read twice; write it into a file",
        "none.csv": "none.csv: no such file; check the path or quote the pattern",
        "none*.csv": "none*.csv: no such file; check the path or quote the pattern",
        "a.csv/b.csv": "a.csv/b.csv: cannot be read: Not a directory",
        f"{'x' * 300}.csv": f"{'x' * 300}.csv: cannot be read: File name too long",
        "pi*.csv": "pipe.csv: a pipe, wanted a plain file, which is read twice; write what comes out of it into one",
    }.items():
        assert said_of("a.csv", given).replace(f"{odd}/", "") == said


def test_a_file_that_may_not_be_read_is_told_at_once() -> None:
    with tempfile.TemporaryDirectory() as name:
        file = pathlib.Path(name) / "secret.csv"
        file.write_bytes(b"a,b\n")
        file.chmod(0)
        file.parent.chmod(0o755)
        user = os.geteuid()
        if not user:
            os.seteuid(65534)  # root may read all
        try:
            assert said_of(file) == f"{file}: cannot be read: Permission denied"
        finally:
            os.seteuid(user)
