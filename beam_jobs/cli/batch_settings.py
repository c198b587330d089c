"""The settings of the verbs that turn files into training sets, candidates, evaluations and predictions."""

import dataclasses

from beam_jobs.cli import paths
from beam_jobs.cli.file_settings import RawData
from beam_jobs.cli.options import Settings, argument, option
from beam_jobs.cli.quantities import parsed_size
from beam_jobs.cli.shared_settings import (
    TRACKER,
    USE_CASE_PATH,
    BatchRunner,
    Broker,
    Existing,
    Explained,
    NamedUseCase,
    NamedUseCaseFiles,
    Personal,
    RawTestRows,
    SetGates,
    Tracked,
    Trust,
    UseCaseChoice,
)
from beam_jobs.runners.names import LOCAL, beams_name, in_this_process
from schemas.address import is_remote
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.errors import UsageError

_FEWEST_DRAWS = 40  # a 40th of them lies outside on either side


@dataclasses.dataclass(frozen=True, kw_only=True)
class Validate(RawData, BatchRunner, SetGates):
    """Check raw files against a schema; build nothing.

    Rows are rejected as a build would reject them; what the rows are like as a set is compared with the schema's
    limits. Labels and weights are not looked at: only a build makes them. A gate that says no is exit code 3.
    """

    use_case: str | None = option("use case whose schema it is", None, metavar="NAME", group="use case")
    use_case_path: str | None = option(USE_CASE_PATH, None, metavar="DIR", group="use case")
    schema: str | None = option("or a schema file", None, metavar="FILE", group="use case")
    infer: bool = option("or none: write the schema that the files suggest", False, group="use case")
    environment: str = option(
        "which columns the rows must have", "TRAINING", choices=("TRAINING", "SERVING"), group="use case"
    )
    output: str | None = option(
        "new directory for rejected rows, statistics and anomalies, or its address",
        None,
        metavar="DIR",
        group="writing",
    )
    workers: int | None = option(
        "processes of this machine that work for Beam; this one works without Beam if not given",
        None,
        minimum=1,
        metavar="N",
        group="where it runs",
    )

    def check(self) -> None:
        """Refuse no schema or two, one that is not there, and an output that is taken."""
        super().check()
        if self.infer:
            if self.use_case is not None or self.schema is not None or self.output is not None:
                raise UsageError("--infer goes without --use-case, --schema and --output; it prints a schema")
            if self.on_runner:
                raise UsageError("--infer looks at a sample, in this process; leave out --runner and --workers")
            return
        if (self.use_case is None) == (self.schema is None):
            got = "neither" if self.schema is None else "both"
            raise UsageError(f"--use-case and --schema: wanted one of them, got {got}")
        if self.schema is not None and self.use_case_path is not None:
            raise UsageError("--use-case-path is for --use-case; leave it out with --schema")
        from models.use_case import find_schema, load_schema  # brings NumPy and PyArrow

        if self.schema is not None:
            load_schema(self.schema)
        else:
            find_schema(self.use_case or "", self.use_case_path)
        if self.output is not None:
            paths.check_run_output(self.output, ArtifactKind.VALIDATION, "refuse")
        elif not in_this_process(self.runner):
            raise UsageError(f"--runner {self.runner} wants --output, where its workers write what they find")

    @property
    def on_runner(self) -> bool:
        """Whether Beam runs it: where nothing asks for that, this process does without."""
        asked = beams_name(self.runner) != LOCAL or self.workers is not None or bool(self.beam_args)
        return asked or (self.output is not None and is_remote(self.output))


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuildTrainingSet(UseCaseChoice, RawData, BatchRunner, Existing, SetGates, Personal, RawTestRows):
    """Turn raw files into a training set of TFRecord shards.

    It has its graph, statistics, anomalies and the rejected rows beside the shards. A gate that says no is exit code
    3, and nothing is made.
    """

    output: str = option("directory of the new training set, or its address", metavar="DIR")
    eval_data: tuple[str, ...] = option(
        "raw files that are the eval split; the others are of the rest",
        (),
        metavar="FILE",
        group="split",
    )
    test_data: tuple[str, ...] = option("raw files that are the test split", (), metavar="FILE", group="split")
    compression: str = option("of the TFRecord shards", "gzip", choices=("gzip", "none"), group="writing")
    rows_per_shard: int = option("rows in one shard at most", 250_000, minimum=1, group="writing")
    parquet: bool = option("write the same rows as Parquet too, beside the shards", False, group="writing")

    def check(self) -> None:
        """Refuse a use case that is not there and an output that is taken."""
        super().check()
        self.check_use_case()
        paths.check_run_output(self.output, ArtifactKind.TRAINING_SET, self.existing)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Train(NamedUseCaseFiles, Tracked):
    """Train a model on a training set; writes a candidate.

    With --checkpoint-every it may be stopped at any time, by SIGTERM (exit code 143) or a kill: the same command goes
    on. It is one of several workers where DMLC_TRACKER_URI, DMLC_TRACKER_PORT, DMLC_TASK_ID and DMLC_NUM_WORKER say so.
    """

    training_set: str = option("directory of the training set", metavar="DIR")
    output: str = option("directory of the new candidate", metavar="DIR")
    family: str | None = option(
        "xgboost or keras: another kind of model than the use case's own, as that family has it where nobody says",
        None,
        metavar="NAME",
        group="training",
    )
    seed: int | None = option("instead of the use case's own", None, group="training")
    rounds: int | None = option(
        "rounds of trees, or epochs, at most, instead of the use case's own", None, group="training"
    )
    early_stopping_rounds: int | None = option(
        "stop after so many without a gain, instead of the use case's own", None, group="training"
    )
    parameters: tuple[str, ...] = option(
        "parameters of the model, instead of the use case's own", (), metavar="NAME=VALUE", group="training"
    )
    device: str | None = option(
        "where the family's library computes, such as cuda", None, metavar="NAME", group="where it runs"
    )
    workers: int | None = option(
        "processes of this machine that train together, each on a part of the rows",
        None,
        minimum=1,
        maximum=1_000,
        metavar="N",
        group="where it runs",
    )
    max_memory: str | None = option(
        "memory that a process may take, 2GiB; a larger set is read piece by piece from a file beside the output",
        None,
        metavar="SIZE",
        group="where it runs",
    )
    checkpoint_every: int | None = option(
        "rounds after which a training saves itself, beside the output", None, minimum=1, group="where it runs"
    )

    def check(self) -> None:
        """Refuse a training set that is none, and an output that is taken."""
        super().check()
        training_set = artifact.open_artifact(self.training_set, ArtifactKind.TRAINING_SET)
        self.check_use_case(training_set.fact("use_case", str), self.training_set)
        if self.max_memory is not None and parsed_size(self.max_memory) is None:
            raise UsageError(f"--max-memory is {self.max_memory!r}, wanted a size such as 2GiB")
        paths.check_candidate_output(self.output)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluate(NamedUseCaseFiles, Tracked):
    """Evaluate a candidate on the test split; its gates speak.

    Metrics are those of all test rows and of each slice, and of the champion on the same rows where a registry is
    given. A gate that says no is exit code 3.
    """

    candidate: str = option("directory of the candidate", metavar="DIR")
    training_set: str = option("directory of the training set that it was trained on", metavar="DIR")
    registry: str | None = option(
        "registry whose champion it is compared with, if there is one", None, metavar="DIR", group="evaluation"
    )
    against: str | None = option("a bundle to compare it with, instead", None, metavar="DIR", group="evaluation")
    intervals: int | None = option(
        "draws of the bootstrap for 95% intervals, 0 for none; 200 where not given and they take seconds",
        None,
        metavar="N",
        minimum=0,
        maximum=100_000,
        group="evaluation",
    )

    def check(self) -> None:
        """Refuse a candidate and a training set that are none, and a champion that is none."""
        super().check()
        if self.registry is not None and self.against is not None:
            raise UsageError("--registry and --against both name a champion; give one of them")
        if self.intervals in range(1, _FEWEST_DRAWS):
            raise UsageError(f"--intervals {self.intervals} says nothing of 95%; wanted {_FEWEST_DRAWS} or more, or 0")
        if self.registry is not None:
            paths.check_new_registry(self.registry)
        if self.against is not None:
            artifact.open_artifact(self.against, ArtifactKind.BUNDLE)
        candidate = artifact.open_artifact(self.candidate, ArtifactKind.CANDIDATE)
        self.check_named(candidate.fact("use_case", str), self.candidate)
        artifact.open_artifact(self.training_set, ArtifactKind.TRAINING_SET)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Track(Settings):
    """Tell MLflow of a candidate.

    It gets parameters, metrics, evaluation and bundle; a run that has it already is brought up to date.
    """

    candidate: str = option("directory of the candidate", metavar="DIR")
    track: str = option(TRACKER, metavar="URI")
    registry: str | None = option("directory of the registry that has its bundle", None, metavar="DIR")

    def check(self) -> None:
        """Refuse a candidate and a registry that are none."""
        super().check()
        artifact.open_artifact(self.candidate, ArtifactKind.CANDIDATE)
        if self.registry is not None:
            paths.check_registry(self.registry)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoreBatch(NamedUseCase, RawData, BatchRunner, Existing, Trust, Personal, Explained):
    """Score raw files with a released bundle."""

    registry: str = option("directory of the registry, or its address", metavar="DIR")
    bundle: str | None = option("bundle id; the champion where not given", None, metavar="ID", group="scoring")
    output: str = option("directory of the new predictions, or its address", metavar="DIR")
    format: str = option("of the predictions", "parquet", choices=("parquet", "jsonl"), group="writing")

    def check(self) -> None:
        """Refuse a registry that is not there and an output that is taken."""
        super().check()
        paths.check_registry(self.registry)
        paths.check_run_output(self.output, ArtifactKind.PREDICTIONS, self.existing)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckSkew(NamedUseCase, RawData, Broker, Trust, Personal):
    """Prove that batch and stream agree on raw rows, bit by bit.

    The rows go through batch, stream and the reloaded graph. Any bit that differs is exit code 3.
    """

    registry: str = option("directory of the registry, or its address", metavar="DIR")

    def check(self) -> None:
        """Refuse a registry that is not there."""
        super().check()
        paths.check_registry(self.registry)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report(Settings):
    """Make the offline page of a training set or a model.

    Of a set one HTML file with statistics, splits, anomalies; columns stand in the order of what differs most between
    splits or, with --against, between two sets. Of a model what its evaluation found: gates, curves, thresholds,
    slices, what it looks at.
    """

    path: str = argument("directory of a training set, an evaluated candidate, an evaluation or a bundle")
    against: str | None = option("another one: a set of an earlier day, another candidate", None, metavar="DIR")
    output: str | None = option(
        "file of the page; beside what it is of otherwise, of a bundle here", None, metavar="FILE"
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inspect(Settings):
    """Show what is in a file or directory that onegraph wrote.

    A registry, bundle, candidate, evaluation, training set, its statistics or graph, predictions, rejected rows, or a
    TFRecord file.
    """

    path: str = argument("file or directory")
    against: str | None = option(
        "a second schema, or a directory with one: what differs, and whether it rejects more", None, metavar="PATH"
    )
    limit: int = option("records or rows of a file to show", 3, minimum=1)
