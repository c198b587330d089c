"""What a network's training saves of itself: weights, the optimizer's, how far chance has drawn, and what was best."""

import dataclasses
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from models.families.checkpoints import Checkpoint

_ARRAYS, _FACTS = "state.npz", "state.json"
_NOW, _BEST, _SEED, _OPTIMIZER = "now", "best", "seed", "optimizer"

Weights = Mapping[str, Sequence[np.ndarray]]


class Drawing(Protocol):
    """Layers whose weights and draws by chance can be taken and given back."""

    def weights(self) -> Weights: ...

    def set_weights(self, weights: Weights, /) -> None: ...

    def seeds(self) -> Mapping[str, np.ndarray]: ...

    def set_seeds(self, seeds: Mapping[str, np.ndarray], /) -> None: ...


@dataclasses.dataclass
class State:
    """How far a training is: its rounds, the weights after the best one and its loss, the metrics of every round."""

    rounds: int
    best: Weights
    best_round: int
    best_loss: float
    history: dict[str, list[float]]

    @classmethod
    def of(cls, layers: Drawing) -> "State":
        """Return that of a training that has not begun."""
        return cls(0, layers.weights(), 0, np.inf, {})

    def checkpoint(self, layers: Drawing, optimizer: Any) -> Checkpoint:
        """Return what has to be saved for the training to go on as if it had not ended."""
        arrays = _named(_NOW, layers.weights()) | _named(_BEST, self.best)
        arrays |= {f"{_SEED}/{name}": one for name, one in layers.seeds().items()}
        arrays |= {f"{_OPTIMIZER}/{at}": one.numpy() for at, one in enumerate(optimizer.variables)}
        file = io.BytesIO()
        np.savez(file, **arrays)  # type: ignore[arg-type]  # no name is one of its own parameters
        facts = {"best_round": self.best_round, "best_loss": self.best_loss, "history": self.history}
        return Checkpoint(self.rounds, {_ARRAYS: file.getvalue(), _FACTS: json.dumps(facts).encode()})


def restored(saved: Checkpoint | None, layers: Drawing, optimizer: Any) -> State | None:
    """Give layers and optimizer back what was saved; return how far the training was, None if nothing was saved."""
    if saved is None:
        return None
    facts = json.loads(saved.files[_FACTS])
    with np.load(io.BytesIO(saved.files[_ARRAYS]), allow_pickle=False) as arrays:
        layers.set_weights(_of(_NOW, arrays))
        layers.set_seeds({name.partition("/")[2]: arrays[name] for name in arrays if name.startswith(f"{_SEED}/")})
        for at, variable in enumerate(optimizer.variables):
            variable.assign(arrays[f"{_OPTIMIZER}/{at}"])
        return State(saved.rounds, _of(_BEST, arrays), facts["best_round"], facts["best_loss"], facts["history"])


def _named(of: str, weights: Weights) -> dict[str, np.ndarray]:
    return {f"{of}/{name}/{at}": one for name, values in weights.items() for at, one in enumerate(values)}


def _of(of: str, arrays: Mapping[str, np.ndarray]) -> dict[str, list[np.ndarray]]:
    """Return the weights by the names of their layers, which may have slashes themselves."""
    found: dict[str, list[np.ndarray]] = {}
    for name in arrays:
        if name.startswith(f"{of}/"):
            found.setdefault(name.removeprefix(f"{of}/").rpartition("/")[0], []).append(arrays[name])
    return found
