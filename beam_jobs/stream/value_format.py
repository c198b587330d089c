"""How the values of a topic are written: JSON, or Avro with the writers' schema files."""

import dataclasses

from schemas.errors import UsageError
from schemas.schema import Schema
from transforms.decode.avro_decoder import AvroDecoder
from transforms.decode.decoding import Decoder
from transforms.decode.json_decoder import JsonDecoder


@dataclasses.dataclass(frozen=True)
class ValueFormat:
    """Plain values that travel to workers; `writers` are .avsc files, for avro-confluent `ID=FILE`.

    >>> ValueFormat("avro", ("a.avsc", "b.avsc"))
    Traceback (most recent call last):
    schemas.errors.UsageError: --value-format avro takes one --avro-schema, got 2
    """

    name: str = "json"
    writers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.writers)
        if self.name == "json" and count:
            raise UsageError("--avro-schema is given, --value-format is json; give one of the avro formats")
        if self.name == "avro" and count != 1:
            raise UsageError(f"--value-format avro takes one --avro-schema, got {count}")
        if self.name != "json" and not count:
            raise UsageError(f"--value-format {self.name} wants --avro-schema")
        if self.name == "avro-confluent":
            self._by_id()

    def decoder(self, schema: Schema) -> Decoder:
        """Return the decoder of raw values into the columns of `schema`; raises `InputError` if they do not fit."""
        if self.name == "json":
            return JsonDecoder(schema)
        if self.name == "avro":
            return AvroDecoder.bare(schema, self.writers[0])
        if self.name == "avro-single-object":
            return AvroDecoder.single_object(schema, self.writers)
        return AvroDecoder.confluent(schema, self._by_id())

    def _by_id(self) -> dict[int, str]:
        found = {}
        for writer in self.writers:
            number, equals, file = writer.partition("=")
            if not (equals and number.isascii() and number.isdigit()):
                raise UsageError(f"--avro-schema {writer!r}: avro-confluent wants ID=FILE, as in 17=trips.avsc")
            found[int(number)] = file
        return found
