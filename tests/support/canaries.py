"""Canaries: values that must be nowhere. Files are opened up as far as any reader could, and searched."""

import gzip
import io
import json
import pathlib
import struct
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.parquet
from google.protobuf import text_format
from google.protobuf.message import DecodeError
from tensorflow_metadata.proto.v0 import statistics_pb2


def needles(value: str | int | float) -> set[bytes]:
    """Return how a value may be written: as text, and as the bytes of Arrow, NumPy and protocol buffers.

    >>> sorted(needles(300))
    [b',\\x01\\x00\\x00\\x00\\x00\\x00\\x00', b'300', b'\\xac\\x02']
    """
    if isinstance(value, str):
        return {value.encode(), value.encode("utf-16-le"), value.lower().encode()}
    if isinstance(value, float):
        return {repr(value).encode(), struct.pack("<f", value), struct.pack("<d", value)}
    parts, rest = [], value
    while rest > 127:
        parts.append(rest & 127 | 128)
        rest >>= 7
    return {str(value).encode(), struct.pack("<q", value), bytes([*parts, rest])}


def found_in(folder: pathlib.Path, wanted: Iterable[bytes]) -> list[str]:
    """Return where in the files below a folder a needle is, `path: needle`; values of rejected rows do not count."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    assert files, folder
    return [
        f"{path.relative_to(folder)}: {needle!r}"
        for path in files
        for needle in wanted
        if any(needle in text for text in _opened(path))
    ]


def _opened(path: pathlib.Path) -> list[bytes]:
    return list(_texts(path.name, path.read_bytes()))


def _texts(name: str, data: bytes) -> Iterator[bytes]:
    """Yield the bytes of a file, and what is packed into them."""
    if ".rejected" in name or name.startswith("rejected-"):
        rows = [json.loads(line) for line in data.splitlines()]
        yield json.dumps([{**row, "value": None} for row in rows]).encode()
        return
    yield data
    if data.startswith(b"\x1f\x8b"):
        yield from _texts(name.removesuffix(".gz"), gzip.decompress(data))
    elif data.startswith(b"(\xb5/\xfd"):
        with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
            yield from _texts(name.removesuffix(".zst"), stream.read())
    elif data.startswith(b"PAR1"):
        yield json.dumps(pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist(), default=str).encode()
    elif name.endswith((".arrow", ".arrows")):
        opener = pa.ipc.open_file if data.startswith(b"ARROW1") else pa.ipc.open_stream
        with opener(pa.BufferReader(data)) as reader:
            yield json.dumps(reader.read_all().to_pylist(), default=str).encode()
    elif name.endswith(".pb"):
        statistics = statistics_pb2.DatasetFeatureStatisticsList()
        try:
            statistics.ParseFromString(data)
        except DecodeError:
            return
        yield text_format.MessageToString(statistics, as_utf8=True).encode()
