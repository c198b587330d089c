"""Predictions of files: both formats hold the same scores, every row is a prediction or a rejected line."""

import json
import pathlib

import apache_beam as beam
import numpy as np
import pyarrow.parquet
import pytest

from beam_jobs.batch.file_job import new_directory
from beam_jobs.batch.predictions.steps import PREDICTIONS, FileScoring, WritePredictions
from beam_jobs.batch.predictions.writer import check_counts, finish
from beam_jobs.batch.written_files import REJECTED, SaveWritten, Written, load_written
from beam_jobs.raw_files.finding import find_files
from beam_jobs.raw_files.reading import ReadRawRows
from beam_jobs.registries.opening import BundleReference
from models.registry.registry import Registry
from schemas.errors import OnegraphError


@pytest.fixture(scope="module")
def file(trip_lines: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Fifty rows, one of which is no CSV."""
    path = tmp_path_factory.mktemp("raw") / "trips.csv"
    path.write_bytes(b"\n".join([*trip_lines[:20], b"1,2", *trip_lines[20:50]]))
    return path


def scored(registry: pathlib.Path, file: pathlib.Path, folder: pathlib.Path, format: str) -> Written:
    bundle = BundleReference(str(registry), Registry(registry).released().champion)
    with beam.Pipeline() as pipeline:
        _ = (
            pipeline
            | ReadRawRows(find_files([str(file)]))
            | WritePredictions(FileScoring(bundle, str(folder), format, with_features=False), ())
            | SaveWritten(str(folder / "written.json"))
        )
    return load_written(folder / "written.json")


def test_both_formats_hold_the_same_and_no_row_is_lost(
    registry: pathlib.Path, file: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    written = {}
    for suffix in ("parquet", "jsonl"):
        (tmp_path / suffix).mkdir()
        written[suffix] = scored(registry, file, tmp_path / suffix, suffix)
        check_counts(written[suffix], 50, [str(file)])
        assert (written[suffix].rows(PREDICTIONS), written[suffix].rows_read) == (49, 50)
    (columns,) = written["parquet"].files[PREDICTIONS]
    (lines,) = written["jsonl"].files[PREDICTIONS]
    table = pyarrow.parquet.read_table(columns.path)
    objects = [json.loads(line) for line in pathlib.Path(lines.path).read_text().splitlines()]
    assert table.column("id").to_pylist() == [one["id"] for one in objects]
    assert [one["id"] for one in objects] == [f"trips.csv/{row}" for row in range(50) if row != 19]
    assert np.array_equal(table.column("score").to_numpy(), np.array([one["score"] for one in objects], np.float32))
    (rejected,) = written["jsonl"].files[REJECTED]
    entry = json.loads(pathlib.Path(rejected.path).read_text())
    assert (entry["file"], entry["row"], entry["reason"], entry["value"]) == ("trips.csv", 19, "CSV_SYNTAX", "1,2")
    with pytest.raises(OnegraphError, match=r"trips.csv: 51 rows read, but 49 scored and 1 rejected"):
        check_counts(written["jsonl"], 51, [str(file)])


def test_what_was_written_gets_its_names_and_counts(
    registry: pathlib.Path, file: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    with new_directory(str(tmp_path / "out"), "predictions") as output:
        finished = finish(output, "taxi", "b", "jsonl", scored(registry, file, pathlib.Path(output.work), "jsonl"))
    assert finished.manifest["rows"] == {"read": 50, "scored": 49, "rejected": 1}
    assert finished.manifest["predictions"] == [{"name": "predictions-00000-of-00001.jsonl", "rows": 49}]
    assert set(finished.manifest["files"]) == {"predictions-00000-of-00001.jsonl", "rejected-00000-of-00001.jsonl"}
