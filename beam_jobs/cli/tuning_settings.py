"""The settings of the verbs that compare models on the rows of train and eval: a search, and cross-validation."""

import dataclasses
import os

from beam_jobs.cli.options import option
from beam_jobs.cli.shared_settings import NamedUseCaseFiles
from beam_jobs.tuning.place import check_search_place
from beam_jobs.tuning.samplers import MEDIAN, PRUNERS, SAMPLERS, TPE
from schemas.address import is_remote
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.errors import UsageError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tune(NamedUseCaseFiles):
    """Search for better parameters; writes a candidate.

    The space is the `search` of the use case's model. Trials are trained on train and measured on eval; the best
    parameters are then trained on both. The same command goes on with a search that was interrupted. With one trial at
    a time the same search makes the same trials; with several it may not: TPE and pruners go by which end first.
    SIGTERM ends it with exit code 143.
    """

    training_set: str = option("directory of the training set", metavar="DIR")
    output: str = option("directory of the search: its study, trials, page, candidate", metavar="DIR")
    trials: int | None = option("instead of the search's own", None, minimum=1, maximum=100_000, group="search")
    parallel: int = option("trials at a time, each a process", 1, minimum=1, maximum=1_000, group="search")
    metric: str | None = option("instead of the search's own", None, metavar="NAME", group="search")
    sampler: str = option("what chooses parameters", TPE, choices=SAMPLERS, group="search")
    pruner: str = option("what ends trials early", MEDIAN, choices=PRUNERS, group="search")
    seed: int | None = option("of the sampler; the model's own where not given", None, minimum=0, group="search")
    storage: str | None = option(
        "SQLite file of the study; study.db in the output where not given", None, metavar="FILE", group="search"
    )

    def check(self) -> None:
        """Refuse a training set that is none, and an output that is of something else."""
        super().check()
        training_set = artifact.open_artifact(self.training_set, ArtifactKind.TRAINING_SET)
        self.check_use_case(training_set.fact("use_case", str), self.training_set)
        check_search_place(self.output)
        if self.storage is not None:
            if is_remote(self.storage):
                raise UsageError(f"--storage {self.storage}: an address, wanted a file of this machine")
            if os.path.isdir(self.storage) or not os.path.isdir(os.path.dirname(self.storage) or "."):
                raise UsageError(f"--storage {self.storage}: wanted a file, in a folder that is there")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CrossValidate(NamedUseCaseFiles):
    """Evaluate a model by folds of train and eval.

    Every row is scored by a model that has not seen it: each fold in turn is scored, the next one stops the training
    and chooses the threshold, the others are trained on. The test split is not looked at.
    """

    training_set: str = option("directory of the training set", metavar="DIR")
    output: str = option("directory of the new metrics and scores", metavar="DIR")
    folds: int = option("how many", 5, minimum=3, maximum=100, group="folds")
    seed: int | None = option("of the folds; the model's own where not given", None, minimum=0, group="folds")
    group_by: str | None = option(
        "column whose values are never in two folds; one of the model's slices", None, metavar="COLUMN", group="folds"
    )
    time_by: str | None = option(
        "column by whose order folds follow each other, trained on what is earlier; one of the model's slices",
        None,
        metavar="COLUMN",
        group="folds",
    )

    def check(self) -> None:
        """Refuse a training set that is none, an output that is taken, and two rules of folds."""
        super().check()
        training_set = artifact.open_artifact(self.training_set, ArtifactKind.TRAINING_SET)
        self.check_use_case(training_set.fact("use_case", str), self.training_set)
        if self.group_by is not None and self.time_by is not None:
            raise UsageError("--group-by and --time-by: wanted one of them; folds by time keep no groups together")
        from beam_jobs.cli import paths

        paths.check_output(self.output, ArtifactKind.CROSS_VALIDATION)
