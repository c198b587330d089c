"""Rejected rows of files, as JSON lines: where each stood, why it was rejected, and its bytes as they came."""

import base64
import collections
import json
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

from beam_jobs.raw_files.formats import originals
from beam_jobs.raw_files.raw_format import RawRows
from schemas.rejection import Rejection, Stage, pointer
from schemas.rejection_counts import field_of


def rejected_line(file: str, first_row: int, rejection: Rejection, value: bytes | None) -> bytes:
    r"""Return one line; the bytes are `value` if they are UTF-8, else `value_base64`, and null if they were not kept.

    >>> from schemas.rejection import Reason, Stage
    >>> rejected_line("a.csv", 8192, Rejection(3, Stage.VALIDATE, Reason.RANGE, "/fare"), b"-1,x")
    b'{"file": "a.csv", "row": 8195, "reason": "RANGE", "stage": "validate", "path": "/fare", "value": "-1,x"}\n'
    """
    entry: dict[str, Any] = {
        "file": file,
        "row": first_row + rejection.row,
        "reason": rejection.reason.value,
        "stage": rejection.stage.value,
        "path": rejection.path,
    }
    try:
        entry["value"] = None if value is None else value.decode("utf-8")
    except UnicodeDecodeError:
        entry["value_base64"] = base64.b64encode(value or b"").decode()
    return json.dumps(entry, ensure_ascii=False).encode() + b"\n"


def with_originals(rows: RawRows, rejections: Sequence[Rejection]) -> list[tuple[Rejection, bytes]]:
    """Return the rejections of a block's rows, each with its row's bytes."""
    values = originals(rows, [rejection.row for rejection in rejections])
    return list(zip(rejections, values.to_pylist(), strict=True))


class RejectedWriter:
    """Writes rejected rows to one local file, if there is one, and counts them by reason and field.

    A line has the path as it is; `columns`, those of the raw rows, are the only ones of them that are counted by name.
    """

    def __init__(self, path: pathlib.Path | None, columns: Iterable[str]):
        self._path = path
        self._known = frozenset(map(pointer, columns))
        self.counts: collections.Counter[tuple[str, str]] = collections.Counter()
        if path is not None:
            path.write_bytes(b"")

    @property
    def path(self) -> pathlib.Path:
        """The file; there must be one."""
        if self._path is None:
            raise ValueError("these rejected rows are counted only")
        return self._path

    def write(self, file: str, first_row: int, rejected: Sequence[tuple[Rejection, bytes | None]]) -> None:
        """Append the rejected rows of one block."""
        if rejected:
            if self._path is not None:
                with self._path.open("ab") as lines:  # no file is open between blocks, should the job end there
                    lines.writelines(rejected_line(file, first_row, *pair) for pair in rejected)
            self.counts.update((rejection.reason.value, self._field(rejection)) for rejection, _ in rejected)

    def _field(self, rejection: Rejection) -> str:
        raw = rejection.stage in (Stage.DECODE, Stage.VALIDATE)  # behind them paths are those of a graph's features
        return field_of(rejection.path, self._known) if raw else rejection.path
