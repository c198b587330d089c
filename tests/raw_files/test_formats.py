"""The table of raw formats: which format a file has, and what each must be able to do."""

import pathlib
import pickle

import pytest

from beam_jobs.cli.file_settings import DATA_FORMATS, FileOptions
from beam_jobs.raw_files.blocks import read_file
from beam_jobs.raw_files.csv_format import CsvFormat
from beam_jobs.raw_files.finding import find_files
from beam_jobs.raw_files.formats import FORMATS, format_of, originals
from beam_jobs.raw_files.intake import RawRowsDecoder, taken_in
from beam_jobs.raw_files.raw_format import RawFile, RawFormat, RawRows
from schemas.errors import InputError
from schemas.schema import Schema
from tests.support.raw_files import write

SCHEMA = Schema.from_text('feature { name: "a" type: INT } feature { name: "b" type: BYTES }')


@pytest.fixture
def files(tmp_path: pathlib.Path) -> list[RawFile]:
    """Two files of other layouts."""
    (tmp_path / "x.csv").write_text("a,b\n1,x\nbad,x\n")
    (tmp_path / "y.csv").write_text("b,c,a\ny,,2\n")
    return find_files([str(tmp_path / "*")])


def test_a_format_is_found_by_the_end_of_the_name() -> None:
    assert isinstance(format_of("gs://b/trips.csv.gz"), CsvFormat)
    with pytest.raises(InputError, match=r"^trips.csv.txt: not a raw file by its name; wanted .csv, .jsonl, "):
        format_of("trips.csv.txt")


def test_no_two_formats_take_one_name() -> None:
    suffixes = [suffix for known in FORMATS for suffix in known.suffixes]
    assert len(set(suffixes)) == len(suffixes)


@pytest.mark.parametrize("known", FORMATS, ids=lambda known: known.name)
def test_every_format_reads_what_its_own_decoder_takes(known: RawFormat, tmp_path: pathlib.Path) -> None:
    wanted: list[dict[str, object]] = [{"a": 1, "b": "x"}, {"a": None, "b": "y"}]
    (file,) = find_files([str(write(known.name, tmp_path / f"t{known.suffixes[0]}", wanted, SCHEMA))])
    layout = known.layout(file)
    decoder = pickle.loads(pickle.dumps(known.decoder(layout, SCHEMA, file.path)))
    (rows,) = known.read(file)
    assert rows.layout == layout
    assert hash(rows.layout) is not None
    decoded = decoder(pickle.loads(pickle.dumps(rows)).values)
    assert decoded.batch.to_pylist() == wanted
    assert (len(rows), decoded.rows.tolist(), decoded.rejections) == (2, [0, 1], [])
    assert all(isinstance(value, bytes) for value in known.originals(rows, [1, 0]).to_pylist())


def test_every_format_has_its_word_on_the_command_line() -> None:
    assert tuple(known.name for known in FORMATS) == DATA_FORMATS
    assert [format_of("part-0", FileOptions(name)).name for name in DATA_FORMATS] == list(DATA_FORMATS)


def test_positions_say_file_and_row(files: list[RawFile]) -> None:
    assert [rows.position for file in files for rows in read_file(file)] == [(0, 0), (1, 0)]
    assert RawRows(files[1], (), 8192, []).position == (1, 8192)


def test_originals_are_the_rows_as_they_stand(files: list[RawFile]) -> None:
    (rows,) = read_file(files[0])
    assert originals(rows, [1, 0]).to_pylist() == [b"bad,x", b"1,x"]
    assert originals(rows, []).to_pylist() == []


def test_files_of_several_layouts_are_taken_in_by_one_schema(files: list[RawFile]) -> None:
    found = [
        (rows.file.name, intake.batch.to_pylist(), len(intake.rejections)) for rows, intake in taken_in(files, SCHEMA)
    ]
    assert found == [("x.csv", [{"a": 1, "b": "x"}], 1), ("y.csv", [{"a": 2, "b": "y"}], 0)]


def test_a_layout_has_one_decoder(files: list[RawFile]) -> None:
    decoder = RawRowsDecoder(SCHEMA)
    first, second = (rows for file in files for rows in read_file(file))
    assert decoder.decoder(first) is decoder.decoder(first)
    assert decoder.decoder(first) is not decoder.decoder(second)
