"""The family `keras`: train a network for a label of any task but ranking, load it, score a feature matrix.

Keras is imported where a network is trained, TensorFlow where one is trained or loaded: parameters are checked, and
models described, without either.
"""

import importlib.metadata
import pathlib
from collections.abc import Sequence

from models.families.family import FeatureColumns, Model, Split, Trained, TrainingRun
from models.families.networks.keras_description import describe
from models.families.networks.keras_parameters import check_parameters
from models.spec import ModelSpec
from schemas.errors import InputError

__all__ = ["check_parameters", "check_run", "describe", "draws", "load", "names_in_model", "train", "versions"]

_PLAIN = TrainingRun()


def train(
    spec: ModelSpec, columns: FeatureColumns, train_split: Split, eval_split: Split | None, run: TrainingRun = _PLAIN
) -> Trained:
    """Train until the loss of the task, or `stop_by`, on `eval_split` has not improved for `early_stopping_rounds`.

    A round is an epoch. The loss is the log loss, or the mean squared error of standardised labels. Outputs begin at
    the labels' mean, so a rare label needs no weight; with `class_weights` of `balanced` either label of a binary task
    counts for as much as the other, and the weight is taken out of the log-odds afterwards: scores are probabilities
    either way. Rows count for their weight. The same data and parameters give the same bytes on the same kind of
    processor. Raises `InputError` for what `check_parameters` raises it. Without `eval_split`, all rounds are trained.

    Of several workers each trains on its part; every worker has the same network of all rows.
    """
    from models.families.networks.keras_trained import trained

    check_parameters(spec, columns)
    return trained(spec, columns, train_split, eval_split, run)


def check_run(spec: ModelSpec, workers: int, in_memory: bool) -> None:
    """Raise `InputError` for rows that are not in memory."""
    if not in_memory:
        raise InputError(
            "family keras trains on rows in memory; give more --max-memory, share the rows between --workers, or take "
            "--family xgboost"
        )


def draws(spec: ModelSpec) -> bool:
    """Say that a checkpoint keeps all that training draws by."""
    return False


def load(folder: pathlib.Path) -> Model:
    """Read a model folder; raises `ArtifactError` if it does not load, or scores otherwise than when it was saved."""
    from models.families.networks import keras_model

    return keras_model.load(folder)


def names_in_model(feature_names: Sequence[str]) -> tuple[str, ...]:
    """Return the names by which a network knows features: as they are."""
    return tuple(feature_names)


def versions() -> dict[str, str]:
    """Return the version of Keras; that of TensorFlow every bundle names."""
    return {"keras": importlib.metadata.version("keras")}
