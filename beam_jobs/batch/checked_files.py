"""Raw files against a schema, without Beam and without writing a training set: what `validate` does in this process.

Blocks are read one after the other in this process; what is kept of them is as large as the statistics, whatever the
files are.
"""

import contextlib
import dataclasses
import pathlib
import secrets
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from tensorflow_metadata.proto.v0 import statistics_pb2

from beam_jobs.batch.rejected_rows import RejectedWriter, with_originals
from beam_jobs.cli import progress
from beam_jobs.raw_files.intake import taken_in
from beam_jobs.raw_files.raw_format import RawFile
from beam_jobs.sets.anomaly_files import write_anomalies
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.artifacts.making import making
from schemas.personal.keys import PersonalKey
from schemas.personal.treatments import Treatments
from schemas.rejection_counts import Counts, rejections
from schemas.schema import Schema
from schemas.sets.anomaly import Anomaly
from schemas.sets.id_anomalies import id_anomalies
from schemas.sets.id_counts import IdCounts
from schemas.sets.set_checks import of_limits
from schemas.statistics.columns import ColumnStatistics
from transforms.intake.split import id_hashes

STATISTICS, NAME = "statistics", "data"
REJECTED = "rejected-00000-of-00001.jsonl"


class SeenRows:
    """What is kept of the rows that were seen so far; merged in any order, it is the same."""

    def __init__(self, schema: Schema):
        self._schema = schema
        self._statistics, self._ids = ColumnStatistics(schema), IdCounts()

    def add(self, batch: pa.RecordBatch) -> None:
        """Take in the rows of a block that were not rejected."""
        self._statistics.add(batch)
        self._ids.add(id_hashes(batch, self._schema), np.zeros(batch.num_rows, np.uint8))

    def merge(self, other: "SeenRows") -> None:
        """Take in what another has seen."""
        self._statistics.merge(other._statistics)
        self._ids.merge(other._ids)

    def statistics(self) -> statistics_pb2.DatasetFeatureStatisticsList:
        """Return the statistics of the columns."""
        return self._statistics.to_proto(NAME)

    def anomalies(self) -> list[Anomaly]:
        """Return what of the schema the rows break as a set."""
        return [*of_limits(self._statistics, self._schema), *id_anomalies(self._ids, self._schema)]


@dataclasses.dataclass
class CheckedRows:
    """What was seen of all rows: their statistics and anomalies, how many were read, and rejected for what."""

    statistics: statistics_pb2.DatasetFeatureStatisticsList
    found: list[Anomaly]
    rejected_counts: Counts
    rows_read: int

    @property
    def rows(self) -> dict[str, int]:
        """How many were read, how many of them a training set could have, how many it could not."""
        rejected = sum(self.rejected_counts.values())
        return {"read": self.rows_read, "kept": self.rows_read - rejected, "rejected": rejected}


def passing_treatments(schema: Schema) -> Treatments:
    """Return a schema's treatments, hashes by a key of this moment: of those no statistic has a value anyway."""
    return Treatments.of(schema, PersonalKey.of(secrets.token_bytes(32).hex().encode(), "a random number"))


@contextlib.contextmanager
def findings_folder(output: str | None) -> Iterator[pathlib.Path | None]:
    """Make the directory for what was found, if one is wanted; if the block raises, nothing of it is left."""
    if output is None:
        yield None
        return
    with making(output, ArtifactKind.VALIDATION) as path:
        yield path


def check_rows(files: Sequence[RawFile], treatments: Treatments, folder: pathlib.Path | None) -> CheckedRows:
    """Take in every row; the rejected ones are written into `folder`, if there is one, and counted anyway."""
    seen = SeenRows(treatments.schema)
    writer = RejectedWriter(folder / REJECTED if folder else None, treatments.raw.names)
    rows_read = 0
    for rows, intake in taken_in(files, treatments.raw, treatments):
        writer.write(rows.file.name, rows.first_row, with_originals(rows, intake.rejections))
        seen.add(intake.batch)
        rows_read += len(rows)
        progress.advance(len(rows))
    return CheckedRows(seen.statistics(), seen.anomalies(), writer.counts, rows_read)


def write_findings(folder: pathlib.Path, checked: CheckedRows, schema: Schema, found: Sequence[Anomaly]) -> None:
    """Complete the directory: statistics and anomalies beside the rejected rows, then manifest and marker."""
    facts = write_beside(folder, checked, schema, found)
    artifact.complete(folder, ArtifactKind.VALIDATION, {**facts, "rejections": rejections(checked.rejected_counts)})


def write_beside(
    folder: pathlib.Path, checked: CheckedRows, schema: Schema, found: Sequence[Anomaly]
) -> dict[str, Any]:
    """Write statistics and anomalies; return what the manifest says of the rows."""
    (folder / STATISTICS).mkdir()
    data = checked.statistics.SerializeToString(deterministic=True)
    (folder / STATISTICS / f"{NAME}.pb").write_bytes(data)
    (folder / "schema.pbtxt").write_text(schema.text())
    write_anomalies(folder, found, schema, {"rejections": rejections(checked.rejected_counts)})
    return {"rows": checked.rows, "schema_fingerprint": schema.fingerprint}
