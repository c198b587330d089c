"""The candidate of a search: the best parameters, trained once more on the rows of train and eval together."""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

from models.families.family import Split, TrainingRun
from models.families.split_parts import joined
from models.families.table.choice import family_of
from models.spec import ModelSpec
from models.training.training import write_candidate
from models.training.training_set import TrainingSet
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.artifacts.making import making


def write_best(
    use_case: str,
    spec: ModelSpec,
    rounds: int,
    training_set: TrainingSet,
    train: Split,
    evaluation: Split,
    output: pathlib.Path,
    further: Mapping[str, Any],
) -> artifact.Artifact:
    """Train the spec, its parameters and threshold those of the best trial, for as many rounds as that trial had.

    The rounds are not scaled to the rows that eval adds: what a round of boosting learns is set by the learning rate,
    and whether more rows want more rounds is a guess that no row is left to check. `further` are facts for the
    manifest, those of the search among them.
    """
    final = dataclasses.replace(spec, rounds=rounds)
    trained = family_of(spec.family).train(final, training_set.columns, joined(train, evaluation), None, TrainingRun())
    with making(output, ArtifactKind.CANDIDATE) as path:
        return write_candidate(path, use_case, final, training_set, trained, further)
