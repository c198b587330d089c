"""A schema alone, as raw files suggest it: no label, so no column is of training only."""

from collections.abc import Sequence
from typing import Any

from beam_jobs.first_draft.decisions import decisions
from beam_jobs.first_draft.samples import sampled
from beam_jobs.raw_files.raw_format import RawFile
from schemas.inference.inferred import infer
from schemas.inference.written import written

MOST_ROWS = 100_000
"""Rows that are looked at, of all files together."""


def inferred_schema(files: Sequence[RawFile]) -> dict[str, Any]:
    """Return the text of the schema that files suggest, and what was decided; raises `InputError` for no rows."""
    inferred = infer(sampled(files, MOST_ROWS))
    return {"schema": written(inferred, "A schema inferred from data: read it, correct it."), **decisions(inferred)}
