"""Malformed files, made by a test, and what a process with little memory says of each: run by `test_malformed`."""

import bz2
import gzip
import io
import json
import pathlib
import resource
import struct
import sys
import zlib
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq

from beam_jobs.raw_files.blocks import check_files
from beam_jobs.raw_files.finding import find_files
from beam_jobs.raw_files.intake import taken_in
from schemas.errors import InputError
from schemas.schema import Schema
from tests.support.raw_files import write

SCHEMA = Schema.from_text(
    'feature { name: "n" type: INT presence { min_fraction: 1 } } feature { name: "text" type: BYTES }'
)
ROWS: list[dict[str, Any]] = [{"n": number, "text": f"text {number}"} for number in range(1_000)]
MIB = 1 << 20
ROOM = 512 * MIB
"""What reading any of the files may take beside what the imports have."""


def make(folder: pathlib.Path) -> None:
    """Write all of them."""
    _texts(folder)
    _compressed(folder)
    _parquet(folder)
    _avro(folder)
    _tfrecord(folder)


def _texts(folder: pathlib.Path) -> None:
    files = {
        "ragged.csv": b"n,text\n1,a\n2\n3,c,d\n4,e\n",
        "mark.csv": b"\xef\xbb\xbfn,text\n1,a\n",
        "mark.jsonl": b'\xef\xbb\xbf{"n": 1}\n',
        "utf16.csv": "n,text\n1,a\n".encode("utf-16"),
        "utf16.jsonl": '{"n": 1}\n'.encode("utf-16"),
        "nul.csv": b"n,text\n1,a\0b\n2,c\n",
        "ends.csv": b"n,text\r\n1,a\n2,b\r\n3,c\rd\n4,e",
        "latin.csv": b"n,text\n1,caf\xe9\n2,b\n",
        "latin.jsonl": b'{"n": 1, "text": "caf\xe9"}\n{"n": 2}\n',
        "twice.csv": b"n,text,n\n1,a,2\n",
        "header.csv": b"n,text\n",
        "trailing.csv": b"n,text\n1,a,\n2,b\n",
        "quote.csv": b'n,text\n1,"a\n2,b\n3,c\n',
        "empty.csv": b"",
        "empty.jsonl": b"",
        "lines.jsonl": b'{"n": 1}\n[1]\n{"n": \n\n{"n": "1"}\n{"n": 1.0}\n{"n": 1, "n": 2}\n{"n": 9007199254740993}\n',
        "array.jsonl": b'[{"n": 1},\n {"n": 2}]\n',
        "wide.csv": b",".join([b"n", b"text", *(b"c%d" % at for at in range(9_998))])
        + b"\n"
        + (b"1,a" + b",0" * 9_998 + b"\n") * 300,
        "cell.csv": b"n,text\n1,a\n2," + b"x" * (100 * MIB) + b"\n3,c\n",
        "cell.jsonl": b'{"n": 1}\n{"n": 2, "text": "' + b"x" * (100 * MIB) + b'"}\n',
        "large.csv": b"n,text\n1,a\n2," + b"x" * (2 * MIB) + b"\n3,c\n",
        "parquet.csv": b"PAR1" + bytes(range(256)) * 9,
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _compressed(folder: pathlib.Path) -> None:
    rows = b"n,text\n" + b"".join(b"%d,text %d\n" % (number, number) for number in range(50_000))
    zstd = pa.BufferOutputStream()
    with pa.CompressedOutputStream(zstd, "zstd") as out:
        out.write(rows)
    packed = {".gz": gzip.compress(rows, 1), ".bz2": bz2.compress(rows, 1), ".zst": zstd.getvalue().to_pybytes()}
    for suffix, content in packed.items():
        (folder / f"whole.csv{suffix}").write_bytes(content)
        (folder / f"cut.csv{suffix}").write_bytes(content[: len(content) // 2])
        (folder / f"none.csv{suffix}").write_bytes(b"n,text\n1,a\n")
    zeros = gzip.compress(bytes(64 * MIB), 1)
    (folder / "bomb.csv.gz").write_bytes(gzip.compress(b"n,text\n1,a\n") + zeros * 32)  # 2 GiB of a line
    (folder / "bomb.csv.bz2").write_bytes(bz2.compress(b"n,text\n1,a\n") + bz2.compress(bytes(70 * MIB), 1))


def _parquet(folder: pathlib.Path) -> None:
    whole = write("parquet", folder / "whole.parquet", ROWS, SCHEMA).read_bytes()
    (folder / "cut.parquet").write_bytes(whole[:-9])
    (folder / "empty.parquet").write_bytes(b"")
    (folder / "altered.parquet").write_bytes(whole[:200] + b"\xff" * 2_000 + whole[2_200:])
    (folder / "text.parquet").write_bytes(b"n,text\n1,a\n")
    pq.write_table(pa.table({"n": [1.5], "text": ["a"]}), folder / "type.parquet")
    pq.write_table(pa.table({"N": [1], "text": ["a"]}), folder / "lacks.parquet")
    pq.write_table(pa.table({"n": pa.array([], pa.int64())}), folder / "none.parquet")
    wide = {"n": [1] * 100, **{f"c{at}": [0] * 100 for at in range(9_999)}}
    pq.write_table(pa.table(wide), folder / "wide.parquet")
    long = pa.array(["x" * MIB]).dictionary_encode()
    cells = pa.DictionaryArray.from_arrays(pa.array([0] * 2_000, pa.int32()), long.dictionary)
    pq.write_table(pa.table({"n": range(2_000), "text": cells}), folder / "bomb.parquet")  # 2 GiB of text
    pq.write_table(pa.table({"n": [1, 2], "text": ["a", "x" * (100 * MIB)]}), folder / "cell.parquet")


def _avro(folder: pathlib.Path) -> None:
    whole = write("avro", folder / "whole.avro", ROWS, SCHEMA).read_bytes()
    (folder / "cut.avro").write_bytes(whole[: len(whole) // 2])
    (folder / "mark.avro").write_bytes(whole[:-1] + b"\0")
    (folder / "altered.avro").write_bytes(whole[:-500] + b"\0" * 100 + whole[-400:])
    (folder / "text.avro").write_bytes(b"n,text\n1,a\n")
    writer = {"type": "record", "name": "Row", "fields": [{"name": "n", "type": "long"}]}
    out = io.BytesIO()
    fastavro.writer(out, writer, [{"n": 1}], codec="deflate")
    head = out.getvalue()
    (folder / "type.avro").write_bytes(head.replace(b'"long"', b'"null"'))
    pack = zlib.compressobj(1, zlib.DEFLATED, -15)
    zeros = pack.compress(bytes(80 * MIB)) + pack.flush()
    count = (80 * MIB) << 1
    (folder / "bomb.avro").write_bytes(head + _varint(count) + _varint(len(zeros) << 1) + zeros + head[-16:])
    short = zlib.compressobj(1, zlib.DEFLATED, -15)
    few = short.compress(b"\x02\x04") + short.flush()
    (folder / "counts.avro").write_bytes(head + _varint(3 << 1) + _varint(len(few) << 1) + few + head[-16:])


def _varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def _tfrecord(folder: pathlib.Path) -> None:
    whole = write("tfrecord", folder / "whole.tfrecord", ROWS, SCHEMA).read_bytes()
    (folder / "cut.tfrecord").write_bytes(whole[:-9])
    middle = len(whole) // 2
    (folder / "crc.tfrecord").write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    (folder / "length.tfrecord").write_bytes(struct.pack("<Q", 1 << 40) + whole[8:])
    (folder / "text.tfrecord").write_bytes(b"n,text\n1,a\n" * 9)
    (folder / "cut.tfrecord.gz").write_bytes(gzip.compress(whole)[:-99])
    some: list[dict[str, Any]] = [{"n": 1, "text": "a"}, {"text": "b"}, {"n": 1.5}, {"n": [1, 2]}, {"n": 3}]
    write("tfrecord", folder / "lacks.tfrecord", some, SCHEMA)


def said_of(path: pathlib.Path) -> Any:
    """Return why a file is refused, else how many of its rows are read and which are rejected for what."""
    rows, rejected = 0, []
    try:
        files = find_files([str(path)])
        check_files(files, SCHEMA)
        for block, intake in taken_in(files, SCHEMA):
            rows += intake.batch.num_rows
            rejected += [[block.first_row + one.row, one.reason.value, one.path] for one in intake.rejections]
    except InputError as error:
        return str(error).replace(f"{path.parent}/", "")
    return [rows, rejected[:9]]


def main(folder: pathlib.Path) -> None:
    """Print as JSON what is said of every file of a folder, by its name."""
    for name in ("csv.gz", "parquet", "avro", "tfrecord"):  # so that what they import is there
        said_of(folder / f"whole.{name}")
    pa.set_cpu_count(1)
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for path in sorted(folder.iterdir()):
        print(json.dumps([path.name, said_of(path)]), flush=True)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
