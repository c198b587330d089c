"""Rows that are bytes, put together into blocks of bounded size."""

from collections.abc import Hashable, Iterator

from beam_jobs.raw_files.raw_format import RawFile, RawRows

ROWS_PER_BLOCK = 8192
BLOCK_BYTES = 8 << 20


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
