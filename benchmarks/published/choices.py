"""The parameters that were chosen, in `choices.json`: by model, by what they are the best for."""

import dataclasses
import json
import pathlib
from collections.abc import Mapping

from benchmarks.published.product import Choice
from schemas.plain_files import write_whole

FILE = pathlib.Path(__file__).with_name("choices.json")

Choices = Mapping[str, Mapping[str, Choice]]


def read(file: pathlib.Path = FILE) -> dict[str, dict[str, Choice]]:
    """Return the choices of a file: by model, by the metric that they are best for, or `all`."""
    models = json.loads(file.read_text())
    return {model: {name: _choice(one) for name, one in found.items()} for model, found in models.items()}


def write(file: pathlib.Path, choices: Choices) -> None:
    """Write choices so that `read` returns them."""
    values = {model: {name: dataclasses.asdict(one) for name, one in found.items()} for model, found in choices.items()}
    write_whole(file, (json.dumps(values, indent=1) + "\n").encode())


def _choice(value: dict) -> Choice:
    parameters = {name: tuple(one) if isinstance(one, list) else one for name, one in value["parameters"].items()}
    return Choice(parameters, value["rounds"], value["family"])
