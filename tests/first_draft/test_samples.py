"""The same rows in every format give the same sample, as far as the format tells numbers from text."""

import json
import pathlib

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from beam_jobs.cli.file_settings import FileOptions
from beam_jobs.first_draft.decisions import decisions, decisions_text
from beam_jobs.first_draft.samples import sampled
from beam_jobs.raw_files.finding import find_files
from schemas.errors import InputError
from schemas.inference.inferred import infer
from transforms.decode.csv_dialect import CsvDialect

ROWS = [
    {"n": at, "x": at / 4, "word": "ab"[at % 2], "flag": at % 3 == 0, "many": ["a", "b"][: 1 + at % 2]}
    for at in range(40)
]
WORDS = {"type": "array", "items": "string"}


def found(files, most=1000):
    findings = infer(sampled(files, most)).findings
    return [(one.name, one.kind.name, one.use.value, one.rows, one.missing, one.distinct) for one in findings]


def test_typed_formats_agree(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    fields = [("n", "long"), ("x", "double"), ("word", "string"), ("flag", "boolean"), ("many", WORDS)]
    schema = {"type": "record", "name": "row", "fields": [{"name": name, "type": kind} for name, kind in fields]}
    with (tmp_path / "a.avro").open("wb") as file:
        fastavro.writer(file, fastavro.parse_schema(schema), ROWS)
    json_lines, parquet, avro = (
        found(find_files([str(tmp_path / name)])) for name in ("a.jsonl", "a.parquet", "a.avro")
    )
    assert json_lines == parquet == avro
    assert json_lines == [
        ("n", "INT", "id", 40, 0, 40),
        ("x", "FLOAT", "number", 40, 0, 40),
        ("word", "BYTES", "category", 40, 0, 2),
        ("flag", "INT", "yes or no", 40, 0, 2),
        ("many", "BYTES", "list of words", 40, 0, 2),
    ]


def test_csv_of_a_dialect_and_without_a_header(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.csv").write_text("".join(f"{row['x']};{row['word']}\n" for row in ROWS))
    named = FileOptions(dialect=CsvDialect(separator=";", columns=("x", "word")))
    unnamed = FileOptions(dialect=CsvDialect(separator=";", header="none"))
    for options, names in ((named, ["x", "word"]), (unnamed, ["c1", "c2"])):
        rows = found(find_files([str(tmp_path / "a.csv")], options))
        assert [row[0] for row in rows] == names
        assert [row[1] for row in rows] == ["FLOAT", "BYTES"]


def test_no_more_rows_than_asked_for_and_as_many_of_each_file(tmp_path: pathlib.Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text(f"x,{name}\n" + "1,2\n" * 50)
    sample = sampled(find_files([str(tmp_path / "a.csv"), str(tmp_path / "b.csv")]), 20)
    assert (sample.rows, sample.more, sample.columns["x"].rows) == (20, True, 20)
    assert [sample.columns[name].missing for name in "ab"] == [10, 10]


def test_rows_that_cannot_be_read_are_counted(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n1\n3,4\n")
    (tmp_path / "a.jsonl").write_text('{"x": 1}\n[1]\n{"x": NaN}\n{"x":\n')
    assert sampled(find_files([str(tmp_path / "a.csv")]), 10).unread == 1
    lines = sampled(find_files([str(tmp_path / "a.jsonl")]), 10)
    assert (lines.rows, lines.unread) == (1, 3)
    (tmp_path / "b.jsonl").write_text("[1]\n")
    with pytest.raises(InputError, match=r"b.jsonl: no rows that can be read; give files with data"):
        sampled(find_files([str(tmp_path / "b.jsonl")]), 10)


def test_a_column_without_a_name_is_left_out_and_told(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.csv").write_text(",x\n0,1\n1,2\n")  # the index that pandas writes
    sample = sampled(find_files([str(tmp_path / "a.csv")]), 10)
    assert (list(sample.columns), sample.unnamed) == (["x"], 1)
    assert "  1 columns have no name and are left out" in decisions_text(decisions(infer(sample)))


def test_two_columns_of_one_name_are_refused_with_file_and_name(tmp_path: pathlib.Path) -> None:
    (tmp_path / "b.csv").write_text("a,x,a\n0,1,2\n")
    with pytest.raises(InputError, match=r"b.csv: two columns are called 'a'; rename one$"):
        sampled(find_files([str(tmp_path / "b.csv")]), 10)


def test_a_list_of_objects_is_not_one_object_per_line(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.json").write_text('[{"x": 1}, {"x": 2}]\n')
    (tmp_path / "b.json").write_text('[\n  {"x": 1},\n  {"x": 2}\n]\n')
    for name in ("a.json", "b.json"):
        with pytest.raises(InputError, match=rf"{name}: it holds a list, wanted one object per line"):
            sampled(find_files([str(tmp_path / name)], FileOptions(data_format="jsonl")), 10)


def test_another_separator_is_asked_for(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.csv").write_text("x;y\n0;1\n1;2\n")
    sample = sampled(find_files([str(tmp_path / "a.csv")]), 10)
    with pytest.raises(InputError, match=r"no column is called 'y' \(it has x;y\); --csv-separator\?$"):
        infer(sample, "y")
    assert infer(sample).findings[0].look_at[-1] == "a name with a separator in it; --csv-separator?"
