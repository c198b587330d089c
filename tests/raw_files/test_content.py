"""The bytes of a file: what gzip takes for a whole file is one here too, at every border between two blocks."""

import gzip
import pathlib
import zlib

import pytest

from beam_jobs.raw_files.content import read_content
from schemas.errors import InputError

ONE, OTHER = gzip.compress(b'{"fare":1.5}\n' * 9), gzip.compress(b'{"fare":2.5}\n' * 9)
SIZES = (4, 8, 64, 256, 1 << 20)


def inflated(path: pathlib.Path) -> bytes | None:
    """What Python's own gzip makes of a file, None if it refuses it."""
    try:
        with gzip.open(path) as file:
            return file.read()
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return None


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "packed",
    [
        b"",
        ONE,
        ONE + OTHER,
        ONE + b"\0",
        ONE + b"\0" * 511,  # tapes and some uploads fill their last block
        ONE + b"\0" * 31 + OTHER,
        ONE + b"\0" * 31 + OTHER + b"\0" * 300,
    ],
)
def test_zeros_behind_a_member_are_no_content(packed: bytes, size: int, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "t.jsonl.gz"
    path.write_bytes(packed)
    wanted = inflated(path)
    assert wanted is not None
    assert b"".join(read_content(str(path), size)) == wanted


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("packed", "said"),
    [
        (b"\0" * 9 + ONE, "not a gzip file, or altered"),
        (ONE + b"garbage", "not a gzip file, or altered"),
        (ONE + b"\0" * 99 + b"garbage", "not a gzip file, or altered"),
        (ONE + b"\0" * 99 + OTHER[:-1], "its gzip stream ends too early"),
        (ONE[:-1], "its gzip stream ends too early"),
    ],
)
def test_what_is_no_member_is_refused(packed: bytes, said: str, size: int, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(packed)
    assert inflated(path) is None
    with pytest.raises(InputError, match=f"t.csv.gz: {said}"):
        list(read_content(str(path), size))
