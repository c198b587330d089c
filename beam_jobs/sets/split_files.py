"""Files that are a split as a whole: which of the files of a build they are."""

import os
from collections.abc import Mapping, Sequence
from typing import Protocol

from beam_jobs.cli.file_settings import FileOptions
from beam_jobs.raw_files.finding import find_files
from beam_jobs.raw_files.raw_format import RawFile
from models.splits import SplitRule
from schemas.address import is_remote
from schemas.errors import InputError, UsageError


class SplitFiles(Protocol):
    """What the settings of a build say of files."""

    @property
    def data(self) -> tuple[str, ...]:
        """Files whose rows are split by rule, or are train if there are files for both others."""

    @property
    def file_options(self) -> FileOptions:
        """How the files are to be read."""

    @property
    def eval_data(self) -> tuple[str, ...]:
        """Files that are the eval split."""

    @property
    def test_data(self) -> tuple[str, ...]:
        """Files that are the test split."""


def check_given(settings: SplitFiles, split: SplitRule) -> None:
    """Raise for files that cannot be splits.

    `UsageError` if only one of eval and test has files and the rest of the rows is not split by shares, `InputError`
    for a file that is among those of two splits.
    """
    given = [name for name, data in (("eval", settings.eval_data), ("test", settings.test_data)) if data]
    if len(given) == 1 and not isinstance(split, Mapping):
        other = "test" if given == ["eval"] else "eval"
        raise UsageError(f"--{given[0]}-data without --{other}-data: the use case does not split by shares; give both")
    if not given:
        return
    seen: set[str] = set()
    for patterns in (settings.eval_data, settings.test_data, settings.data):
        files = find_files(patterns, settings.file_options) if patterns else []
        places = {file.path if is_remote(file.path) else os.path.realpath(file.path): file.path for file in files}
        for place, path in places.items():
            if place in seen:
                raise InputError(f"{path}: among the files of two splits; give it to one of them")
        seen |= set(places)


def split_files(settings: SplitFiles, files: Sequence[RawFile]) -> dict[int, str]:
    """Return the split of those files, by their number among all, that are one as a whole."""
    numbers = {file.path: file.number for file in files}
    return {
        numbers[file.path]: name
        for name, patterns in (("eval", settings.eval_data), ("test", settings.test_data))
        for file in (find_files(patterns, settings.file_options) if patterns else [])
        if file.path in numbers
    }
