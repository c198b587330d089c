"""Raw files against a schema, without Beam and without writing a training set: what `validate` does.

Blocks are read one after the other in this process; what is kept of them is as large as the statistics, whatever the
files are.
"""

import contextlib
import dataclasses
import pathlib
import secrets
from collections.abc import Iterator, Sequence

import numpy as np

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
from schemas.sets.id_counts import IdCounts
from schemas.statistics.columns import ColumnStatistics
from transforms.intake.split import id_hashes

STATISTICS, NAME = "statistics", "data"
REJECTED = "rejected-00000-of-00001.jsonl"


@dataclasses.dataclass
class CheckedRows:
    """What was seen of all rows: how many were read and kept, rejections by reason and field, statistics, ids."""

    statistics: ColumnStatistics
    ids: IdCounts
    rejected_counts: Counts
    rows_read: int = 0

    @property
    def rows_kept(self) -> int:
        """How many rows a training set could have."""
        return self.statistics.rows

    @property
    def rows_rejected(self) -> int:
        """How many it could not."""
        return sum(self.rejected_counts.values())


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
    schema = treatments.schema
    statistics = ColumnStatistics(schema)
    writer = RejectedWriter(folder / REJECTED if folder else None, treatments.raw.names)
    checked = CheckedRows(statistics, IdCounts(), writer.counts)
    for rows, intake in taken_in(files, treatments.raw, treatments):
        writer.write(rows.file.name, rows.first_row, with_originals(rows, intake.rejections))
        statistics.add(intake.batch)
        checked.ids.add(id_hashes(intake.batch, schema), np.zeros(intake.batch.num_rows, np.uint8))
        checked.rows_read += len(rows)
        progress.advance(len(rows))
    return checked


def write_findings(folder: pathlib.Path, checked: CheckedRows, schema: Schema, found: Sequence[Anomaly]) -> None:
    """Complete the directory: statistics and anomalies beside the rejected rows, then manifest and marker."""
    (folder / STATISTICS).mkdir()
    data = checked.statistics.to_proto(NAME).SerializeToString(deterministic=True)
    (folder / STATISTICS / f"{NAME}.pb").write_bytes(data)
    (folder / "schema.pbtxt").write_text(schema.text())
    counted = rejections(checked.rejected_counts)
    write_anomalies(folder, found, schema, {"rejections": counted})
    rows = {"read": checked.rows_read, "kept": checked.rows_kept, "rejected": checked.rows_rejected}
    facts = {"rows": rows, "rejections": counted, "schema_fingerprint": schema.fingerprint}
    artifact.complete(folder, ArtifactKind.VALIDATION, facts)
