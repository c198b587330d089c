"""Blocks of raw rows taken in: decoded as the format of their file says, validated, treated."""

from collections.abc import Hashable, Iterable, Iterator

from beam_jobs.raw_files.blocks import read_file
from beam_jobs.raw_files.formats import format_of
from beam_jobs.raw_files.raw_format import RawFile, RawFormat, RawRows
from schemas.personal.treatments import Treatments
from schemas.schema import Schema
from transforms.decode.decoding import Decoder
from transforms.intake.take_in import Intake, take_in


class RawRowsDecoder:
    """Takes in blocks of any file, with one decoder per format and layout.

    `schema` is that of what is decoded; `treatments` are its own, and without them personal columns stay as they are.
    """

    def __init__(self, schema: Schema, treatments: Treatments | None = None):
        self.schema = schema
        self.treatments = treatments or Treatments.untouched(schema)
        self._decoders: dict[tuple[RawFormat, Hashable], Decoder] = {}

    def decoder(self, rows: RawRows) -> Decoder:
        """Return what decodes the values of a block."""
        known = format_of(rows.file.path, rows.file.options)
        key = known, rows.layout
        if key not in self._decoders:
            self._decoders[key] = known.decoder(rows.layout, self.schema, where=rows.file.path)
        return self._decoders[key]

    def take_in(self, rows: RawRows) -> Intake:
        """Decode, validate and treat a block."""
        return take_in(rows.values, self.decoder(rows), self.schema, self.treatments)


def taken_in(
    files: Iterable[RawFile], schema: Schema, treatments: Treatments | None = None
) -> Iterator[tuple[RawRows, Intake]]:
    """Yield every block of some files with what a schema takes of it; see `RawRowsDecoder`."""
    decoder = RawRowsDecoder(schema, treatments)
    for file in files:
        for rows in read_file(file, schema.names):
            yield rows, decoder.take_in(rows)
