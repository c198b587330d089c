"""The settings of the verb that writes a use case."""

import dataclasses

from beam_jobs.cli.file_settings import RawData
from beam_jobs.cli.options import argument, option
from schemas.errors import UsageError

_TASKS = {"binary": "two classes", "multiclass": "more of them", "regression": "a number"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class New(RawData):
    """Write a use case of your own from a sample of its data.

    Its three files work as they are; a table says what was decided, and what to look at.
    """

    name: str = argument("name of the use case: lower case letters, digits, underscores")
    label: str = option("the column to predict", metavar="COLUMN")
    use_case_path: str | None = option(
        "folder for the three files; a new one of the use case's name where not given",
        None,
        metavar="DIR",
        group="use case",
    )
    task: str | None = option("what is predicted; by the label's values where not given", None, choices=_TASKS)
    rows: int = option("rows to look at, of all files together", 100_000, minimum=1)

    @property
    def folder(self) -> str:
        """Where the files go."""
        return self.use_case_path or self.name

    def check(self) -> None:
        """Refuse a name that is none, and one that is taken."""
        super().check()
        if self.csv_header == "label-first" and self.label != "c1":
            raise UsageError(
                f"--csv-header label-first, and the label is {self.label!r}; wanted c1, the first column, or leave "
                "label-first out"
            )
        from models.use_case_files import new_files

        new_files(self.name, self.folder)
