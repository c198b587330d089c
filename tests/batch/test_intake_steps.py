"""The first step of a build: every row is labelled and in its split, or rejected with its bytes."""

import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from beam_jobs.batch.intake_steps import LabelledRows, labelled_rows, split_slices
from beam_jobs.raw_files.intake import RawRowsDecoder
from beam_jobs.raw_files.raw_format import RawFile, RawRows
from models.use_case import UseCase
from schemas.schema import TRAINING
from transforms.intake.split import assign_splits

FIRST = 8192
SHARES = {"train": 0.7, "eval": 0.15, "test": 0.15}


def taken_in(taxi: UseCase, header: bytes, lines: list[bytes]) -> LabelledRows:
    names = tuple(header.decode().split(","))
    rows = RawRows(RawFile("trips.csv", "trips.csv", 2), names, FIRST, lines)
    return labelled_rows(rows, RawRowsDecoder(taxi.schema.environment(TRAINING)), taxi)


@pytest.fixture(scope="module")
def lines(trip_lines: list[bytes]) -> list[bytes]:
    """Forty trips, the third of which is no CSV."""
    return [*trip_lines[1:3], b"1,2", *trip_lines[4:41]]


@pytest.fixture(scope="module")
def rows(taxi: UseCase, trip_lines: list[bytes], lines: list[bytes]) -> LabelledRows:
    """These trips, of which the sixth, the fifth that is one, has no label."""

    def label(batch: pa.RecordBatch) -> np.ndarray:
        return np.where(np.arange(batch.num_rows) == 4, np.nan, taxi.label(batch))

    return taken_in(dataclasses.replace(taxi, label=label), trip_lines[0], lines)


def test_every_row_is_kept_or_rejected_once(rows: LabelledRows, lines: list[bytes]) -> None:
    assert rows.rows_read == len(lines)
    lost = [rejection.row for rejection, _ in rows.rejected]
    assert sorted([*rows.numbers.tolist(), *lost]) == list(range(len(lines)))
    assert [(one.row, one.reason.value, value) for one, value in rows.rejected] == [
        (2, "CSV_SYNTAX", lines[2]),
        (5, "LABEL", lines[5]),
    ]


def test_bytes_and_labels_go_with_their_rows(taxi: UseCase, rows: LabelledRows, lines: list[bytes]) -> None:
    assert rows.values.to_pylist() == [lines[number] for number in rows.numbers]
    assert rows.label.dtype == np.float32
    assert rows.label.tolist() == np.asarray(taxi.label(rows.batch), np.float32).tolist()


def test_rows_stand_split_by_split_in_the_order_of_the_file(taxi: UseCase, rows: LabelledRows) -> None:
    splits = assign_splits(rows.batch, taxi.schema.environment(TRAINING), SHARES)
    assert sum(rows.sizes) == rows.batch.num_rows == 38
    for split, at in enumerate(rows.of_splits()):
        assert set(splits[at].tolist()) <= {split}
        assert sorted(rows.numbers[at]) == rows.numbers[at].tolist()


def test_where_a_block_stands_among_all_files(rows: LabelledRows) -> None:
    assert rows.start == (2, FIRST)
    assert (rows.first_wrong, rows.wrong_labels) == (None, {})


def test_labels_that_the_task_does_not_allow_are_counted_and_the_first_is_named(
    taxi: UseCase, trip_lines: list[bytes], lines: list[bytes]
) -> None:
    doubled = dataclasses.replace(taxi, label=lambda batch: 2 * np.asarray(taxi.label(batch)))
    found = taken_in(doubled, trip_lines[0], lines)
    wrong = [number for number, label in zip(found.numbers.tolist(), found.label.tolist(), strict=True) if label == 2]
    assert found.first_wrong == FIRST + min(wrong)
    assert sum(found.wrong_labels.values()) == len(wrong)


def test_no_split_is_no_slice() -> None:
    assert split_slices([]) == []
