"""A use case in a folder of its own, small enough to be built, trained and released in seconds."""

import json
import pathlib
from collections.abc import Iterable, Sequence
from typing import Self

from beam_jobs.cli.command_line import main

MODEL = """
from models.spec import Gate, ModelSpec

MODEL = ModelSpec(
    parameters={"max_depth": 3, "eta": 0.3, "nthread": 1},
    rounds=10,
    slices=("purpose",),
    gates=(Gate("auc", at_least=0.5),),
)
"""


class UseCaseFolder:
    """The three files of a use case `own` and its rows, and verbs run on them."""

    def __init__(
        self,
        folder: pathlib.Path,
        schema: str,
        transform: str,
        rows: Iterable[Sequence[object]],
        model: str = MODEL,
    ):
        self.folder = folder
        for name, text in {"schemas/own.pbtxt": schema, "transforms/own.py": transform, "models/own.py": model}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        self.lines = [",".join("" if cell is None else str(cell) for cell in row) for row in rows]
        self.data = folder / "rows.csv"
        self.data.write_text("\n".join([*self.lines, ""]))
        self.training_set, self.candidate, self.registry = (folder / name for name in ("ts", "candidate", "registry"))

    @classmethod
    def released(
        cls,
        folder: pathlib.Path,
        schema: str,
        transform: str,
        rows: Iterable[Sequence[object]],
        model: str = MODEL,
    ) -> Self:
        """Return one that is built, trained, evaluated and released."""
        case = cls(folder, schema, transform, rows, model)
        assert case.build() == 0
        case.release()
        return case

    def verb(self, name: str, *argv: object) -> int:
        """Run a verb on this use case, named where nothing else names it; returns its exit code."""
        named = {
            "build_training_set": ["--use-case", "own", "--use-case-path", str(self.folder)],
            "train": ["--use-case-path", str(self.folder)],
            "tune": ["--use-case-path", str(self.folder)],
        }
        return main([name, *named.get(name, []), *map(str, argv)])

    def build(self) -> int:
        return self.verb("build_training_set", "--data", self.data, "--output", self.training_set)

    def release(self) -> None:
        """Train, evaluate and release what was built."""
        candidate = ["--candidate", self.candidate]
        assert self.verb("train", "--training-set", self.training_set, "--output", self.candidate) == 0
        assert self.verb("evaluate", *candidate, "--training-set", self.training_set) == 0
        assert main(["release", *map(str, candidate), "--registry", str(self.registry)]) == 0

    def score(self, output: pathlib.Path, *argv: object) -> int:
        return self.verb(
            "score_batch", "--data", self.data, "--registry", self.registry, "--output", output, "--json", *argv
        )


def lines_of(folder: pathlib.Path, name: str) -> list[dict]:
    """Return the JSON lines of an artifact's files of a name."""
    files = sorted(folder.glob(f"{name}-*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_bytes().splitlines()]
