"""Avro records to columns: the same cells as JSON gives for the same record.

A record's bytes do not say what they are; the writer's schema does, and a header in front of them says which. Schemas
come from files that the caller names, so every framing is a table from header to schema.
"""

import dataclasses
import pathlib
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.errors import InputError
from schemas.rejection import Reason
from schemas.schema import Schema
from transforms.decode.avro_columns import WriterSchema
from transforms.decode.decoding import Decoded, Faults, Limits, UnknownCounts, build_batch
from transforms.decode.strict_json import Refused

_SINGLE_OBJECT = b"\xc3\x01"
_CONFLUENT = struct.Struct(">bI")
_MANY = 128  # rows from which reading field by field is faster than row by row
_MANY_BYTES = 16 << 20  # and up to which it is cheap: arrays of positions take eight times as much
_Path = str | pathlib.Path


class AvroDecoder:
    """Decodes Avro records of one schema; make it with `bare`, `single_object` or `confluent`.

    `writers` has for every header, all of one length, the text of the writer's schema and the name of its file for
    messages. A value with another header is rejected as AVRO_FRAME, whether the bytes are damaged or the schema is one
    that the job was not given. A column that the writer's schema lacks is missing; fields that the schema does not
    name are stepped over and counted. Raises `InputError` for a writer's schema that cannot give the schema's columns.
    """

    def __init__(self, schema: Schema, writers: Mapping[bytes, tuple[str, str]], limits: Limits | None = None):
        self.schema = schema
        self.limits = limits or Limits()
        if len(set(map(len, writers))) != 1:
            raise InputError("Avro: no writer's schema given; name at least one .avsc file")
        self._texts = dict(writers)
        self._writers = {
            header: WriterSchema(text, schema, self.limits, where) for header, (text, where) in writers.items()
        }
        self._body = len(next(iter(writers)))

    @classmethod
    def bare(cls, schema: Schema, writer: _Path, limits: Limits | None = None) -> "AvroDecoder":
        """Values are records without a header, all of the schema in one file."""
        return cls(schema, {b"": (_text(writer), str(writer))}, limits)

    @classmethod
    def single_object(cls, schema: Schema, writers: Sequence[_Path], limits: Limits | None = None) -> "AvroDecoder":
        """Values start with Avro's single-object header: `C3 01` and the schema's CRC-64-AVRO, little endian."""
        texts = [(_text(path), str(path)) for path in writers]
        limits = limits or Limits()
        prints = [WriterSchema(text, schema, limits, where).fingerprint for text, where in texts]
        return cls(schema, {_SINGLE_OBJECT + one: text for one, text in zip(prints, texts, strict=True)}, limits)

    @classmethod
    def confluent(cls, schema: Schema, writers: Mapping[int, _Path], limits: Limits | None = None) -> "AvroDecoder":
        """Values start with a zero byte and the schema's registry id, 4 bytes big endian; `writers` is id -> file."""
        for number in writers:
            if not 0 <= number < 1 << 32:
                raise InputError(f"Avro: schema id {number}: an id has 32 bits; take it from the schema registry")
        texts = {_CONFLUENT.pack(0, number): (_text(path), str(path)) for number, path in writers.items()}
        return cls(schema, texts, limits)

    def __reduce__(self) -> tuple[Any, ...]:
        return AvroDecoder, (self.schema, self._texts, self.limits)

    def __call__(self, values: Sequence[bytes | None]) -> Decoded:
        return (self._many(values) if len(values) >= _MANY else None) or self._each(values)

    def _many(self, values: Sequence[bytes | None]) -> Decoded | None:
        """Decode values of one frequent kind; None if that is not what they are."""
        header = next((value[: self._body] for value in values if value), b"")
        writer = self._writers.get(header)
        if writer is None or writer.vectors is None:
            return None
        usual = [row for row, value in enumerate(values) if value and value.startswith(header)]
        usual = [row for row in usual if len(values[row] or b"") <= self.limits.max_bytes]
        if sum(len(values[row] or b"") for row in usual) > _MANY_BYTES:
            return None
        columns, marked = writer.vectors.read([values[row] or b"" for row in usual], self._body)
        if columns is None:
            usual = [row for row, is_marked in zip(usual, marked.tolist(), strict=True) if not is_marked]
            columns, _ = writer.vectors.read([values[row] or b"" for row in usual], self._body)
        others = sorted(set(range(len(values))).difference(usual))
        decided = self._each([values[row] for row in others])
        if columns is None or len(decided.rows):
            return None
        batch = pa.RecordBatch.from_arrays(columns, schema=self.schema.arrow_schema)
        rejections = [dataclasses.replace(rejection, row=others[rejection.row]) for rejection in decided.rejections]
        return Decoded(batch, np.array(usual, np.int64), rejections, self._unknown({header: len(usual)}))

    def _each(self, values: Sequence[bytes | None]) -> Decoded:
        faults, cells, kept = Faults(), [], []
        read = dict.fromkeys(self._writers, 0)
        for row, value in enumerate(values):
            try:
                header, record = self._read(value)
            except Refused as refused:
                faults.add(row, refused.reason, refused.path)
            except (IndexError, struct.error):  # the value ends before its record does
                faults.add(row, Reason.AVRO_FRAME)
            else:
                read[header] += 1
                cells.append(record)
                kept.append(row)
        columns: Sequence[Sequence[Any]] = list(zip(*cells, strict=True))[:-1]
        batch = build_batch(self.schema, columns or [()] * len(self.schema.columns))
        return Decoded(batch, np.array(kept, np.int64), faults.sorted(), self._unknown(read))

    def _read(self, value: bytes | None) -> tuple[bytes, list[Any]]:
        if value is None:
            raise Refused(Reason.TOMBSTONE)
        if len(value) > self.limits.max_bytes:
            raise Refused(Reason.TOO_LARGE)
        header = value[: self._body]
        writer = self._writers.get(header)
        if writer is None:
            raise Refused(Reason.AVRO_FRAME)
        return header, writer.read(value, self._body)

    def _unknown(self, read: Mapping[bytes, int]) -> dict[str, int]:
        unknown = UnknownCounts(self.schema, self.limits)
        for header, count in read.items():
            if count:
                unknown.add(self._writers[header].unknown, count)
        return unknown.counts


def _text(path: _Path) -> str:
    try:
        return pathlib.Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such Avro schema file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: cannot be read as an Avro schema: {type(error).__name__}; give a .avsc file"
        ) from None
