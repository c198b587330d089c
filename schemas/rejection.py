"""Why a record was not scored: a closed list of reasons, and the rejection of one row.

Bad data is data. A function that takes rows returns the rows it kept and a `Rejection` for every other one;
it never raises for a row, and it never logs or quotes a field's value.
"""

import dataclasses
import enum


class Stage(enum.StrEnum):
    """The step that rejected the record."""

    DECODE = "decode"
    VALIDATE = "validate"
    SCORE = "score"
    WRITE = "write"


class Reason(enum.StrEnum):
    """Closed list: rejected records, counters and runbook use these words and no others."""

    JSON_SYNTAX = "JSON_SYNTAX"
    JSON_DEPTH = "JSON_DEPTH"
    JSON_DUP_KEY = "JSON_DUP_KEY"
    CSV_SYNTAX = "CSV_SYNTAX"
    AVRO_FRAME = "AVRO_FRAME"
    AVRO_DEPTH = "AVRO_DEPTH"
    EXAMPLE_SYNTAX = "EXAMPLE_SYNTAX"
    ENCODING = "ENCODING"
    TOO_LARGE = "TOO_LARGE"
    HEADERS = "HEADERS"
    TOMBSTONE = "TOMBSTONE"
    UNKNOWN_FIELD = "UNKNOWN_FIELD"
    TYPE = "TYPE"
    INT_RANGE = "INT_RANGE"
    NUM_NONFINITE = "NUM_NONFINITE"
    REQUIRED = "REQUIRED"
    RANGE = "RANGE"
    TIME_RANGE = "TIME_RANGE"
    DOMAIN = "DOMAIN"
    LENGTH = "LENGTH"
    LABEL = "LABEL"
    FEATURE_NONFINITE = "FEATURE_NONFINITE"
    SCORE_FAILED = "SCORE_FAILED"
    BAD_OUTPUT = "BAD_OUTPUT"
    OUT_TOO_LARGE = "OUT_TOO_LARGE"
    NATIVE_CRASH = "NATIVE_CRASH"
    TIMEOUT = "TIMEOUT"


@dataclasses.dataclass(frozen=True, slots=True)
class Rejection:
    """One rejected row.

    `row` counts from 0 in the input of the function that returned it; `path` is a JSON pointer to the field
    (`/fare`), to the feature (`/features/fare_per_mile`) if that is what is wrong, empty if the whole record is
    at fault.
    """

    row: int
    stage: Stage
    reason: Reason
    path: str = ""


def pointer(name: str) -> str:
    """Return the JSON pointer to a field of the record.

    >>> pointer("fare"), pointer("a/b")
    ('/fare', '/a~1b')
    """
    return "/" + name.replace("~", "~0").replace("/", "~1")
