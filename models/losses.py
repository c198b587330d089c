"""Losses: what training makes small, `ModelSpec(loss=...)`. Imports nothing heavy.

| loss | tasks | a row's score | its contributions add up to |
|---|---|---|---|
| `LogLoss()` | `binary`, `multiclass` | a chance | log-odds; of several classes, numbers before softmax |
| `Focal(gamma, alpha)` | `binary` | 0 to 1, in order, but no chance | log-odds of the score |
| `Squared()` | `regression` | the mean | the score |
| `Absolute()`, `Quantile(level)` | `regression` | the median, a quantile | the score |
| `Poisson()`, `Tweedie(power)`, `Gamma()` | `regression` | the mean, above 0 | the natural logarithm of the score |
| `NDCG(gain)`, `Pairwise(gain)` | `ranking` | a number that orders the rows of a query | the score |

The first of a task is what it has where a spec names none.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, ClassVar

from models.tasks import BINARY, MULTICLASS, RANKING, REGRESSION
from schemas.errors import InputError
from schemas.nearest import did_you_mean

CALIBRATED = "calibrated"
"""The fact of manifests and evaluations, false where scores are no chances, that says so."""
LOGIT, SOFTMAX, IDENTITY, LOG = "logit", "softmax", "identity", "log"
"""Which number of a score the contributions add up to."""
EXPONENTIAL, LINEAR = "exponential", "linear"
GAINS = (EXPONENTIAL, LINEAR)
"""What a relevance r gains in NDCG: 2^r - 1, or r."""


@dataclasses.dataclass(frozen=True)
class Loss:
    """What all losses have: the tasks that they are for, and the labels that they take.

    `least` is the lowest label, itself allowed unless `above`; of a loss that is not `calibrated` scores are no
    chances of label 1, however good their order is.
    """

    tasks: ClassVar[tuple[str, ...]] = ()
    least: ClassVar[float | None] = None
    above: ClassVar[bool] = False
    calibrated: ClassVar[bool] = True

    def link(self, task: str) -> str:
        """Return which number of a score the contributions of its row add up to.

        >>> Poisson().link("regression"), LogLoss().link("binary")
        ('log', 'logit')
        """
        return IDENTITY

    @property
    def name(self) -> str:
        """Its name, as messages have it."""
        return type(self).__name__

    def _check_number(self, field: str, least: float, most: float) -> None:
        value = getattr(self, field)
        if type(value) not in (int, float) or not math.isfinite(value) or not least < value < most:
            raise InputError(
                f"model: loss {self.name}: {field} is {value!r:.60}, wanted a number {_range(least, most)}"
            )


@dataclasses.dataclass(frozen=True)
class LogLoss(Loss):
    """Cross entropy: what makes chances of scores."""

    tasks: ClassVar[tuple[str, ...]] = (BINARY, MULTICLASS)

    def link(self, task: str) -> str:
        return LOGIT if task == BINARY else SOFTMAX


@dataclasses.dataclass(frozen=True)
class Focal(Loss):
    """Focal loss (Lin and others, 2017), -a (1 - p)^gamma log p, with p the score of the row's own label.

    Rows that are scored well count for little, the more so the larger `gamma`; `alpha` is the weight of label 1, 1 -
    `alpha` that of label 0. Scores order rows but are not calibrated. With `gamma` 0 and `alpha` 0.5 it is half the log
    loss.
    """

    tasks: ClassVar[tuple[str, ...]] = (BINARY,)
    calibrated: ClassVar[bool] = False
    gamma: float = 2.0
    alpha: float = 0.25

    def __post_init__(self):
        self._check_number("gamma", -1e-9, 20)
        self._check_number("alpha", 0, 1)

    def link(self, task: str) -> str:
        return LOGIT


@dataclasses.dataclass(frozen=True)
class Squared(Loss):
    """The squared error: scores are means."""

    tasks: ClassVar[tuple[str, ...]] = (REGRESSION,)


@dataclasses.dataclass(frozen=True)
class Absolute(Loss):
    """The absolute error: scores are medians, which few far labels do not move."""

    tasks: ClassVar[tuple[str, ...]] = (REGRESSION,)


@dataclasses.dataclass(frozen=True)
class Quantile(Loss):
    """The pinball loss: of all labels, a share of `level` is below its score."""

    tasks: ClassVar[tuple[str, ...]] = (REGRESSION,)
    level: float = 0.5

    def __post_init__(self):
        self._check_number("level", 0, 1)


@dataclasses.dataclass(frozen=True)
class Poisson(Loss):
    """For counts: scores are means, effects of features multiply."""

    tasks: ClassVar[tuple[str, ...]] = (REGRESSION,)
    least: ClassVar[float | None] = 0.0

    def link(self, task: str) -> str:
        return LOG


@dataclasses.dataclass(frozen=True)
class Tweedie(Loss):
    """For sums that are often 0, as claims are: the variance is the mean to the power of `power`, between 1 and 2."""

    tasks: ClassVar[tuple[str, ...]] = (REGRESSION,)
    least: ClassVar[float | None] = 0.0
    power: float = 1.5

    def __post_init__(self):
        self._check_number("power", 1, 2)

    def link(self, task: str) -> str:
        return LOG


@dataclasses.dataclass(frozen=True)
class Gamma(Loss):
    """For amounts above 0 whose spread grows with them."""

    tasks: ClassVar[tuple[str, ...]] = (REGRESSION,)
    least: ClassVar[float | None] = 0.0
    above: ClassVar[bool] = True

    def link(self, task: str) -> str:
        return LOG


@dataclasses.dataclass(frozen=True)
class _Ranking(Loss):
    tasks: ClassVar[tuple[str, ...]] = (RANKING,)
    gain: str = EXPONENTIAL

    def __post_init__(self):
        if self.gain not in GAINS:
            near = did_you_mean(self.gain, GAINS)
            raise InputError(
                f"model: loss {self.name}: gain is {self.gain!r:.60}, wanted one of {', '.join(GAINS)}{near}"
            )


@dataclasses.dataclass(frozen=True)
class NDCG(_Ranking):
    """LambdaMART on NDCG: pairs of a query count by what exchanging them would change in NDCG.

    A relevance gains 2^r - 1 and is a whole number up to 31, or with `gain="linear"` it gains itself and is any number
    of 0 or more.
    """


@dataclasses.dataclass(frozen=True)
class Pairwise(_Ranking):
    """LambdaMART on pairs alone: each pair of a query counts alike; `gain` is that of the NDCG which is measured."""


LOSSES: Mapping[str, type[Loss]] = {
    made.__name__: made
    for made in (LogLoss, Focal, Squared, Absolute, Quantile, Poisson, Tweedie, Gamma, NDCG, Pairwise)
}


def loss_of(task: str, loss: Any) -> Loss:
    """Return the loss of a task's spec, the task's own for None; raises `InputError` for one of another task.

    >>> loss_of("regression", None)
    Squared()
    """
    of_task = [name for name, made in LOSSES.items() if task in made.tasks]
    if loss is None:
        return LOSSES[of_task[0]]()
    if type(loss) not in LOSSES.values():
        said = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
        raise InputError(
            f"model: loss is {said!r:.60}, wanted a value of models.losses, as {of_task[0]}()"
            f"{did_you_mean(str(said), list(LOSSES))}"
        )
    if task not in loss.tasks:
        raise InputError(
            f"model: loss {loss.name} is for {' and '.join(loss.tasks)}, the task is {task}; wanted one of "
            f"{', '.join(of_task)}"
        )
    return loss


def to_json(loss: Loss) -> dict[str, Any]:
    """Return a loss as manifests carry it.

    >>> to_json(Quantile(0.9))
    {'name': 'Quantile', 'level': 0.9}
    """
    return {"name": loss.name, **dataclasses.asdict(loss)}


def from_json(value: Mapping[str, Any]) -> Loss:
    """Return the loss that `to_json` gave; raises `KeyError`, `TypeError` or `InputError` for what is none."""
    return LOSSES[value["name"]](**{name: part for name, part in value.items() if name != "name"})


def _range(least: float, most: float) -> str:
    return f"of 0 or more and below {most}" if least < 0 else f"between {least} and {most}"
