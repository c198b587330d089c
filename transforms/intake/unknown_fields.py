"""Fields that the schema does not name, dealt with as it says: in one place, whatever the decoder."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.rejection import Reason, Rejection, Stage, pointer
from schemas.schema import Schema
from schemas.unknown_fields import UnknownFields
from transforms.decode.decoding import Decoded, Decoder


def heeded(decoded: Decoded, values: Sequence[Any], decoder: Decoder, schema: Schema) -> Decoded:
    """Return what was decoded as the schema's policy wants it; `values` are what `decoder` decoded it from.

    Which rows have such a field a decoder does not say, only how many: they are looked for by halves, as long as
    there are any. A decoder counts so many names and no more, but one at least where there are any.
    """
    if schema.unknown_fields is UnknownFields.IGNORE:
        return dataclasses.replace(decoded, unknown_fields={})
    if schema.unknown_fields is UnknownFields.COUNT:
        return decoded
    found = dict(_with_unknown(values, 0, decoded.unknown_fields, decoder))
    bad = [row in found for row in decoded.rows.tolist()]
    rejections = [
        *decoded.rejections,
        *(
            Rejection(row, Stage.DECODE, Reason.UNKNOWN_FIELD, pointer(found[row]))
            for row in decoded.rows[bad].tolist()
        ),
    ]
    keep = ~np.array(bad, bool)
    return Decoded(
        decoded.batch.filter(pa.array(keep)),
        decoded.rows[keep],
        sorted(rejections, key=lambda rejection: rejection.row),
    )


def _with_unknown(
    values: Sequence[Any], first: int, fields: Mapping[str, int], decoder: Decoder
) -> Iterator[tuple[int, str]]:
    """Yield the rows that have unknown fields, each with the first such; `fields` are counted in all of `values`."""
    if not fields:
        return
    every = next((name for name, count in fields.items() if count == len(values)), None)
    if every is not None:  # as in a file, whose columns all rows have
        yield from ((first + row, every) for row in range(len(values)))
        return
    middle = len(values) // 2
    for start, part in ((0, values[:middle]), (middle, values[middle:])):
        yield from _with_unknown(part, first + start, decoder(part).unknown_fields, decoder)
