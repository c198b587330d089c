"""Raw files: every row once and in order, whatever the size of the file, its compression and its line ends."""

import gzip

import apache_beam as beam
import pytest
from apache_beam.testing.util import assert_that, equal_to

from beam_jobs.raw_files.blocks import check_files, read_file
from beam_jobs.raw_files.finding import find_files
from beam_jobs.raw_files.raw_format import RawFile
from beam_jobs.raw_files.reading import ReadRawRows
from schemas.errors import InputError
from schemas.schema import Schema

SCHEMA = Schema.from_text('feature { name: "a" type: INT } feature { name: "b" type: BYTES }')


def _read(path):
    (file,) = find_files([str(path)])
    blocks = list(read_file(file))
    assert [block.first_row for block in blocks] == [sum(len(b.values) for b in blocks[:n]) for n in range(len(blocks))]
    assert {block.layout for block in blocks} <= {("a", "b")}
    return [value for block in blocks for value in block.values], [len(block.values) for block in blocks]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_every_row_comes_once_in_order_in_blocks(tmp_path, end, packed):
    rows = [b'%d,"x, y"' % place if place % 7 else b"%d," % place for place in range(100_000)]
    data = end.join([b"a,b", *rows])
    path = tmp_path / ("t.csv.gz" if packed else "t.csv")
    # Two members, the first one cut in the middle of a line, as `cat a.gz b.gz` gives.
    path.write_bytes(gzip.compress(data[:500_001]) + gzip.compress(data[500_001:]) if packed else data)
    values, sizes = _read(path)
    assert values == rows
    assert sizes == [8192] * 12 + [100_000 - 12 * 8192]


def test_blank_lines_are_no_rows_and_may_come_before_the_header(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"\n" * 200_000 + b"\xef\xbb\xbfa,b\n\n1,x\n\r\n2,y\n\n")
    assert _read(tmp_path / "t.csv") == ([b"1,x", b"2,y"], [2])


def test_long_rows_come_in_smaller_blocks(tmp_path):
    rows = [b"%d," % place + b"x" * 100_000 for place in range(300)]
    (tmp_path / "t.csv").write_bytes(b"\n".join([b"a,b", *rows]))
    values, sizes = _read(tmp_path / "t.csv")
    assert values == rows
    assert max(sizes) < 110


def test_highly_compressed_and_empty_members_are_read_to_their_end(tmp_path):
    rows = [b"1,"] * 3_000_000
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(b"") + gzip.compress(b"\n".join([b"a,b", *rows])) + gzip.compress(b""))
    assert sum(_read(path)[1]) == len(rows)


@pytest.mark.parametrize("cut", [1, 9, 30])
def test_a_gzip_file_that_ends_too_early_is_refused(tmp_path, cut):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"1,x\n" * 1000)[:-cut])
    with pytest.raises(InputError, match=r"t.csv.gz: its gzip stream ends too early; copy the file again"):
        _read(path)


def test_a_file_that_vanishes_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"gone.csv: cannot be read: "):
        list(read_file(RawFile(str(tmp_path / "gone.csv"), "gone.csv", 0)))


def test_a_file_without_rows_is_fine_beside_one_with(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"a,b\n")
    with pytest.raises(InputError, match=r"a.csv: no rows below the header"):
        check_files(find_files([str(tmp_path / "*")]), SCHEMA)
    (tmp_path / "b.csv").write_bytes(b"b,c,a\n1,2,3\n")
    check_files(find_files([str(tmp_path / "*")]), SCHEMA)


def test_the_transform_reads_all_files(tmp_path):
    for name in "xy":
        (tmp_path / f"{name}.csv").write_bytes(f"a,b\n1,{name}\n".encode())
    with beam.Pipeline() as pipeline:
        rows = pipeline | ReadRawRows(find_files([str(tmp_path / "*")]))
        values = rows | beam.Map(lambda block: (block.file.name, block.values))
        assert_that(values, equal_to([("x.csv", [b"1,x"]), ("y.csv", [b"1,y"])]))
