"""Files that bundles write under temporary names, and the one step at the end that gives them their names.

Nothing of a row's size leaves the step that writes: what goes on is one small `Written` per bundle, kept as JSON for
the driver.
"""

import collections
import dataclasses
import json
import math
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from beam_jobs.stored import files as stored
from beam_jobs.stored.outgoing import Sent

REJECTED = "rejected"

Position = tuple[int, int]
Counts = collections.Counter[tuple[str, str]]


@dataclasses.dataclass(frozen=True)
class UnnamedFile:
    """A finished file that has its temporary name; `start` (file, row) puts the files of a kind in order.

    `sent` tells the content of one that was sent to an address.
    """

    path: str
    start: Position
    rows: int
    sent: Sent | None = None


@dataclasses.dataclass(frozen=True)
class Written:
    """What one bundle wrote, or all together: files by kind, and counts for the manifest.

    `rejected_counts` is by reason and path; `split_rows` and `label_sums` are by split; `wrong_labels` is by kind,
    `first_wrong_label` says where the first of them is (file, row) and in which file; `class_rows` are the rows of each
    class by split, if the label numbers classes; `left_out` counts by cause the rows that are in no split.
    """

    files: dict[str, list[UnnamedFile]]
    rows_read: int = 0
    split_rows: dict[str, int] = dataclasses.field(default_factory=dict)
    label_sums: dict[str, float] = dataclasses.field(default_factory=dict)
    rejected_counts: Counts = dataclasses.field(default_factory=collections.Counter)
    wrong_labels: dict[str, int] = dataclasses.field(default_factory=dict)
    first_wrong_label: tuple[Position, str] | None = None
    class_rows: dict[str, list[int]] = dataclasses.field(default_factory=dict)
    left_out: dict[str, int] = dataclasses.field(default_factory=dict)

    def rows(self, kind: str) -> int:
        """Return the rows in the files of a kind."""
        return sum(file.rows for file in self.files.get(kind, []))


@dataclasses.dataclass
class SaveWritten(beam.PTransform):
    """From the bundles' `Written` to one JSON file that `load_written` reads when the pipeline has ended."""

    path: str

    def expand(self, bundles: beam.PCollection[Written]) -> beam.PCollection[None]:
        return bundles | "Gather" >> beam.combiners.ToList() | "Save" >> beam.Map(_save, self.path)


def at_bundle_end(element: Any) -> Iterator[WindowedValue]:
    """Yield an element as a `finish_bundle` must give it out."""
    yield WindowedValue(element, GlobalWindow().max_timestamp(), (GlobalWindow(),))


def load_written(path: str | pathlib.Path) -> Written:
    """Return what all bundles wrote together, files in the order of the rows in them."""
    files: dict[str, list[UnnamedFile]] = {}
    split_rows: collections.Counter[str] = collections.Counter()
    label_sums: dict[str, list[float]] = {}
    class_rows: dict[str, list[int]] = {}
    counts: Counts = collections.Counter()
    wrong_labels: collections.Counter[str] = collections.Counter()
    first_wrong: list[tuple[Position, str]] = []
    left_out: collections.Counter[str] = collections.Counter()
    rows_read = 0
    for bundle in json.loads(stored.read(str(path))):
        rows_read += bundle["rows_read"]
        for kind, entries in bundle["files"].items():
            files.setdefault(kind, []).extend(map(_unnamed, entries))
        for split, rows in bundle["split_rows"].items():
            split_rows[split] += rows
            label_sums.setdefault(split, []).append(bundle["label_sums"][split])
        for split, more in bundle.get("class_rows", {}).items():
            class_rows[split] = [sum(pair) for pair in zip(class_rows.get(split, [0] * len(more)), more, strict=True)]
        counts.update({(reason, field): rows for reason, field, rows in bundle["rejected_counts"]})
        wrong_labels.update(bundle["wrong_labels"])
        left_out.update(bundle["left_out"])
        if bundle["first_wrong_label"]:
            position, name = bundle["first_wrong_label"]
            first_wrong.append((tuple(position), name))
    ordered = {kind: sorted(unnamed, key=lambda file: file.start) for kind, unnamed in files.items()}
    first = min(first_wrong, default=None)
    return Written(
        ordered,
        rows_read,
        dict(split_rows),
        {split: math.fsum(sums) for split, sums in label_sums.items()},  # the same in any order
        counts,
        dict(wrong_labels),
        first,
        class_rows,
        dict(left_out),
    )


def name_all(folder: str, name: str, suffix: str, files: Sequence[UnnamedFile]) -> list[dict[str, Any]]:
    """Move finished files to `<name>-00000-of-00003.<suffix>` in a folder; return what a manifest says of them."""
    named = []
    for number, file in enumerate(files):
        target = f"{name}-{number:05}-of-{len(files):05}.{suffix}"
        stored.move(file.path, f"{folder}/{target}")
        named.append({"name": target, "rows": file.rows})
    return named


def _unnamed(entry: Mapping[str, Any]) -> UnnamedFile:
    sent = None if entry.get("sent") is None else tuple(entry["sent"])
    return UnnamedFile(entry["path"], tuple(entry["start"]), entry["rows"], sent)


def _save(bundles: Sequence[Written], path: str) -> None:
    facts = [
        {
            **dataclasses.asdict(bundle),
            "rejected_counts": [[*key, rows] for key, rows in bundle.rejected_counts.items()],
        }
        for bundle in bundles
    ]
    stored.write(path, json.dumps(facts).encode())
