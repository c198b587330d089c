"""The three files together: made as texts, checked as a build checks them, then written."""

import dataclasses

from beam_jobs.first_draft.model_file import model_file
from beam_jobs.first_draft.transform_file import transform_file
from models.use_case_files import Files
from schemas import roles
from schemas.errors import InputError
from schemas.inference.finding import FEATURES
from schemas.inference.inferred import Inferred
from schemas.inference.target import Target
from schemas.inference.written import written
from schemas.review.heeded import check_usable
from schemas.schema import Schema


@dataclasses.dataclass(frozen=True)
class Draft:
    """The texts of the three files."""

    schema: str
    transform: str
    model: str

    def write(self, files: Files) -> None:
        """Write them, with the folders that they need; a file that is there meanwhile is not replaced."""
        for file, text in zip(files, (self.schema, self.transform, self.model), strict=True):
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as opened:
                opened.write(text)


def draft(inferred: Inferred, target: Target, name: str) -> Draft:
    """Return the files of a use case; raises `InputError` if no column makes a feature."""
    if not inferred.of_use(*FEATURES):
        uses = ", ".join(f"{finding.name} is {finding.use.value}" for finding in inferred.findings[:5])
        raise InputError(f"{inferred.where}: no column that a feature can be made of ({uses}); give data with more")
    schema = written(inferred, f"{name}: what the data is. A first version by `onegraph new`: read it, correct it.")
    parsed = Schema.from_text(schema, f"{name}.pbtxt")
    roles.check(parsed.columns, f"{name}.pbtxt")
    check_usable(parsed, f"{name}.pbtxt")
    made = Draft(schema, transform_file(inferred, target, name), model_file(inferred, target, name))
    for text in (made.transform, made.model):
        compile(text, name, "exec")
    return made
