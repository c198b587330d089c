"""Where CSV records begin and end: lines cut from a block of bytes, with regard to quotes.

A line break inside a quoted cell does not end a record. A stray quote does not swallow the lines after it: lines are
joined only when together they are a well-formed record, else the first of them stands alone, to be rejected alone.
"""

import functools
import re
from collections.abc import Sequence

import numpy as np

from transforms.decode.csv_dialect import COMMON, CsvDialect

_QUOTED_RECORD_BYTES = 1 << 16


@functools.cache
def _record(dialect: CsvDialect) -> re.Pattern[bytes]:
    """Cells as RFC 4180 has them: quoted with doubled quotes inside, or without any quote or line break."""
    separator, quote = re.escape(dialect.separator.encode()), re.escape((dialect.quote or "").encode())
    cell = rb"[^" + quote + separator + rb"\r\n]*+"
    if quote:
        cell = rb"(?:%b(?:[^%b]++|%b%b)*+%b|%b)" % (quote, quote, quote, quote, quote, cell)
    return re.compile(cell + rb"(?:" + separator + cell + rb")*+")


def is_well_formed(line: bytes, dialect: CsvDialect = COMMON) -> bool:
    """Return whether the bytes are one record, quotes and line breaks where they may be.

    >>> is_well_formed(b'1,"a,b",'), is_well_formed(b'1,a"b')
    (True, False)
    """
    return _record(dialect).fullmatch(line) is not None


def split_lines(block: bytes, final: bool = False, dialect: CsvDialect = COMMON) -> tuple[list[bytes], bytes]:
    r"""Cut a block into complete records, without their line ends, and the rest that the next block goes on with.

    With `final` there is no next block: the rest is the last record, if it is not empty.

    >>> split_lines(b'1,a\r\n2,"b\nc"\n3,"d\n')
    ([b'1,a', b'2,"b\nc"'], b'3,"d\n')
    """
    quote = (dialect.quote or "").encode()
    if not quote or quote not in block:
        lines = block.split(b"\n")
        rest = lines.pop()
    else:
        lines, rest = _split_quoted(block, final, dialect)
    if final and rest:
        lines.append(rest)
        rest = b""
    return [line[:-1] if line.endswith(b"\r") else line for line in lines] if b"\r" in block else lines, rest


def _split_quoted(block: bytes, final: bool, dialect: CsvDialect) -> tuple[list[bytes], bytes]:
    data = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(data == ord("\n"))
    quotes = np.searchsorted(np.flatnonzero(data == ord(dialect.quote or "\0")), ends)
    odd = np.flatnonzero(np.diff(quotes, prepend=0) & 1)
    starts = np.concatenate([[0], ends + 1])
    if not len(odd):
        lines, begin = _cut(block, starts[:-1], ends), int(starts[-1])
        return (lines, block[begin:])
    lines, line, at = [], 0, 0
    while at < len(odd):
        first = int(odd[at])
        lines += _cut(block, starts[line:first], ends[line:first])
        last = int(odd[at + 1]) if at + 1 < len(odd) else None
        begin = int(starts[first])
        if last is None and not final and len(block) - begin < _QUOTED_RECORD_BYTES:
            return lines, block[begin:]
        if last is not None and _joins(block[begin : int(ends[last])], dialect):
            lines.append(block[begin : int(ends[last])])
            line, at = last + 1, at + 2
        else:
            lines.append(block[begin : int(ends[first])])
            line, at = first + 1, at + 1
    lines += _cut(block, starts[line:-1], ends[line:])
    return lines, block[int(starts[-1]) :]


def _joins(record: bytes, dialect: CsvDialect) -> bool:
    return len(record) < _QUOTED_RECORD_BYTES and is_well_formed(record.removesuffix(b"\r"), dialect)


def _cut(block: bytes, starts: Sequence[int] | np.ndarray, ends: Sequence[int] | np.ndarray) -> list[bytes]:
    return [block[start:end] for start, end in zip(np.asarray(starts).tolist(), np.asarray(ends).tolist(), strict=True)]
