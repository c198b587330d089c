"""The same rows in every format are the same columns, features and scores."""

import pathlib
import random
from typing import Any

import pyarrow as pa
import pytest

from beam_jobs.raw_files.blocks import read_file
from beam_jobs.raw_files.finding import find_files
from beam_jobs.raw_files.intake import RawRowsDecoder, taken_in
from beam_jobs.raw_files.raw_format import RawFile
from models.registry.registry import Registry
from models.scoring.scorer import Scorer
from models.use_case import UseCase
from schemas.schema import TRAINING, Schema
from tests.support.raw_files import FORMATS, write

SUFFIXES = {"csv": ".csv", "jsonl": ".jsonl", "parquet": ".parquet", "avro": ".avro", "tfrecord": ".tfrecord.gz"}
KINDS = Schema.from_text(
    'feature { name: "whole" type: INT } feature { name: "real" type: FLOAT } feature { name: "text" type: BYTES } '
    'feature { name: "flag" type: INT bool_domain { } annotation { tag: "accepts:boolean" } } '
    'feature { name: "token" type: BYTES annotation { tag: "missing:NA" } } '
    'feature { name: "gaps" type: INT annotation { tag: "accepts:whole_float" tag: "missing:-1" } } '
    'feature { name: "always" type: INT presence { min_fraction: 1 } int_domain { min: 0 max: 99 } }'
)
LISTS = Schema.from_text(
    'feature { name: "id" type: INT } feature { name: "ids" type: INT value_count { min: 1 } } '
    'feature { name: "vector" type: FLOAT shape { dim { size: 2 } } } '
    'feature { name: "words" type: BYTES value_count { min: 0 max: 9 } }'
)


def read(file: RawFile, schema: Schema) -> tuple[pa.RecordBatch, list[tuple[int, str, str]]]:
    batches, rejected = [], []
    for rows, intake in taken_in([file], schema):
        batches.append(intake.batch)
        rejected += [(rows.first_row + one.row, one.reason.value, one.path) for one in intake.rejections]
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0], rejected


@pytest.mark.parametrize("name", FORMATS)
def test_trips_are_the_same_columns_features_and_scores(
    name: str, taxi: UseCase, trips: pa.RecordBatch, registry: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    wanted, schema = trips.slice(0, 2_000), taxi.schema.environment(TRAINING)
    (file,) = find_files([str(write(name, tmp_path / f"t{SUFFIXES[name]}", wanted.to_pylist(), schema))])
    found, rejected = read(file, schema)
    assert rejected == []
    assert found.equals(wanted)
    scorer = Scorer.load(Registry(registry).champion())
    ours, theirs = scorer.score(found), scorer.score(wanted)
    assert ours.features.tobytes() == theirs.features.tobytes()
    assert ours.scores.tobytes() == theirs.scores.tobytes()


def _rows_of_all_kinds() -> list[dict[str, object]]:
    chance = random.Random(14)
    texts = ["a", "caf\u00e9", 'say "x"', "two\nlines", "a,b;c|d", "back\\slash", "\t", " ", "\U0001f600", "#x"]
    rows = []
    for number in range(2_000):
        row: dict[str, object] = {
            "whole": chance.choice([None, 0, -(2**63), 2**63 - 1, chance.getrandbits(40)]),
            "real": chance.choice([None, 0.5, -0.0, chance.gauss(0, 1e6), 3.0]),
            "text": chance.choice([None, *texts]),
            "flag": chance.choice([None, 0, 1]),
            "token": chance.choice([None, "NA", "x"]),
            "gaps": chance.choice([None, -1, 7]),
            "always": number % 101,  # 100 is too large
        }
        if number % 500 == 3:
            row["always"] = None
        rows.append(row)
    return rows


def test_rows_of_all_kinds_are_the_same_in_all_formats(tmp_path: pathlib.Path) -> None:
    rows = _rows_of_all_kinds()
    found: dict[str, Any] = {}
    for name in FORMATS:
        written = rows if name != "tfrecord" else [{**row, "real": _float32(row["real"])} for row in rows]
        (file,) = find_files([str(write(name, tmp_path / f"t{SUFFIXES[name]}", written, KINDS))])
        found[name] = read(file, KINDS)
    batch, rejected = found["jsonl"]
    assert [row for row, _, _ in rejected] == [
        number for number in range(2_000) if number % 101 == 100 or number % 500 == 3
    ]
    assert batch.num_rows + len(rejected) == 2_000
    assert batch["token"].null_count > batch["gaps"].null_count / 2 > 0
    for name in FORMATS:
        assert found[name][1] == rejected, name
        assert found[name][0].equals(batch), name


def _float32(cell: object) -> object:
    return pa.scalar(cell, pa.float32()).as_py()


def test_lists_are_the_same_in_all_formats_that_have_them(tmp_path: pathlib.Path) -> None:
    chance = random.Random(15)
    rows = [
        {
            "id": number,
            "ids": chance.choice([None, [], [1], [2**53 + 1, -1, 0]]),
            "vector": chance.choice([None, [0.5, -0.0]]),
            "words": chance.choice([None, ["a"], ["b", "", "c,\u00e9"]]),
        }
        for number in range(2_000)
    ]
    found = {}
    for name in ("parquet", "avro", "tfrecord"):
        (file,) = find_files([str(write(name, tmp_path / f"t{SUFFIXES[name]}", rows, LISTS))])
        decoder = RawRowsDecoder(LISTS)
        decoded = [decoder.decoder(block)(block.values) for block in read_file(file)]
        assert not any(one.rejections for one in decoded)
        found[name] = pa.Table.from_batches([one.batch for one in decoded]).combine_chunks()
    batch = found["parquet"]
    assert (batch.schema, batch.num_rows) == (LISTS.arrow_schema, 2_000)
    assert batch.to_pylist()[:50] == [{**row, "ids": row["ids"] or None} for row in rows[:50]]
    assert all(one.equals(batch) for one in found.values())
