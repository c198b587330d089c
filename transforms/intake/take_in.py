"""Taking raw values in: decode, validate, treat what is personal. The one function that batch and stream share."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from schemas.personal.treatments import Treatments
from schemas.rejection import Rejection
from schemas.schema import Schema
from schemas.validation import validate
from transforms.decode.decoding import Decoder
from transforms.intake.unknown_fields import heeded


@dataclasses.dataclass(frozen=True)
class Intake:
    """The rows that a use case can go on with, and why the others cannot.

    `batch` has the columns that the treatments of personal ones leave. `rows` (int64) are the indices in the input of
    the rows in `batch`; with those of `rejections` they are all of the input's rows, each once.
    """

    batch: pa.RecordBatch
    rows: np.ndarray
    rejections: list[Rejection]
    unknown_fields: Mapping[str, int]


def take_in(
    values: Sequence[bytes | None], decoder: Decoder, schema: Schema, treatments: Treatments | None = None
) -> Intake:
    """Decode raw values, validate what was decoded, treat what is personal; never raises for a value.

    `treatments` are those of the schema; without them every column stays as it was sent.

    >>> from transforms.decode.json_decoder import JsonDecoder
    >>> schema = Schema.from_text('feature { name: "fare" type: FLOAT float_domain { min: 0 } }')
    >>> intake = take_in([b'{"fare": -1}', b"{", b'{"fare": 2}'], JsonDecoder(schema), schema)
    >>> intake.rows.tolist(), [(found.row, found.reason.value) for found in intake.rejections]
    ([2], [(0, 'RANGE'), (1, 'JSON_SYNTAX')])
    """
    decoded = decoder(values)
    if decoded.unknown_fields:
        decoded = heeded(decoded, values, decoder, schema)
    validated = validate(decoded.batch, schema)
    found = [dataclasses.replace(rejection, row=int(decoded.rows[rejection.row])) for rejection in validated.rejections]
    rejections = sorted([*decoded.rejections, *found], key=lambda rejection: rejection.row)
    rows = decoded.rows[validated.rows]
    if len(rows) + len(rejections) != len(values):
        raise AssertionError(f"{len(values)} values in, {len(rows)} rows and {len(rejections)} rejections out")
    batch = validated.batch if treatments is None else treatments(validated.batch)
    return Intake(batch, rows, rejections, decoded.unknown_fields)
