"""Files as events: typed rows of CSV, lines of JSON as they stand, and what is neither refused."""

import gzip
import pathlib

import pyarrow as pa
import pytest

from beam_jobs.batch.event_files import events_of, json_events
from beam_jobs.cli.file_settings import FileOptions
from schemas.errors import InputError
from schemas.schema import Schema
from tests.support.raw_files import FORMATS, write

SCHEMA = Schema.from_text('feature { name: "fare" type: FLOAT } feature { name: "company" type: BYTES }')


@pytest.mark.parametrize("packed", [False, True])
def test_cells_are_typed_missing_ones_left_out_and_unreadable_rows_kept_as_none(
    tmp_path: pathlib.Path, packed: bool
) -> None:
    text = b'company,fare\n"A ""1""",1.50\nB,dear\n,2\n'
    path = tmp_path / ("t.csv.gz" if packed else "t.csv")
    path.write_bytes(gzip.compress(text) if packed else text)
    assert list(events_of(path, SCHEMA)) == [
        (0, b'{"fare":1.5,"company":"A \\"1\\""}'),
        (1, None),
        (2, b'{"fare":2}'),
    ]


@pytest.mark.parametrize("packed", [False, True])
def test_lines_of_json_stay_as_they_are_and_blank_ones_are_none(tmp_path: pathlib.Path, packed: bool) -> None:
    text = b'{"fare":  1}\r\n\n{"x": 1}\n{"last": "without an end"}'
    path = tmp_path / ("t.jsonl.gz" if packed else "t.jsonl")
    path.write_bytes(gzip.compress(text) if packed else text)
    found = list(events_of(path, SCHEMA))
    assert found == list(enumerate([b'{"fare":  1}', b'{"x": 1}', b'{"last": "without an end"}']))


def test_many_lines_cross_the_reads(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "t.jsonl"
    lines = [b'{"row": %d, "text": "%s"}' % (row, b"x" * 100) for row in range(30_000)]
    path.write_bytes(b"\n".join(lines))
    assert [event for _, event in events_of(path, SCHEMA)] == lines


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.parquet", b"PAR1", r"t.parquet: near row 0: not a Parquet file, or altered"),
        ("t.txt", b"fare\n", r"t.txt: not a raw file by its name; wanted .csv"),
        ("t.jsonl.gz", gzip.compress(b"{}\n" * 99)[:-9], r"t.jsonl.gz: its gzip stream ends too early"),
        ("t.csv", b"fare\n1\n", r"t.csv: its header lacks company"),
    ],
)
def test_what_is_no_file_of_events_is_refused(tmp_path: pathlib.Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        list(events_of(tmp_path / name, SCHEMA))


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "jsonl"])
def test_rows_of_every_format_are_the_same_events(tmp_path: pathlib.Path, name: str) -> None:
    rows: list[dict[str, object]] = [{"fare": 1.5, "company": 'A "1"\n\\'}, {"company": "B"}, {"fare": -0.25}]
    wanted = [b'{"fare":1.5,"company":"A \\"1\\"\\n\\\\"}', b'{"company":"B"}', b'{"fare":-0.25}']
    path = write(name, tmp_path / "part-0", rows, SCHEMA)
    assert list(events_of(path, SCHEMA, FileOptions(name))) == list(enumerate(wanted))


def test_lists_are_lists_of_json() -> None:
    rows = pa.record_batch({"ids": pa.array([[1, 2], None]), "words": pa.array([["a:b", '"'], ["\u00e9"]])})
    assert json_events(rows) == [b'{"ids":[1,2],"words":["a:b","\\""]}', '{"words":["\u00e9"]}'.encode()]
