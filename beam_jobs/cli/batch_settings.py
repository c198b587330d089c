"""The settings of the verbs that turn files into training sets, candidates, evaluations and predictions."""

import dataclasses

from beam_jobs.cli.options import argument, option
from beam_jobs.cli.shared_settings import Broker, NamedUseCase, NamedUseCaseFiles, Runner, Trust, UseCaseChoice


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuildTrainingSet(UseCaseChoice, Runner):
    """Turn raw files into a TFRecord training set with its graph, statistics and rejected rows."""

    data: tuple[str, ...] = option("raw files (.csv, .csv.gz), patterns allowed")
    output: str = option("directory of the new training set")
    compression: str = option("of the TFRecord shards", "gzip", choices=("gzip", "none"))
    rows_per_shard: int = option("rows in one shard at most", 250_000)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Train(NamedUseCaseFiles):
    """Train a model on a training set; writes a candidate."""

    training_set: str = option("directory of the training set")
    output: str = option("directory of the new candidate")
    seed: int | None = option("instead of the use case's own", None)
    rounds: int | None = option("trees at most, instead of the use case's own", None)
    early_stopping_rounds: int | None = option("stop after so many without a gain, instead of the use case's own", None)
    parameters: tuple[str, ...] = option("family parameters instead of the use case's own, name=value", ())


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluate(NamedUseCase):
    """Evaluate a candidate on the test split, per slice, and let the gates speak (exit 3: they said no)."""

    candidate: str = option("directory of the candidate")
    training_set: str = option("directory of the training set that it was trained on")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoreBatch(NamedUseCase, Runner, Trust):
    """Score raw files with a released bundle."""

    data: tuple[str, ...] = option("raw files (.csv, .csv.gz), patterns allowed")
    registry: str = option("directory of the registry")
    bundle: str | None = option("bundle id; the champion where not given", None)
    output: str = option("directory of the new predictions")
    format: str = option("of the predictions", "parquet", choices=("parquet", "jsonl"))
    with_features: bool = option("add the features that the model saw", False)
    contributions: int | None = option("name so many features that made the score, in log-odds", None)
    contribution_share: float | None = option("in this share of predictions, by a hash of the id", None)
    contribution_above: float | None = option("in predictions of this score or more", None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckSkew(NamedUseCase, Broker, Trust):
    """Send the same raw rows through batch, stream and the reloaded graph; exit 3 if any bit differs."""

    data: tuple[str, ...] = option("raw files (.csv, .csv.gz), patterns allowed")
    registry: str = option("directory of the registry")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inspect:
    """Show what is in a TFRecord file, a training set, a candidate, a bundle or a registry."""

    path: str = argument("file or directory")
    limit: int = option("records of a TFRecord file to show", 3)
