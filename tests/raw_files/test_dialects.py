"""CSV files as people have them: other separators, no header, comments, no quotes."""

import pathlib
from typing import Any

import pytest

from beam_jobs.cli.file_settings import FileOptions, RawData
from beam_jobs.raw_files.blocks import check_files
from beam_jobs.raw_files.finding import find_files
from beam_jobs.raw_files.formats import originals
from beam_jobs.raw_files.intake import taken_in
from schemas.errors import InputError, UsageError
from schemas.schema import SERVING, TRAINING, Schema

SCHEMA = Schema.from_text(
    'default_environment: "TRAINING" default_environment: "SERVING" feature { name: "a" type: INT } '
    'feature { name: "b" type: BYTES annotation { tag: "missing:NA" } } '
    'feature { name: "y" type: FLOAT not_in_environment: "SERVING" }'
)
ROWS = [{"a": 1, "b": "x, y", "y": 0.5}, {"a": 2, "b": None, "y": 1.0}]


def options(**given: Any) -> FileOptions:
    settings = RawData(data=("t",), **given)
    settings.check()
    return settings.file_options


def read(path: pathlib.Path, how: FileOptions, schema: Schema) -> list[dict[str, Any]]:
    files = find_files([str(path)], how)
    check_files(files, schema)
    return [row for _, intake in taken_in(files, schema) for row in intake.batch.to_pylist()]


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("a;b;y\n1;x, y;0.5\n2;NA;1\n", {"csv_separator": ";"}),
        ("a\tb\ty\n1\tx, y\t0.5\n2\t\t1\n", {"csv_separator": "tab"}),
        ("a\tb\ty\n1\tx, y\t0.5\n2\t\t1\n", {"csv_separator": "\\t"}),
        ('a b y\n1 "x, y" 0.5\n2  1\n', {"csv_separator": "blank"}),
        ("# made by hand\na,b,y\n1,'x, y',0.5\n#2,z,9\n2,NA,1\n", {"csv_quote": "'", "csv_comment": "#"}),
        ("a|b|y\n1|x, y|0.5\n2||1\n", {"csv_separator": "|", "csv_quote": "none"}),
        ('1,"x, y",0.5\n\n2,,1\n', {"csv_header": "none"}),
        ('0.5,1,"x, y"\n1,2,NA\n', {"csv_header": "label-first"}),
        ('"x, y",?,1,0.5\n,,2,1\n', {"csv_columns": "b,other, a,y"}),
    ],
)
def test_a_dialect_is_read_as_the_same_rows(tmp_path: pathlib.Path, text: str, given: dict[str, Any]) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    assert read(path, options(**given), SCHEMA.environment(TRAINING)) == ROWS


def test_without_quotes_a_quote_is_a_character(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text('a;b;y\n1;12" pipe;0\n2;"x;1\n')
    how = options(data_format="csv", csv_separator=";", csv_quote="none")
    assert [row["b"] for row in read(path, how, SCHEMA)] == ['12" pipe', '"x']


def test_files_to_be_scored_have_no_label(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("1,x\n2,y\n")
    for header in ("none", "label-first"):
        assert len(read(path, options(csv_header=header), SCHEMA.environment(SERVING))) == 2
    with pytest.raises(InputError) as refused:
        read(path, options(csv_header="none"), SCHEMA.environment(TRAINING))
    assert str(refused.value) == (
        f"{path}: 2 columns without names, the schema has 3: a, b, y; name the columns of the file with --csv-columns"
    )


def test_rejected_rows_are_kept_as_they_stand(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("one;'x';0\n1;'y';0\n")
    files = find_files([str(path)], options(csv_separator=";", csv_quote="'", csv_header="none"))
    ((rows, intake),) = taken_in(files, SCHEMA)
    assert [(one.row, one.path) for one in intake.rejections] == [(0, "/a")]
    assert originals(rows, [0]).to_pylist() == [b"one;'x';0"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"csv_separator": ";;"}, "--csv-separator is ';;', wanted one ASCII character"),
        ({"csv_separator": "\n"}, "--csv-separator is empty, wanted CHARACTER"),
        ({"csv_comment": "\u00e9"}, "--csv-comment is '\u00e9', wanted one ASCII character"),
        ({"csv_separator": '"'}, "--csv-separator, --csv-quote and --csv-comment must differ from one another"),
        ({"csv_columns": "a,b", "csv_header": "none"}, "--csv-columns and --csv-header both say where names come from"),
        ({"csv_columns": "a,,b"}, "--csv-columns has an empty name; wanted NAME,NAME"),
        ({"data_format": "xlsx"}, "--data-format is 'xlsx', wanted one of csv, jsonl, parquet, avro, tfrecord"),
    ],
)
def test_what_is_no_dialect_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        options(**given)
    assert str(refused.value).startswith(said)


def test_options_of_csv_where_no_file_is_csv(tmp_path: pathlib.Path) -> None:
    (tmp_path / "t.jsonl").write_text("{}\n")
    with pytest.raises(InputError, match=r"t.jsonl: jsonl, no CSV; leave out the options of CSV"):
        find_files([str(tmp_path / "t.jsonl")], options(csv_separator=";"))


def test_names_that_do_not_name_all(tmp_path: pathlib.Path) -> None:
    (tmp_path / "t.csv").write_text("1,x\n")
    with pytest.raises(InputError, match=r"t.csv: --csv-columns lacks y, which the schema names"):
        read(tmp_path / "t.csv", options(csv_columns="a,b"), SCHEMA)
