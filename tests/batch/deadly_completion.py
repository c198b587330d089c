"""Runs that are killed while they complete their directory: `python -m tests.batch.deadly_completion FOLDER`.

For each place in `PLACES` a process makes FOLDER/<place> and kills itself there.
"""

import os
import pathlib
import signal
import sys
from typing import Any

from beam_jobs.batch.file_job import new_directory
from beam_jobs.batch.written_files import REJECTED, Written
from schemas.artifacts import artifact

# While files are hashed, and between manifest and marker.
PLACES = ("_entry", "marker_of")


def _killed(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(folder: pathlib.Path) -> None:
    """Start one process per place and wait for its end."""
    for place in PLACES:
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            continue
        setattr(artifact, place, _killed)
        with new_directory(str(folder / place), "training_set", {"code": "a"}) as made:
            (made.path / "train").write_text("rows")
            made.complete(Written({REJECTED: []}), {})
        os._exit(0)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
