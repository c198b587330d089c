"""Which rows of a use case are train, eval and test by a published protocol, as raw files that a build takes."""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class Protocol:
    """Raw files of one split of a use case's rows; a published model was trained on those of train and eval together.

    `options` are further settings of the build, by their names; `use_case_path` is where the use case is, None of one
    that is shipped.
    """

    name: str
    use_case: str
    train: tuple[pathlib.Path, ...]
    eval: tuple[pathlib.Path, ...]
    test: tuple[pathlib.Path, ...]
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    use_case_path: pathlib.Path | None = None


def write_lines(folder: pathlib.Path, name: str, parts: Mapping[str, list[str]], header: str = "") -> dict[str, Any]:
    """Write rows that are lines of text into a file for each part; return the files, by part."""
    files = {}
    for part, lines in parts.items():
        path = folder / f"{name}-{part}.csv"
        path.write_text("\n".join([*([header] if header else []), *lines, ""]))
        files[part] = (path,)
    return files
