"""A file is read as it was when it was found, to its end, or it is said that somebody writes to it."""

import gzip
import os
import pathlib
import re

import pytest

from beam_jobs.raw_files.blocks import read_file
from beam_jobs.raw_files.content import read_content
from beam_jobs.raw_files.finding import find_files
from beam_jobs.raw_files.plain_file import WatchedFile
from schemas.errors import InputError

HEADER, ROW = b"a,b\n", b"1,some text\n"


def shorter(path: pathlib.Path) -> None:
    os.truncate(path, path.stat().st_size - 1000)


def longer(path: pathlib.Path) -> None:
    with path.open("ab") as file:
        file.write(b"1,x\n")


def other_bytes(path: pathlib.Path) -> None:
    with path.open("r+b") as file:
        file.write(b"c,d\n")


def replaced(path: pathlib.Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"c,d\n3,4\n")
    other.replace(path)


@pytest.mark.parametrize("change", [shorter, longer, other_bytes, replaced])
@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
def test_a_file_that_changes_is_told(tmp_path: pathlib.Path, change, name: str) -> None:
    path = tmp_path / name
    rows = HEADER + b"".join(b"%d,%s\n" % (row, os.urandom(8).hex().encode()) for row in range(200_000))
    path.write_bytes(gzip.compress(rows, 1) if name.endswith("gz") else rows)
    size = path.stat().st_size
    (file,) = find_files([str(path)])
    blocks = read_file(file)
    next(blocks)
    change(path)
    if change is replaced:  # what was opened is whole and is read to its end; whoever opens it next sees another one
        assert sum(len(block) for block in blocks) == 200_000 - 8192
        blocks = read_file(file)
    said = re.escape(f"{path}: changed while it was read: {path.stat().st_size:,} bytes, were {size:,}; run again when")
    with pytest.raises(InputError, match=said):
        list(blocks)


def test_a_file_that_grows_under_a_reader_that_did_not_find_it(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(b"{}\n" * 100)
    parts = read_content(str(path), 100)
    next(parts)
    longer(path)
    with pytest.raises(InputError, match="changed while it was read: 304 bytes, were 300"):
        list(parts)


def test_a_pipe_is_not_waited_for(tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe: a pipe, wanted a plain file"):
        WatchedFile(str(tmp_path / "pipe"))
