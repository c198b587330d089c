"""The taxi use case with a model of its own, for searches that take seconds, and a search in a process of its own."""

import json
import pathlib
import shutil
import subprocess
import sys
from typing import Any

ROOT = pathlib.Path(__file__).parents[2]
SPACE = '{"max_depth": Whole(2, 6), "eta": Real(0.05, 0.5, log=True), "grow_policy": Choice("depthwise", "lossguide")}'
MODEL = """
from models.search import Choice, Real, Search, Whole
from models.spec import Gate, ModelSpec

MODEL = ModelSpec(
    parameters={parameters},
    rounds={rounds},
    early_stopping_rounds={rounds},
    seed=3,
    slices=("payment_type", "company", "trip_start_hour"),
    search={search},
)
"""


def taxi_with(
    folder: pathlib.Path,
    space: str = SPACE,
    metric: str = "average_precision",
    trials: int = 4,
    rounds: int = 20,
    parameters: str = '{"max_depth": 3, "eta": 0.3, "grow_policy": "depthwise", "nthread": 1}',
    search: str | None = None,
) -> pathlib.Path:
    """Write the three files of use case taxi into a folder, with another model."""
    for name in ("schemas/taxi.pbtxt", "transforms/taxi.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / "models").mkdir(exist_ok=True)
    search = f'Search(space={space}, metric="{metric}", trials={trials})' if search is None else search
    text = MODEL.format(rounds=rounds, parameters=parameters, search=search)
    (folder / "models" / "taxi.py").write_text(text)
    return folder


def trials_in(output: pathlib.Path) -> list[dict[str, Any]]:
    """Return the trials that a search has kept, without what a clock said."""
    trials = json.loads((output / "trials.json").read_text())["trials"]
    return [{name: value for name, value in trial.items() if name != "seconds"} for trial in trials]


def started(argv: list[str]) -> "subprocess.Popen[str]":
    """Start a command in a process of its own."""
    command = [sys.executable, "-m", "beam_jobs", *argv]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
