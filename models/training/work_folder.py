"""What a training leaves beside its candidate while it runs: checkpoints, and files of what is larger than memory.

It is `OUTPUT.training`, so that the same command finds it again; the candidate's completion removes it.
"""

import contextlib
import pathlib
import shutil
from collections.abc import Iterator

from schemas.artifacts.artifact import MARKER, ArtifactKind
from schemas.artifacts.making import check_place
from schemas.plain_files import write_whole

_WRITING = "writing"


def work_folder(output: str | pathlib.Path) -> pathlib.Path:
    """Return the folder beside an output.

    >>> str(work_folder("runs/1"))
    'runs/1.training'
    """
    place = pathlib.Path(output)
    return place.with_name(f"{place.name}.training")


def checkpoints_of(output: str | pathlib.Path) -> pathlib.Path:
    """Return where the checkpoints of a training are."""
    return work_folder(output) / "checkpoints"


def check_output(output: str | pathlib.Path) -> None:
    """Raise as `check_place` does; what a training that was killed had begun to write is no obstacle to the next."""
    if not _left_over(pathlib.Path(output)):
        check_place(output, ArtifactKind.CANDIDATE)


@contextlib.contextmanager
def working(output: str | pathlib.Path, resumable: bool, rank: int) -> Iterator[pathlib.Path]:
    """Have a folder for large files within the block; it is removed afterwards, and what a killed one left, before.

    A training that is `resumable` says there that it writes its candidate, so that one that was killed meanwhile can
    be begun again. That, and checkpoints, go when the candidate is complete.
    """
    folder, place = work_folder(output), pathlib.Path(output)
    files = folder / f"files-{rank}"
    shutil.rmtree(files, ignore_errors=True)
    if rank == 0:
        if _left_over(place):
            shutil.rmtree(place)
        check_place(output, ArtifactKind.CANDIDATE)
        if resumable:
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(folder / _WRITING, b"")
    try:
        yield files
        if rank == 0:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        shutil.rmtree(files, ignore_errors=True)
        with contextlib.suppress(OSError):
            folder.rmdir()  # where nothing else is in it


def _left_over(output: pathlib.Path) -> bool:
    """Say whether an output is what a resumable training that was killed had begun to write."""
    return (work_folder(output) / _WRITING).is_file() and output.is_dir() and not (output / MARKER).exists()
