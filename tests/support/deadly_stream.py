"""`score_stream` in processes of its own that some values really end, started again by what watches them.

`supervise([LOG, "score_stream", OPTIONS...])`, the function of a process of its own, forks a job and another after
every death; appends each exit status to LOG and ends with that of the first job that was not killed.
"""

import os
import pathlib
import sys
import time
import types
from collections.abc import Sequence
from typing import Any

from beam_jobs.cli.command_line import main
from beam_jobs.stream import value_format
from schemas.personal.treatments import Treatments
from schemas.schema import Schema
from transforms.decode.decoding import Decoded
from transforms.decode.json_decoder import JsonDecoder

ABORT, HANG = b'{"abort": 1}', b'{"hang": 1}'
SLOW, SLOW_S = b'"slow": 1', 0.25  # in a value, and how long each of these takes
_MOST_DEATHS = 6


class DeadlyDecoder(JsonDecoder):
    """Does to the process what a fault in native code does, on two values; others are slow."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _in_the_child, (self.schema.text(),)

    def __call__(self, values: Sequence[bytes | None]) -> Decoded:
        if ABORT in values:
            os.abort()
        while HANG in values:
            time.sleep(1)
        time.sleep(SLOW_S * sum(SLOW in value for value in values if value))
        return super().__call__(values)


def _in_the_child(schema: str) -> DeadlyDecoder:
    """Make the decoder when the culprits are looked for; what is tried is its doing, so no model is loaded."""
    decoder = DeadlyDecoder(Schema.from_text(schema))
    scorer = types.SimpleNamespace(bundle_id="deadly", treatments=Treatments.untouched(decoder.schema), score_rows=len)
    loads = types.SimpleNamespace(Scorer=types.SimpleNamespace(load=lambda path: scorer))
    sys.modules.setdefault("models.scoring.scorer", loads)  # type: ignore[arg-type]
    return decoder


def supervise(argv: list[str]) -> int:
    """Run the job until it ends by itself; the first word is the log."""
    log, argv = pathlib.Path(argv[0]), argv[1:]
    value_format.JsonDecoder = DeadlyDecoder  # type: ignore[misc]
    for _ in range(_MOST_DEATHS):
        child = os.fork()
        if child == 0:
            os._exit(main(argv))
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        with log.open("a") as file:
            file.write(f"{code}\n")
        if code == 0:
            return 0
    return 1
