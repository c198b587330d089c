"""Fields that the schema does not name, dealt with as it says: in one place, whatever the decoder."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.rejection import Reason, Rejection, Stage, pointer
from schemas.schema import Schema
from schemas.unknown_fields import UnknownFields
from transforms.decode.decoding import Decoded, Decoder, unknown_name


def heeded(decoded: Decoded, values: Sequence[Any], decoder: Decoder, schema: Schema) -> Decoded:
    """Return what was decoded as the schema's policy wants it; `values` are what `decoder` decoded it from.

    Which rows have such a field a decoder does not say, only how many: they are looked for by halves, as long as
    there are any. Columns of training alone are no unknown fields to a stream that rejects them.
    """
    if schema.unknown_fields is UnknownFields.IGNORE:
        return dataclasses.replace(decoded, unknown_fields={})
    if schema.unknown_fields is UnknownFields.COUNT:
        return decoded
    known = {unknown_name(name) for name in schema.named}
    found = dict(_with_unknown(values, 0, decoded.unknown_fields, decoder, known))
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
        {name: count for name, count in decoded.unknown_fields.items() if name in known},
    )


def _with_unknown(
    values: Sequence[Any], first: int, fields: Mapping[str, int], decoder: Decoder, known: set[str]
) -> Iterator[tuple[int, str]]:
    """Yield the rows that have unknown fields, each with the first such; `fields` are counted in all of `values`."""
    names = [name for name in fields if name not in known]
    if not names:
        return
    if len(values) == 1:
        yield first, names[0]
        return
    every = next((name for name in names if fields[name] == len(values)), None)
    if every is not None:  # as in a file, whose columns all rows have
        yield from ((first + row, every) for row in range(len(values)))
        return
    middle = len(values) // 2
    for start, part in ((0, values[:middle]), (middle, values[middle:])):
        yield from _with_unknown(part, first + start, decoder(part).unknown_fields, decoder, known)
