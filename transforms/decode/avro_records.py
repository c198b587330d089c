"""Where Avro records end that follow one another without anything between them, as in a block of a file."""

import json
from typing import Any

import fastavro.schema

from schemas.errors import InputError
from transforms.decode.avro_values import Skips
from transforms.decode.decoding import Limits
from transforms.decode.refused import Refused


class AvroRecords:
    """Cuts blocks of a writer's schema into records; `where` names the file in messages, for text that is no schema."""

    def __init__(self, text: str, where: str):
        named: dict[str, Any] = {}
        try:
            parsed: Any = fastavro.schema.parse_schema(json.loads(text), named)
            self._skip = Skips(named, Limits().max_depth).make(parsed)
        except Exception as error:  # fastavro raises whatever the odd text leads to
            raise InputError(f"{where}: its schema is not Avro's: {type(error).__name__}; write it again") from None

    def cut(self, block: bytes, at: int, most: int) -> tuple[list[bytes], int]:
        """Return up to `most` records from a place on, and where the last of them ends.

        There are fewer at the end of the block, and where its bytes are not of the schema.
        """
        records: list[bytes] = []
        try:
            while len(records) < most and at < len(block):
                end = self._skip(block, at, 0)
                if not at < end <= len(block):
                    break
                records.append(block[at:end])
                at = end
        except (Refused, IndexError):
            pass
        return records, at
