"""The gates of a build: what both passes found of the rows as a set, and the refusal that leaves nothing published."""

import json
from collections.abc import Sequence

from tensorflow_metadata.proto.v0 import statistics_pb2

from beam_jobs.batch.file_job import NewDirectory
from beam_jobs.batch.kept_rejections import are_kept, keep_rejected, kept_at
from beam_jobs.batch.set_findings import load_findings
from beam_jobs.batch.split_statistics import SEEN
from beam_jobs.batch.training_set_writer import STATISTICS
from beam_jobs.batch.written_files import Written
from beam_jobs.sets.anomaly_files import write_anomalies
from beam_jobs.stored.folders import filled, folder_here
from schemas.errors import GateRefusal
from schemas.rejection_counts import rejections
from schemas.schema import Schema
from schemas.sets.anomaly import Anomaly, from_json, ordered
from schemas.sets.earlier_set import earlier_statistics
from schemas.sets.gates import Gates
from schemas.sets.set_checks import drift

FINDINGS = "findings.json"


def found_in(output: NewDirectory, schema: Schema, previous: str | None) -> list[Anomaly]:
    """Return the anomalies that both passes found, and how far train is from that of an earlier set."""
    folder = folder_here(f"{output.work}/{STATISTICS}")
    found = load_findings(f"{output.work}/{FINDINGS}")
    found += [from_json(entry) for entry in json.loads((folder / SEEN).read_text())["anomalies"]]
    if previous is not None:
        listed = statistics_pb2.DatasetFeatureStatisticsList.FromString((folder / "train.pb").read_bytes())
        found += drift(earlier_statistics(previous), listed.datasets[0], schema, f"against {previous}")
    return ordered(found)


def check_gates(output: NewDirectory, gates: Gates, written: Written, found: Sequence[Anomaly], schema: Schema) -> None:
    """Raise `GateRefusal` if a gate says no; rejected rows and anomalies are then kept beside the directory."""
    rejected = written.rejected_counts.total()
    kept = sum(written.split_rows.values())
    reasons = gates.of_rows(written.rows_read, rejected, kept) + gates.of_anomalies(found)
    if not reasons:
        return
    counted = rejections(written.rejected_counts)
    said = keep_rejected(output.place, written)
    if are_kept(output.place):
        with filled(kept_at(output.place)) as folder:
            write_anomalies(folder, found, schema, {"rejections": counted})
    findings = {
        "rows": {"read": written.rows_read, "kept": kept, "rejected": rejected},
        "rejections": counted,
        "anomalies": [anomaly.to_json() for anomaly in ordered(found)],
        "refused": reasons,
    }
    raise GateRefusal(f"{'; '.join(reasons)}; no training set is made; {said}", findings)
