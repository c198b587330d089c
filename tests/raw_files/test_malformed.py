"""Malformed files: rejected row by row or refused in one line, in little memory; nothing crashes or is guessed."""

import json
import pathlib
import re
import subprocess
import sys
from typing import Any

import pytest

from tests.raw_files import malformed

ROOT = pathlib.Path(__file__).parents[2]
NO_CSV_HEADER = "its first line names none of the columns that the schema has: n, text; is it a row?"
NOT_PARQUET = "near row 0: not a Parquet file, or altered: "
LONG = "a line of more than 64 MiB at byte"

SAID: dict[str, Any] = {
    "ragged.csv": [2, [[1, "CSV_SYNTAX", ""], [2, "CSV_SYNTAX", ""]]],
    "mark.csv": [1, []],
    "mark.jsonl": [1, []],
    "utf16.csv": "its first bytes are those of UTF-16; write it in UTF-8",
    "utf16.jsonl": "its first bytes are those of UTF-16; write it in UTF-8",
    "nul.csv": [1, [[0, "ENCODING", ""]]],
    "ends.csv": [3, [[2, "CSV_SYNTAX", ""]]],
    "latin.csv": [1, [[0, "ENCODING", ""]]],
    "latin.jsonl": [1, [[0, "ENCODING", ""]]],
    "twice.csv": "its header has n twice; give every column one name",
    "header.csv": "no rows below the header; give files with data",
    "trailing.csv": [1, [[0, "CSV_SYNTAX", ""]]],
    "quote.csv": [2, [[0, "CSV_SYNTAX", ""]]],
    "empty.csv": "empty; its first line must name the columns",
    "empty.jsonl": "no rows; give files with data",
    "lines.jsonl": [
        2,
        [
            [1, "TYPE", ""],
            [2, "JSON_SYNTAX", ""],
            [3, "TYPE", "/n"],
            [4, "TYPE", "/n"],
            [5, "JSON_DUP_KEY", "/n"],
        ],
    ],
    "array.jsonl": [0, [[0, "JSON_SYNTAX", ""], [1, "JSON_SYNTAX", ""]]],
    "wide.csv": [300, []],
    "cell.csv": f"{LONG} 11; is this a text file?",
    "cell.jsonl": f"{LONG} 9; wanted an object a line",
    "large.csv": [2, [[1, "TOO_LARGE", ""]]],
    "parquet.csv": NO_CSV_HEADER,
    **{f"whole.csv{suffix}": [50_000, []] for suffix in (".gz", ".bz2", ".zst")},
    "cut.csv.gz": r"its gzip stream ends too early; copy the file again \([\d,]+ bytes of its content are whole\)",
    "cut.csv.bz2": "its bz2 stream ends too early; copy the file again",
    "cut.csv.zst": "its zstd stream ends too early; copy the file again",
    **{
        f"none.csv{suffix}": f"not a {kind} file, or altered; copy it again"
        for suffix, kind in {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}.items()
    },
    "bomb.csv.gz": f"{LONG} 11",
    "bomb.csv.bz2": f"{LONG} 11",
    "whole.parquet": [1_000, []],
    "cut.parquet": NOT_PARQUET,
    "empty.parquet": NOT_PARQUET,
    "altered.parquet": NOT_PARQUET,
    "text.parquet": NOT_PARQUET,
    "type.parquet": "does not fit the schema: n is double, wanted a whole number; or tag the column",
    "lacks.parquet": r"lacks n \(did you mean N\?\), which the schema wants in every row; it has N, text",
    "none.parquet": "no rows; give files with data",
    "wide.parquet": [100, []],
    "bomb.parquet": [2_000, []],
    "cell.parquet": [1, [[1, "TOO_LARGE", "/text"]]],
    "whole.avro": [1_000, []],
    "cut.avro": r"at byte \d+: the file ends in the middle of a block; copy or write the file again",
    "mark.avro": r"at byte \d+: a block does not end with the file's mark; copy or write the file again",
    "altered.avro": r"at byte \d+, row \d+: the bytes of a block are not 1,000 records of the file's schema; write",
    "text.avro": "not an Avro file by its first bytes; give one, or say --data-format",
    "type.avro": "does not fit the schema: n is null, want int or long",
    "bomb.avro": r"at byte \d+: a block unfolds to more than 67,108,864 bytes; copy or write the file again",
    "counts.avro": r"at byte \d+, row 3: the bytes of a block are not 3 records of the file's schema; write",
    "whole.tfrecord": [1_000, []],
    "cut.tfrecord": r"at byte [\d,]+, row 999: ends in the middle of a record; copy it again",
    "crc.tfrecord": r"at byte [\d,]+, row 502: a record has another checksum; copy the file again",
    "length.tfrecord": "at byte 0, row 0: not a TFRecord file, or a length was altered; copy the file again",
    "text.tfrecord": "at byte 0, row 0: not a TFRecord file, or a length was altered; copy the file again",
    "cut.tfrecord.gz": "its gzip stream ends too early; copy the file again",
    "lacks.tfrecord": [2, [[1, "REQUIRED", "/n"], [2, "TYPE", "/n"], [3, "VALUE_COUNT", "/n"]]],
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one process with little memory says of all the files, one after the other."""
    folder = tmp_path_factory.mktemp("malformed")
    malformed.make(folder)
    command = [sys.executable, "-m", malformed.__name__, str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    for path in folder.iterdir():
        path.unlink()
    return dict(json.loads(line) for line in done.stdout.splitlines())


def test_every_file_is_spoken_of(said: dict[str, Any]) -> None:
    assert sorted(said) == sorted(SAID)


@pytest.mark.parametrize("name", SAID)
def test_a_malformed_file_is_rejected_row_by_row_or_refused(said: dict[str, Any], name: str) -> None:
    wanted, found = SAID[name], said[name]
    if isinstance(wanted, str):
        assert isinstance(found, str), found
        assert re.match(f"{re.escape(name)}: {wanted}", found), found
        assert "\n" not in found
        assert "text 1" not in found, "no value of a field"
    else:
        assert found == wanted
