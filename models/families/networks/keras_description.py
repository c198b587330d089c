"""What a person asks of a model of the family `keras`, read off its small file: TensorFlow takes seconds to import."""

import pathlib
from typing import Any

from schemas.errors import ArtifactError
from schemas.plain_files import parse_json, read_plain

FILE = "model.json"
_LARGEST = 16 * 1024 * 1024


def describe(folder: pathlib.Path) -> dict[str, Any]:
    """Return the network, its layers, weights and features; raises `ArtifactError` for what is no model."""
    known = read_facts(folder)
    names = ("network", "layers", "activation", "weights")
    return {
        "family": "keras",
        **{name: known["network"][name] for name in names},
        "features": len(known["feature_names"]),
    }


def read_facts(folder: pathlib.Path) -> dict[str, Any]:
    """Return what the model's small file says, its facts of their types; raises `ArtifactError` if they are not."""
    path = folder / FILE
    try:
        known = parse_json(read_plain(path, _LARGEST))
    except FileNotFoundError:
        raise ArtifactError(f"{path}: no such model file") from None
    except ValueError:
        raise ArtifactError(f"{path}: not a model of family keras; train again") from None
    if not isinstance(known, dict) or not _fits(known):
        raise ArtifactError(f"{path}: not a model of family keras as this version writes it; train again")
    return known


def _fits(known: dict[str, Any]) -> bool:
    names, network, together = (known.get(name) for name in ("feature_names", "network", "together"))
    return (
        known.get("format") == 1
        and isinstance(names, list)
        and all(isinstance(name, str) for name in names)
        and type(known.get("classes")) is int
        and 0 <= known["classes"] <= 1_000
        and isinstance(network, dict)
        and all(isinstance(network.get(name), str) for name in ("network", "activation"))
        and type(network.get("weights")) is int
        and isinstance(network.get("layers"), list)
        and all(type(size) is int for size in network["layers"])
        and isinstance(together, list)
        and _are_apart(together, len(names))
    )


def _are_apart(together: list[Any], features: int) -> bool:
    """Say whether they are pairs (first column, width), one behind the other and within the features."""
    end = 0
    for one in together:
        if not (isinstance(one, list) and len(one) == 2 and all(type(number) is int for number in one)):
            return False
        if one[0] < end or one[1] < 1:
            return False
        end = one[0] + one[1]
    return end <= features
