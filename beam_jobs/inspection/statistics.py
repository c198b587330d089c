"""Statistics of raw columns: one `<split>.pb` each, or a folder of them. Personal columns show counts and no values.

A file has a dataset of all rows and may have one per slice behind it. Statistics that other tools wrote are read too.
"""

import json
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
_VALUES = "values"  # the custom statistic of schemas.statistics.protos, whose import would need NumPy
_LARGEST = 256 * 1024 * 1024
_NUMBERS = ("INT", "FLOAT")
_ORDER = ("train", "eval", "test")
_NUMBER_HEAD = ("number", "count", "missing", "mean", "std", "min", "median", "max", "zeros")
_LIST_HEAD = ("several values", "values", "average", "min", "max")
_SLICES = 5
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
        lists = [_list_row(one) for one in split["features"] if "lists" in one]
        lines += [f"  {line}" for line in table(_LIST_HEAD, lists)] if lists else []
        if "weight" in split:
            lines.append(f"  weight of all rows: {number(split['weight'], digits=6)}")
        if slices := split.get("slices"):
            largest = sorted(slices, key=lambda one: -one["rows"])[:_SLICES]
            named = ", ".join(f"{shown(one['name'])} {one['rows']:,}" for one in largest)
            lines.append(f"  slices: {len(slices)}, the largest {named}")
    return lines[1:]


def _order(path: pathlib.Path) -> tuple[int, str]:
    return _ORDER.index(path.stem) if path.stem in _ORDER else len(_ORDER), path.stem


def _personal(folder: pathlib.Path) -> frozenset[str]:
    """Return the personal columns by the schema that lies beside the folder of an artifact, if one does."""
    from schemas.personal.treatments import Treatments  # Arrow, which nothing else here needs
    from schemas.schema import Schema

    artifact = folder.resolve().parent
    try:
        schema = Schema.load(artifact / "schema.pbtxt")
    except (ArtifactError, InputError, OSError):
        return frozenset()
    try:
        manifest = json.loads(read_plain(artifact / "manifest.json", _LARGEST))
        left = Treatments.of_manifest(schema, manifest, str(artifact)).schema
    except (ArtifactError, OSError, ValueError, AttributeError):
        left = schema
    return frozenset(column.name for column in left.with_role("personal"))


def _split(path: pathlib.Path, hidden: frozenset[str]) -> dict[str, Any]:
    try:
        listed = statistics_pb2.DatasetFeatureStatisticsList.FromString(read_plain(path, _LARGEST))
    except DecodeError:
        listed = statistics_pb2.DatasetFeatureStatisticsList()
    if not listed.datasets:
        raise ArtifactError(f"{path}: no statistics; wanted a DatasetFeatureStatisticsList of tensorflow_metadata")
    dataset, *slices = listed.datasets
    found: dict[str, Any] = {"rows": dataset.num_examples}
    if dataset.weighted_num_examples:
        found["weight"] = finite(dataset.weighted_num_examples)
    found["features"] = [_feature(one, hidden) for one in dataset.features]
    if slices:
        found["slices"] = [{"name": one.name, "rows": one.num_examples} for one in slices]
    return found


def _feature(feature: statistics_pb2.FeatureNameStatistics, hidden: frozenset[str]) -> dict[str, Any]:
    name = "/".join(feature.path.step) if feature.HasField("path") else feature.name
    which = feature.WhichOneof("stats")
    found: dict[str, Any] = {"name": name, "type": statistics_pb2.FeatureNameStatistics.Type.Name(feature.type)}
    if which not in ("num_stats", "string_stats"):
        return {**found, "count": None, "missing": None, "personal": name in hidden}
    stats = getattr(feature, which)
    common = stats.common_stats
    kept = stats.histograms if which == "num_stats" else stats.top_values
    personal = name in hidden or (common.tot_num_values > 0 and not kept)  # a build keeps no values of these
    found |= {"count": common.num_non_missing, "missing": common.num_missing, "personal": personal}
    if common.max_num_values > 1:
        found["lists"] = _lists(common)
    if common.HasField("weighted_common_stats"):
        found["weighted"] = _weighted(stats, personal)
    if which == "string_stats":
        found |= {"distinct": stats.unique, "average_length": finite(stats.avg_length)}
        return found if personal else {**found, **_values(stats)}
    if personal or not common.num_non_missing:
        return found
    return {**found, **_numbers(stats), **_fine(feature)}


def _lists(common: statistics_pb2.CommonStatistics) -> dict[str, Any]:
    """Return how many values the rows of a column have that may have several."""
    found: dict[str, Any] = {"values": common.tot_num_values, "average": finite(common.avg_num_values)}
    found |= {"min": common.min_num_values, "max": common.max_num_values}
    if common.num_values_histogram.buckets:
        found["lengths"] = _buckets(common.num_values_histogram)
    return found


def _weighted(stats: Any, personal: bool) -> dict[str, Any]:
    common = stats.common_stats.weighted_common_stats
    found: dict[str, Any] = {"count": finite(common.num_non_missing), "missing": finite(common.num_missing)}
    if personal:
        return found
    if isinstance(stats, statistics_pb2.NumericStatistics) and stats.HasField("weighted_numeric_stats"):
        numbers = stats.weighted_numeric_stats
        names = {"mean": "mean", "std": "std_dev", "median": "median"}
        found |= {name: finite(getattr(numbers, field)) for name, field in names.items()}
    if isinstance(stats, statistics_pb2.StringStatistics) and stats.HasField("weighted_string_stats"):
        found |= _top_values(stats.weighted_string_stats)
    return found


def _numbers(stats: statistics_pb2.NumericStatistics) -> dict[str, Any]:
    names = {"mean": "mean", "std": "std_dev", "min": "min", "median": "median", "max": "max"}
    found: dict[str, Any] = {name: finite(getattr(stats, field)) for name, field in names.items()}
    found["zeros"] = stats.num_zeros
    for histogram in stats.histograms:
        kind = statistics_pb2.Histogram.HistogramType.Name(histogram.type).lower()
        found["quantiles" if kind == "quantiles" else "histogram"] = _buckets(histogram)
    return found


def _fine(feature: statistics_pb2.FeatureNameStatistics) -> dict[str, Any]:
    histogram = next((one.histogram for one in feature.custom_stats if one.name == _VALUES), None)
    return {} if histogram is None else {_VALUES: _buckets(histogram)}


def _buckets(histogram: statistics_pb2.Histogram) -> list[dict[str, Any]]:
    return [
        {"from": finite(one.low_value), "to": finite(one.high_value), "count": finite(one.sample_count)}
        for one in histogram.buckets
    ]


def _values(stats: statistics_pb2.StringStatistics) -> dict[str, Any]:
    found = _top_values(stats)
    if ranked := stats.rank_histogram.buckets:
        found["ranks"] = [{"value": one.label, "count": finite(one.sample_count)} for one in ranked]
    return found


def _top_values(stats: Any) -> dict[str, Any]:
    return {"top_values": [{"value": one.value, "count": finite(one.frequency)} for one in stats.top_values]}


def _number_row(feature: Mapping[str, Any]) -> list[str]:
    cells = [number(feature.get(name), digits=4) for name in ("mean", "std", "min", "median", "max", "zeros")]
    return [shown(feature["name"]), _count(feature["count"]), _count(feature["missing"]), *cells]


def _list_row(feature: Mapping[str, Any]) -> list[str]:
    lists = feature["lists"]
    average = number(lists["average"], digits=4)
    return [shown(feature["name"]), _count(lists["values"]), average, _count(lists["min"]), _count(lists["max"])]


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
