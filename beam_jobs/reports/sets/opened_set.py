"""What a page needs of a training set: its facts, statistics by split, anomalies, rejected rows, times and roles."""

import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from beam_jobs.inspection import statistics
from beam_jobs.reports.sets.shares import Statistics
from beam_jobs.reports.terminal_text import shown
from beam_jobs.sets.anomaly_files import ANOMALIES, read_anomalies
from schemas.artifacts import artifact
from schemas.errors import ArtifactError, InputError
from schemas.plain_files import read_plain
from schemas.schema import Schema
from schemas.sets.anomaly import ERROR, WARNING

_LARGEST = 64 * 1024 * 1024


@dataclasses.dataclass(frozen=True)
class OpenedSet:
    """A completed set of rows: a training set, or another artifact with statistics by split."""

    path: pathlib.Path
    manifest: Mapping[str, Any]
    splits: Mapping[str, Mapping[str, Any]]
    anomalies: Mapping[str, Any]
    schema: Schema

    @classmethod
    def open(cls, path: str | pathlib.Path) -> "OpenedSet":
        """Open a directory; raises `ArtifactError` for one that is not complete or has no statistics."""
        if not pathlib.Path(path).is_dir():
            raise InputError(f"{path}: no such directory, wanted a training set")
        if not (pathlib.Path(path) / artifact.MANIFEST).is_file():
            raise ArtifactError(f"{path}: no {artifact.MANIFEST} in it, wanted a training set")
        opened = artifact.open_artifact(path, str(artifact.kind_of(pathlib.Path(path))))
        folder = opened.path / "statistics"
        splits = statistics.look(folder)["splits"] if folder.is_dir() else {}
        if not splits:
            kind = opened.manifest.get("kind", "directory")
            raise ArtifactError(f"{path}: a {kind} without statistics by split, wanted a training set")
        return cls(opened.path, opened.manifest, splits, _json(opened.path / ANOMALIES), _schema(opened.path))

    @property
    def name(self) -> str:
        """The name of its directory."""
        return self.path.resolve().name

    @property
    def findings(self) -> list[tuple[str, str]]:
        """Severity and text of every anomaly; raises `ArtifactError` if they are written as none of ours."""
        found = read_anomalies(self.anomalies, self.path / ANOMALIES)
        return [(WARNING if one.severity == WARNING else ERROR, shown(str(one))) for one in found]

    @property
    def rows(self) -> Mapping[str, int]:
        """The counts of the manifest: read, per split, rejected."""
        rows = self.manifest.get("rows", {})
        return {name: count for name, count in rows.items() if type(count) is int} if isinstance(rows, dict) else {}

    @property
    def label_means(self) -> Mapping[str, float]:
        """The mean of the label per split, of a task that has one."""
        means = self.manifest.get("label_mean", {})
        return {name: mean for name, mean in means.items() if isinstance(mean, int | float)}

    @property
    def rejections(self) -> Sequence[Mapping[str, Any]]:
        """Rows rejected by reason and field."""
        found = self.manifest.get("rejections", [])
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []

    @property
    def columns(self) -> list[str]:
        """The names of the columns, as they stand in the statistics."""
        names = [feature["name"] for split in self.splits.values() for feature in split["features"]]
        return list(dict.fromkeys(names))

    def column(self, name: str) -> dict[str, Statistics]:
        """Return the statistics of a column by split."""
        return {
            split: feature
            for split, found in self.splits.items()
            for feature in found["features"]
            if feature["name"] == name
        }

    def slices(self) -> dict[str, dict[str, dict[str, int]]]:
        """Return the rows of every slice: column, value, split."""
        columns = sorted(map(str, self.manifest.get("slices", [])), key=len, reverse=True)
        found: dict[str, dict[str, dict[str, int]]] = {}
        for split, statistics_of in self.splits.items():
            for one in statistics_of.get("slices", []):
                column = next((name for name in columns if one["name"].startswith(f"{name}_")), None)
                if column is not None:
                    value = one["name"].removeprefix(f"{column}_")
                    found.setdefault(column, {}).setdefault(value, {})[split] = one["rows"]
        return found


def _json(path: pathlib.Path) -> dict[str, Any]:
    try:
        value = json.loads(read_plain(path, _LARGEST))
    except FileNotFoundError:
        return {}
    except ValueError:
        raise ArtifactError(f"{path}: not JSON; copy the directory again") from None
    return value if isinstance(value, dict) else {}


def _schema(path: pathlib.Path) -> Schema:
    return Schema.load(path / "schema.pbtxt")
