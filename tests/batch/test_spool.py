"""The spool gives back what was put into it, through a pipeline and a file."""

import pathlib

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.testing.util import assert_that, equal_to

from beam_jobs.batch.intake_steps import LabelledRows, labelled_rows
from beam_jobs.batch.spool import SPOOL, ReadSpool, SpooledRows, WriteSpool, read_spool
from beam_jobs.batch.written_files import REJECTED, SaveWritten, Written, load_written
from beam_jobs.raw_files.intake import RawRowsDecoder
from beam_jobs.raw_files.raw_format import RawFile, RawRows
from models.spec import SPLITS
from models.use_case import UseCase
from schemas.schema import TRAINING


@pytest.fixture(scope="module")
def blocks(taxi: UseCase, trip_lines: list[bytes]) -> list[LabelledRows]:
    header = tuple(trip_lines[0].decode().split(","))
    decoder = RawRowsDecoder(taxi.schema.environment(TRAINING))
    file = RawFile("trips.csv", "trips.csv", 0)
    parts = [(0, [*trip_lines[1:100], b"1,2"]), (100, trip_lines[100:150])]
    return [labelled_rows(RawRows(file, header, first, lines), decoder, taxi) for first, lines in parts]


@pytest.fixture(scope="module")
def spooled(blocks: list[LabelledRows], tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("spool")
    with beam.Pipeline() as pipeline:
        rows = pipeline | beam.Create(blocks, reshuffle=False)
        _ = rows | WriteSpool(str(folder), SPLITS, ()) | SaveWritten(str(folder / "spooled.json"))
    return load_written(folder / "spooled.json")


def test_what_was_put_in_comes_out(blocks: list[LabelledRows], spooled: Written) -> None:
    found = sorted((rows for file in spooled.files[SPOOL] for rows in read_spool(file.path)), key=lambda one: one.start)
    assert len(found) == len(blocks)
    for out, put in zip(found, blocks, strict=True):
        assert (out.file, out.start, out.sizes) == (put.file.name, put.start, put.sizes)
        assert out.batch.equals(put.batch)
        assert out.values.equals(put.values)
        assert np.array_equal(out.label, put.label)
        assert np.array_equal(out.numbers, put.numbers)
        assert out.of_splits() == put.of_splits()


def test_what_is_counted_is_what_was_put_in(blocks: list[LabelledRows], spooled: Written) -> None:
    assert spooled.rows_read == 150
    assert spooled.rows(SPOOL) == sum(spooled.split_rows.values()) == 149
    assert list(spooled.split_rows) == list(SPLITS)
    assert sum(spooled.label_sums.values()) == sum(float(rows.label.sum()) for rows in blocks)
    assert dict(spooled.rejected_counts) == {("CSV_SYNTAX", ""): 1}
    lines = [line for file in spooled.files[REJECTED] for line in pathlib.Path(file.path).read_text().splitlines()]
    assert lines == [
        '{"file": "trips.csv", "row": 99, "reason": "CSV_SYNTAX", "stage": "decode", "path": "", "value": "1,2"}'
    ]


def start_of(rows: SpooledRows) -> tuple[int, int]:
    return rows.start


def test_a_pipeline_reads_every_file(spooled: Written) -> None:
    with beam.Pipeline() as pipeline:
        starts = pipeline | ReadSpool(spooled.files[SPOOL]) | beam.Map(start_of)
        assert_that(starts, equal_to([(0, 0), (0, 100)]))
