"""What a search is: what is searched, on which rows, by which sampler and seed. Imports nothing heavy."""

import dataclasses
from typing import Any, Literal

from beam_jobs.tuning.grid import MOST_CELLS, cells_of
from beam_jobs.tuning.samplers import GRID
from models.search import Search, space_as_json
from models.spec import ModelSpec
from models.spec_json import spec_as_json
from models.training.source import UNKNOWN, Source
from models.tuning.space import Parameters, own_parameters
from schemas.errors import UsageError


@dataclasses.dataclass(frozen=True)
class SearchPlan:
    """A spec, where its parameters are looked for, and how. `training_set` is the fingerprint of the rows.

    `source` is where spec and rows come from, `use_case_path` the folder of a use case that is not shipped; a study
    that is gone on with may have had others. `model_file` is the sha256 of the use case's model file where the metric
    is one of its own, since values of two functions are not to be compared.
    """

    spec: ModelSpec
    search: Search
    training_set: str
    sampler: str
    pruner: str
    seed: int
    source: Source = UNKNOWN
    use_case_path: str | None = None
    model_file: str | None = None

    @property
    def trials(self) -> int:
        """How many trials are made: no more than a grid has cells."""
        return min(self.search.trials, cells_of(self.search.space)) if self.sampler == GRID else self.search.trials

    @property
    def first(self) -> Parameters | None:
        """The parameters of the first trial: the model's own, so that no search ends with worse ones, if it can be."""
        return None if self.sampler == GRID else own_parameters(self.spec, self.search.space)

    @property
    def less_is_better(self) -> bool:
        """Whether the best trial is the one with the least of the metric."""
        return self.spec.higher_is_better(self.search.metric) is False

    @property
    def direction(self) -> Literal["minimize", "maximize"]:
        """What a search does with its metric, in Optuna's word."""
        return "minimize" if self.less_is_better else "maximize"

    @property
    def facts(self) -> dict[str, Any]:
        """What a study must be of to be gone on with, as plain JSON values; more trials than before may be wanted."""
        return {
            "training_set": self.training_set,
            "metric": self.search.metric,
            "sampler": self.sampler,
            "pruner": self.pruner,
            "seed": self.seed,
            "space": space_as_json(self.search.space),
            "model": spec_as_json(self.spec),
            **({} if self.model_file is None else {"model_file": self.model_file}),
        }

    def check(self) -> None:
        """Raise `UsageError` for a grid with too many cells to be listed."""
        if self.sampler == GRID and cells_of(self.search.space) > MOST_CELLS:
            cells = cells_of(self.search.space)
            raise UsageError(f"--sampler grid: {cells:,} cells, wanted {MOST_CELLS:,} at most; take random or tpe")
