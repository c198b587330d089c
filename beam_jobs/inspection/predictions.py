"""Predictions in files: the directory that `score_batch` wrote, or one of its files, Parquet or JSON lines."""

import collections
import functools
import itertools
import json
import math
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from beam_jobs.inspection.finding import counts_text, finite, of_kind, rejected_line, rejections_of, text_of
from beam_jobs.reports.terminal_text import shown
from schemas.artifacts import artifact
from schemas.errors import ArtifactError
from schemas.plain_files import open_plain

_BLOCK = 65_536


class _Row(msgspec.Struct):
    """What is read of every prediction."""

    bundle: str
    score: float | None = None
    scores: dict[str, float | None] | None = None
    label: int | str | None = None

    @property
    def leading(self) -> float:
        """The score, of several classes the highest one; NaN if it has none."""
        made = [self.score] if self.scores is None else self.scores.values()
        return max((one for one in made if one is not None), default=math.nan)


def look_at_directory(opened: artifact.Artifact, limit: int) -> dict[str, Any]:
    """Return what a directory of predictions holds; raises `ArtifactError` for files that are none."""
    named = opened.fact("predictions", list)
    files = []
    for entry in named:
        name = of_kind(entry, dict, opened.path, "predictions to name files").get("name")
        if not isinstance(name, str) or name not in opened.manifest["files"]:
            raise ArtifactError(f"{opened.path}: its manifest names a file of predictions that it does not list")
        files.append(opened.path / name)
    return {
        "bundle": opened.manifest["bundle"],
        "use_case": opened.manifest["use_case"],
        "rows": opened.fact("rows", dict),
        "rejections": rejections_of(opened.manifest, opened.path),
        "files": named,
        **_scores(files, limit),
    }


def look_at_file(path: pathlib.Path, limit: int) -> dict[str, Any]:
    """Return what one file of predictions holds."""
    return {"files": [{"name": path.name}], **_scores([path], limit)}


def is_predictions(path: pathlib.Path) -> bool:
    """Say whether a Parquet file has the columns of predictions."""
    names = parquet_columns(path)
    return {"id", "bundle"} <= set(names) and bool(_score_columns(names))


def parquet_columns(path: pathlib.Path) -> list[str]:
    """Return the names of a Parquet file's columns; raises `ArtifactError` if it is none."""
    try:
        return list(pa.parquet.read_schema(path).names)
    except (pa.ArrowException, OSError) as error:
        raise ArtifactError(f"{path}: not a Parquet file, or cut short ({_first(error)}); copy it again") from None


def text(found: Mapping[str, Any]) -> list[str]:
    """Return rows, bundle, scores and the first predictions for people."""
    lines = []
    if "rows" in found:
        lines.append(
            f"  rows: {counts_text(found['rows'])}; bundle {text_of(found['bundle'])}, {text_of(found['use_case'])}"
        )
        lines.append(rejected_line(found["rejections"]))
    else:
        lines.append(f"  rows: {found['scored']:,}; by bundle {counts_text(found['bundles'])}")
    if found["score"] is not None:
        numbers = ", ".join(f"{name} {value:.6g}" for name, value in found["score"].items())
        lines.append(f"  {_which(found)}: {numbers}")
    if found["labels"]:
        shares = (
            f"{shown(label)} {count:,} ({count / found['scored']:.1%})" for label, count in found["labels"].items()
        )
        lines.append(f"  label: {', '.join(shares)}")
    for number, prediction in enumerate(found["predictions"]):
        width = max(map(len, prediction), default=0)
        lines += [
            f"prediction {number}",
            *(f"  {shown(name):<{width}}  {_cell(part)}" for name, part in prediction.items()),
        ]
    return lines


def _which(found: Mapping[str, Any]) -> str:
    several = any("scores" in one or any(name.startswith("scores.") for name in one) for one in found["predictions"])
    return "highest score" if several else "score"


def _cell(value: Any) -> str:
    return f"{value:.9g}" if isinstance(value, float) else "-" if value is None else text_of(value)


def _scores(files: Sequence[pathlib.Path], limit: int) -> dict[str, Any]:
    scores: list[np.ndarray] = [np.empty(0, np.float32)]
    labels: _Counts = collections.Counter()
    bundles: _Counts = collections.Counter()
    first: list[dict[str, Any]] = []
    for path in files:
        blocks = _parquet_blocks(path) if path.suffix == ".parquet" else _line_blocks(path)
        for rows, made, label, bundle in blocks:
            scores.append(made[np.isfinite(made)])
            labels.update(label)
            bundles.update(bundle)
            first += itertools.islice(rows, max(limit - len(first), 0))
    whole = np.concatenate(scores)
    return {
        "scored": bundles.total(),
        "bundles": dict(sorted(bundles.items())),
        "score": _distribution(whole) if len(whole) else None,
        "labels": dict(sorted(labels.items())),
        "predictions": first,
    }


def _distribution(scores: np.ndarray) -> dict[str, float | None]:
    mean = scores.mean(dtype=np.float64)
    named = {"min": scores.min(), "median": np.median(scores), "max": scores.max(), "mean": mean}
    return {name: finite(float(value)) for name, value in named.items()}


_Counts = collections.Counter[str]
_Block = tuple[Iterator[dict[str, Any]], np.ndarray, _Counts, _Counts]  # as _parquet_blocks says


def _parquet_blocks(path: pathlib.Path) -> Iterator[_Block]:
    """Yield, block by block, rows of a Parquet file, scores float32 [rows], and how often each label and bundle is."""
    if not is_predictions(path):
        raise ArtifactError(f"{path}: no predictions in it; wanted the columns id, score or scores.CLASS, and bundle")
    with pa.parquet.ParquetFile(path) as file:
        scores = _score_columns(file.schema_arrow.names)
        names = [*scores, *(name for name in ("label", "bundle") if name in file.schema_arrow.names)]
        first = map(_readable, (row for batch in file.iter_batches(batch_size=100) for row in batch.to_pylist()))
        for batch in file.iter_batches(batch_size=_BLOCK, columns=names):
            label = _counted(batch.column("label")) if "label" in names else _Counts()
            yield (
                first,
                _highest([batch.column(name) for name in scores]),
                label,
                _counted(batch.column("bundle")),
            )


def _score_columns(names: Sequence[str]) -> list[str]:
    """Return the columns of scores: the one of a row, or those of the classes."""
    return ["score"] if "score" in names else [name for name in names if name.startswith("scores.")]


def _highest(columns: Sequence[pa.Array]) -> np.ndarray:
    values = [np.asarray(column.cast(pa.float32()).fill_null(np.nan)) for column in columns]
    return functools.reduce(np.fmax, values)


def _line_blocks(path: pathlib.Path) -> Iterator[_Block]:
    decode = msgspec.json.Decoder(_Row).decode
    number = 0
    with open_plain(path) as file:
        while lines := list(itertools.islice(file, _BLOCK)):
            rows = []
            for line in lines:
                number += 1
                try:
                    rows.append(decode(line))
                except (msgspec.MsgspecError, UnicodeDecodeError):
                    raise ArtifactError(
                        f"{path}: line {number} is no prediction; wanted JSON with score or scores, and bundle"
                    ) from None
            made = np.array([row.leading for row in rows], np.float32)
            labels = _Counts(str(row.label) for row in rows if row.label is not None)
            yield map(json.loads, lines), made, labels, _Counts(row.bundle for row in rows)


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    return {name: _plain(part) for name, part in row.items()}


def _plain(part: Any) -> Any:
    if isinstance(part, float):
        return finite(part)
    return part if isinstance(part, str | int | None) else str(part)


def _counted(column: pa.Array) -> _Counts:
    counts = pa.compute.value_counts(column.drop_null()).to_pylist()
    return _Counts({str(one["values"]): one["counts"] for one in counts})


def _first(error: BaseException) -> str:
    return str(error).partition("\n")[0][:80]
