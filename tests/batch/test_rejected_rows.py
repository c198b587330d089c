"""Rejected rows: the line has the path as it is, the counts only fields that somebody declared."""

import json
import pathlib

from beam_jobs.batch.rejected_rows import RejectedWriter
from schemas.rejection import Reason, Rejection, Stage


def test_names_that_a_sender_made_up_are_counted_as_none_and_lists_as_one_field(tmp_path: pathlib.Path) -> None:
    writer = RejectedWriter(tmp_path / "rejected", ["age", "g"])
    faults = [(Reason.UNKNOWN_FIELD, Stage.DECODE, f"/ann{row}@example.org") for row in range(1_000)]
    faults += [(Reason.TYPE, Stage.DECODE, f"/g/{place}") for place in range(500)]
    faults += [
        (Reason.RANGE, Stage.VALIDATE, "/age"),
        (Reason.RANGE, Stage.VALIDATE, "/g/7"),
        (Reason.FEATURE_NONFINITE, Stage.SCORE, "/features/age_z"),
    ]
    rejections = [Rejection(row, stage, reason, path) for row, (reason, stage, path) in enumerate(faults)]
    writer.write("a.jsonl", 0, [(one, b"{}") for one in rejections])
    assert writer.counts == {
        ("UNKNOWN_FIELD", ""): 1_000,
        ("TYPE", "/g"): 500,
        ("RANGE", "/age"): 1,
        ("RANGE", "/g"): 1,
        ("FEATURE_NONFINITE", "/features/age_z"): 1,
    }
    lines = [json.loads(line)["path"] for line in writer.path.read_text().splitlines()]
    assert lines == [one.path for one in rejections]
