"""What each path made of records: over examples, a copy and JSON predictions the scorer's own values."""

import pathlib
from typing import Any

import numpy as np
import pytest

from beam_jobs.raw_files.finding import find_files
from beam_jobs.skew.paths import of_copy, of_examples, of_predictions
from beam_jobs.skew.records import RawRecords, read_records
from models.evaluation.skew import compare
from models.registry.registry import Registry
from models.scoring.scorer import Scorer
from schemas.errors import ArtifactError, InputError


@pytest.fixture(scope="module")
def scorer(registry: pathlib.Path) -> Scorer:
    return Scorer.load(Registry(registry).champion())


@pytest.fixture(scope="module")
def records(scorer: Scorer, trip_lines: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> RawRecords:
    path = tmp_path_factory.mktemp("raw") / "trips.csv"
    path.write_bytes(b"\n".join([*trip_lines[:30], b"1,2", *trip_lines[30:61]]))
    return read_records(find_files([str(path)]), scorer.schema)


def predictions(scorer: Scorer, records: RawRecords, bundle: str) -> list[tuple[str, dict[str, Any]]]:
    scored, kept, _ = scorer.score_rows(records.rows)
    values = zip(kept.tolist(), scored.features.tolist(), scored.scores.tolist(), strict=True)
    return [
        (
            records.ids[row],
            {
                "bundle": bundle,
                "score": score,
                "features": {
                    name: None if np.isnan(cell) else cell
                    for name, cell in zip(scorer.feature_names, features, strict=True)
                },
            },
        )
        for row, features, score in values
    ]


def test_records_are_those_that_the_schema_accepts_under_their_own_row(records: RawRecords) -> None:
    assert len(records.ids) == records.rows.num_rows == 60
    assert (records.ids[28], records.ids[29]) == ("trips.csv/28", "trips.csv/30")
    assert records.numbers(["trips.csv/30", "trips.csv/0"]).tolist() == [29, 0]


def test_nothing_to_compare_is_said(scorer: Scorer, trip_lines: list[bytes], tmp_path: pathlib.Path) -> None:
    (tmp_path / "t.csv").write_bytes(trip_lines[0] + b"\n1,2\n")
    with pytest.raises(InputError, match=r"t.csv: no row that fits the schema \(1 CSV_SYNTAX\); nothing to compare"):
        read_records(find_files([str(tmp_path / "t.csv")]), scorer.schema)


def test_a_copy_the_examples_and_json_hold_the_same_bits(
    scorer: Scorer, records: RawRecords, tmp_path: pathlib.Path
) -> None:
    reference = of_predictions(predictions(scorer, records, scorer.bundle_id), scorer, records, "registry")
    others = {
        "copy": of_copy(scorer, records.rows, tmp_path / "copy"),
        "examples": of_examples(scorer, records.rows),
    }
    skews = compare([*scorer.feature_names, "score"], reference, others)
    assert {skew.compared for skew in skews} == {60}
    assert [skew for skew in skews if not skew.equal] == []


def test_a_bundle_that_was_replaced_meanwhile_is_refused(scorer: Scorer, records: RawRecords) -> None:
    with pytest.raises(ArtifactError, match=rf"^registry: bundle other replaced {scorer.bundle_id} meanwhile; "):
        of_predictions(predictions(scorer, records, "other"), scorer, records, "registry")
