"""Rows that are bytes: the lines of a text file, and rows put together into blocks of bounded size."""

from collections.abc import Callable, Hashable, Iterator

from beam_jobs.raw_files.content import read_text
from beam_jobs.raw_files.raw_format import RawFile, RawRows
from schemas.errors import InputError

ROWS_PER_BLOCK = 8192
BLOCK_BYTES = 8 << 20
READ_BYTES = 1 << 20
_LINE_BYTES = 64 << 20

Cut = Callable[[bytes, bool], tuple[list[bytes], bytes]]
"""From a block, and whether it is the last, to complete lines without their ends, and the rest that goes on."""


def text_lines(file: RawFile, cut: Cut, wanted: str, size: int = READ_BYTES) -> Iterator[list[bytes]]:
    """Yield the lines of a text file as they become complete; raises `InputError`, which says `wanted` of no text."""
    begun: list[bytes] = []  # of a line that goes on, put together once it ends
    waiting, read = 0, 0
    for data in read_text(file.path, size, file.stamp):
        read += len(data)
        if b"\n" in data:
            lines, rest = cut(b"".join([*begun, data]), False)
            yield lines
            begun, waiting = [rest], len(rest)
        else:
            begun.append(data)
            waiting += len(data)
        if waiting > _LINE_BYTES:
            raise InputError(
                f"{file.path}: a line of more than {_LINE_BYTES >> 20} MiB at byte {read - waiting:,}; {wanted}"
            )
    lines, _ = cut(b"".join(begun), True)
    yield lines


def row_blocks(file: RawFile, layout: Hashable, parts: Iterator[list[bytes]]) -> Iterator[RawRows]:
    """Yield the rows of a file, which come in parts of any size, as blocks of some thousand."""
    waiting: list[bytes] = []
    first_row = 0
    for part in parts:
        waiting += part
        size = len(waiting)
        while size >= ROWS_PER_BLOCK:
            yield RawRows(file, layout, first_row, waiting[:ROWS_PER_BLOCK])
            first_row += ROWS_PER_BLOCK
            waiting = waiting[ROWS_PER_BLOCK:]
            size -= ROWS_PER_BLOCK
        if sum(map(len, waiting)) > BLOCK_BYTES:
            yield RawRows(file, layout, first_row, waiting)
            first_row, waiting = first_row + size, []
    if waiting:
        yield RawRows(file, layout, first_row, waiting)
