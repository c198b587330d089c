"""Files that are a split as a whole: which of the files of a build they are."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from beam_jobs.raw_files.finding import find_files
from beam_jobs.raw_files.raw_format import RawFile
from models.splits import SplitRule
from schemas.errors import InputError, UsageError


class SplitFiles(Protocol):
    """What the settings of a build say of files."""

    @property
    def data(self) -> tuple[str, ...]:
        """Files whose rows are split by rule, or are train if there are files for both others."""

    @property
    def eval_data(self) -> tuple[str, ...]:
        """Files that are the eval split."""

    @property
    def test_data(self) -> tuple[str, ...]:
        """Files that are the test split."""


def check_given(settings: SplitFiles, split: SplitRule) -> None:
    """Raise `UsageError` if only one of eval and test has files and the rest of the rows is not split by shares."""
    given = [name for name, data in (("eval", settings.eval_data), ("test", settings.test_data)) if data]
    if len(given) == 1 and not isinstance(split, Mapping):
        other = "test" if given == ["eval"] else "eval"
        raise UsageError(
            f"--{given[0]}-data without --{other}-data: the use case does not split by shares of rows; give both"
        )


def split_files(settings: SplitFiles, files: Sequence[RawFile]) -> dict[int, str]:
    """Return the split of those files, by their number among all, that are one as a whole.

    Raises `InputError` for a file that is among those of two splits.
    """
    numbers = {file.path: file.number for file in files}
    found: dict[int, str] = {}
    for name, patterns in (("eval", settings.eval_data), ("test", settings.test_data), ("", settings.data)):
        for file in find_files(patterns) if patterns and (settings.eval_data or settings.test_data) else ():
            number = numbers.get(file.path)
            if number is None or number in found:
                raise InputError(f"{file.path}: among the files of two splits; give it to one of them")
            if name:
                found[number] = name
    return found
