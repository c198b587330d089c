"""The directory of a search: what is in it, and that one process at a time works there and on its storage."""

import contextlib
import fcntl
import pathlib
import shutil
from collections.abc import Iterator

import pyarrow as pa

from beam_jobs.tuning.place import LOCK
from models.families.family import Split
from models.tuning.kept_splits import keep, keep_rows
from schemas.artifacts import artifact
from schemas.errors import ServiceError


class SearchFolder:
    """Paths in the directory of a search; `storage` may be elsewhere."""

    def __init__(self, path: str, storage: str | None):
        self.path = pathlib.Path(path)
        self.storage = self.path / "study.db" if storage is None else pathlib.Path(storage)
        self.candidate = self.path / "candidate"
        self.trials = self.path / "trials.json"
        self.page = self.path / "tuning.html"
        self._work = self.path / ".work"

    @property
    def has_candidate(self) -> bool:
        """Whether the candidate is complete."""
        return (self.candidate / artifact.MARKER).exists()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the directory and the storage for the block; raises `ServiceError` if another process works there.

        What a killed one has left half-made is removed first, and the files of the block behind it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        study = self.storage.resolve()
        with _alone(self.path / LOCK, self.path), _alone(study.with_name(f"{study.name}{LOCK}"), self.storage):
            if self.candidate.exists() and not self.has_candidate:
                shutil.rmtree(self.candidate)
            shutil.rmtree(self._work, ignore_errors=True)
            self._work.mkdir()
            try:
                yield
            finally:
                shutil.rmtree(self._work, ignore_errors=True)

    @property
    def work(self) -> pathlib.Path:
        """A folder for files of the block that holds the directory."""
        return self._work

    def keep(self, name: str, split: Split) -> pathlib.Path:
        """Write a split for the processes to map; return its folder."""
        folder = self._work / name
        keep(split, folder)
        return folder

    def keep_rows(self, name: str, rows: pa.RecordBatch) -> pathlib.Path:
        """Write raw columns of a split's rows for the processes to map; return their file."""
        file = self._work / f"{name}.arrow"
        keep_rows(rows, file)
        return file


@contextlib.contextmanager
def _alone(lock: pathlib.Path, place: pathlib.Path) -> Iterator[None]:
    """Hold a lock for the block; raises `ServiceError` with the place's name if another process does."""
    with open(lock, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ServiceError(f"{place}: another process works on this search; wait for it, or end it") from None
        yield
