"""Statistics of raw columns: one `<split>.pb` each, or a folder of them. Personal columns show counts and no values."""

import pathlib
from collections.abc import Mapping
from typing import Any

from google.protobuf.message import DecodeError
from tensorflow_metadata.proto.v0 import statistics_pb2

from beam_jobs.inspection.finding import finite
from beam_jobs.reports.terminal_text import shown
from beam_jobs.reports.text_table import number, table
from schemas.errors import ArtifactError, InputError
from schemas.plain_files import read_plain

SUFFIX = ".pb"
_LARGEST = 256 * 1024 * 1024
_NUMBERS = ("INT", "FLOAT")
_ORDER = ("train", "eval", "test")
_NUMBER_HEAD = ("number", "count", "missing", "mean", "std", "min", "median", "max", "zeros")
_TEXT_HEAD = ("text", "count", "missing", "distinct", "length", "most frequent")


def look(path: pathlib.Path) -> dict[str, Any]:
    """Return the statistics in a file, or of every split in a folder, by split; raises `ArtifactError` for others."""
    files = [path] if path.is_file() else sorted(path.glob(f"*{SUFFIX}"), key=_order)
    hidden = _personal(files[0].parent) if files else frozenset()
    return {"splits": {file.stem: _split(file, hidden) for file in files}}


def text(splits: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a table for the numbers and one for the strings of each split."""
    lines: list[str] = []
    for name, split in splits.items():
        lines += ["", f"{shown(name)}: {split['rows']:,} rows"]
        numbers = [_number_row(one) for one in split["features"] if one["type"] in _NUMBERS]
        texts = [_text_row(one) for one in split["features"] if one["type"] not in _NUMBERS]
        lines += [f"  {line}" for line in table(_NUMBER_HEAD, numbers)] if numbers else []
        lines += [f"  {line}" for line in table(_TEXT_HEAD, texts, texts=[5])] if texts else []
        personal = [shown(one["name"]) for one in split["features"] if one["personal"]]
        lines += [f"  personal, so without values: {', '.join(personal)}"] if personal else []
    return lines[1:]


def _order(path: pathlib.Path) -> tuple[int, str]:
    return _ORDER.index(path.stem) if path.stem in _ORDER else len(_ORDER), path.stem


def _personal(folder: pathlib.Path) -> frozenset[str]:
    """Return the personal columns by the schema that lies beside the folder of an artifact, if one does."""
    from schemas.schema import Schema  # Arrow, which nothing else here needs

    try:
        schema = Schema.load(folder.resolve().parent / "schema.pbtxt")
    except (ArtifactError, InputError, OSError):
        return frozenset()
    return frozenset(column.name for column in schema.with_role("personal"))


def _split(path: pathlib.Path, hidden: frozenset[str]) -> dict[str, Any]:
    try:
        listed = statistics_pb2.DatasetFeatureStatisticsList.FromString(read_plain(path, _LARGEST))
    except DecodeError:
        listed = statistics_pb2.DatasetFeatureStatisticsList()
    if not listed.datasets:
        raise ArtifactError(f"{path}: no statistics; wanted a DatasetFeatureStatisticsList of tensorflow_metadata")
    dataset = listed.datasets[0]
    return {"rows": dataset.num_examples, "features": [_feature(one, hidden) for one in dataset.features]}


def _feature(feature: statistics_pb2.FeatureNameStatistics, hidden: frozenset[str]) -> dict[str, Any]:
    name = "/".join(feature.path.step) if feature.HasField("path") else feature.name
    which = feature.WhichOneof("stats")
    found: dict[str, Any] = {"name": name, "type": statistics_pb2.FeatureNameStatistics.Type.Name(feature.type)}
    if which not in ("num_stats", "string_stats"):
        return {**found, "count": None, "missing": None, "personal": name in hidden}
    stats = getattr(feature, which)
    common = stats.common_stats
    kept = stats.histograms if which == "num_stats" else stats.top_values
    personal = name in hidden or (common.num_non_missing > 0 and not kept)  # a build keeps no values of these
    found |= {"count": common.num_non_missing, "missing": common.num_missing, "personal": personal}
    if which == "string_stats":
        found |= {"distinct": stats.unique, "average_length": finite(stats.avg_length)}
        return found if personal else {**found, **_values(stats)}
    return found if personal or not common.num_non_missing else {**found, **_numbers(stats)}


def _numbers(stats: statistics_pb2.NumericStatistics) -> dict[str, Any]:
    names = {"mean": "mean", "std": "std_dev", "min": "min", "median": "median", "max": "max"}
    found: dict[str, Any] = {name: finite(getattr(stats, field)) for name, field in names.items()}
    found["zeros"] = stats.num_zeros
    for histogram in stats.histograms:
        kind = statistics_pb2.Histogram.HistogramType.Name(histogram.type).lower()
        buckets = [
            (finite(one.low_value), finite(one.high_value), finite(one.sample_count)) for one in histogram.buckets
        ]
        found["quantiles" if kind == "quantiles" else "histogram"] = [
            {"from": low, "to": high, "count": count} for low, high, count in buckets
        ]
    return found


def _values(stats: statistics_pb2.StringStatistics) -> dict[str, Any]:
    found: dict[str, Any] = {
        "top_values": [{"value": one.value, "count": finite(one.frequency)} for one in stats.top_values]
    }
    if ranked := stats.rank_histogram.buckets:
        found["ranks"] = [{"value": one.label, "count": finite(one.sample_count)} for one in ranked]
    return found


def _number_row(feature: Mapping[str, Any]) -> list[str]:
    cells = [number(feature.get(name), digits=4) for name in ("mean", "std", "min", "median", "max", "zeros")]
    return [shown(feature["name"]), _count(feature["count"]), _count(feature["missing"]), *cells]


def _text_row(feature: Mapping[str, Any]) -> list[str]:
    count, top = feature["count"] or 0, feature.get("top_values", [])
    frequent = [f"{shown(one['value'])} {one['count'] / count:.0%}" for one in top[:3] if count and one["count"]]
    length = feature.get("average_length")
    return [
        shown(feature["name"]),
        _count(feature["count"]),
        _count(feature["missing"]),
        _count(feature.get("distinct")),
        "-" if length is None else f"{length:.1f}",
        ", ".join(frequent) or "-",
    ]


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"
