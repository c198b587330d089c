"""Cross-validation: a spec's model by folds of train and eval, every row scored by one that has not seen it.

The metrics are those of an evaluation, fold by fold. Their mean says how good models of this spec are, their spread how
much that depends on which rows they were trained on; folds share rows, so the spread is no standard error.
"""

import dataclasses
import json
import pathlib
import shutil
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from models.evaluation.evaluation import evaluate
from models.evaluation.fold_rows import fold_rows
from models.evaluation.folds import Folds, to_json
from models.families.family import FeatureColumns, Split, TrainingRun
from models.families.split_parts import joined, rows_of
from models.families.table.choice import family_of
from models.measures.numbers import numbers_in
from models.scoring.score_form import ScoreForm
from models.spec import ModelSpec
from models.spec_json import spec_as_json
from models.tasks import MULTICLASS
from models.training import labels, loss_labels
from models.training.training_set import TrainingSet
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.artifacts.making import making
from schemas.errors import InputError

METRICS, SCORES = "metrics.json", "scores.parquet"
_SPLITS = ("train", "eval")
_MODEL = "model"


@dataclasses.dataclass(frozen=True)
class FoldResult:
    """One fold: how many rows it trained on, stopped by and scored, its rounds, its metrics that are one number."""

    train_rows: int
    stop_rows: int
    rounds: int
    metrics: Mapping[str, float | int | None]


def cross_validate(
    name: str,
    spec: ModelSpec,
    training_set: TrainingSet,
    folds: Folds,
    output: str | pathlib.Path,
    told: Callable[[int], None],
) -> artifact.Artifact:
    """Write metrics and out-of-fold scores of all folds at `output`; `told` hears how many folds are done.

    `scores.parquet` has a row for every row that was scored: the split and its place there, fold, label, scores. The
    test split is not read. Raises `InputError` for folds that cannot be made, trained on or measured, naming the fold.
    """
    splits = [training_set.load(split) for split in _SPLITS]
    whole = joined(*splits)
    with making(output, ArtifactKind.CROSS_VALIDATION) as path:
        results, fold_of, scores = _run(spec, training_set.columns, whole, folds, path, told)
        table = _table(spec, splits, fold_of, scores)
        with open(path / SCORES, "wb") as file:  # an error names the file then
            pyarrow.parquet.write_table(table, file)
        found = {"summary": summary([one.metrics for one in results]), "folds": list(map(dataclasses.asdict, results))}
        (path / METRICS).write_text(json.dumps(found, indent=1, sort_keys=True, allow_nan=False) + "\n")
        facts = {
            "use_case": name,
            "model": spec_as_json(spec),
            "folds": to_json(folds),
            "training_set_fingerprint": training_set.fingerprint,
            "summary": found["summary"],
            "rows": table.num_rows,
        }
        return artifact.complete(path, ArtifactKind.CROSS_VALIDATION, facts)


def summary(metrics: Sequence[Mapping[str, float | int | None]]) -> dict[str, dict[str, float | None]]:
    """Return the mean of each metric over folds, and its spread, the standard deviation; None if a fold has none.

    >>> summary([{"auc": 0.75, "rows": 9}, {"auc": 0.25, "rows": 8}])
    {'auc': {'mean': 0.5, 'spread': 0.3535533905932738}}
    """
    found: dict[str, dict[str, float | None]] = {}
    for name in (name for name in metrics[0] if name != "rows"):
        values = [one for one in (fold[name] for fold in metrics) if one is not None]
        whole = len(values) == len(metrics)
        mean, spread = (float(np.mean(values)), float(np.std(values, ddof=1))) if whole else (None, None)
        found[name] = {"mean": mean, "spread": spread}
    return found


def _run(
    spec: ModelSpec,
    columns: FeatureColumns,
    whole: Split,
    folds: Folds,
    path: pathlib.Path,
    told: Callable[[int], None],
) -> tuple[list[FoldResult], np.ndarray, np.ndarray]:
    """Return what came of the folds, the fold of every row (-1 of one that none scores), and the rows' scores."""
    family, results = family_of(spec.family), []
    fold_of = np.full(len(whole.label), -1, np.int64)
    classes = (len(spec.classes),) if spec.task == MULTICLASS else ()
    scores = np.full((len(whole.label), *classes), np.nan, np.float32)
    for number, rows in enumerate(fold_rows(folds, whole, "cross-validation")):
        train, stop, scored = (rows_of(whole, part) for part in (rows.train, rows.stop, rows.scored))
        try:
            labels.check_split(train.label, spec, "train", train.weight)
            for part in (stop, scored):
                labels.check_split(part.label, spec, "eval", part.weight)
            for name, part in (("train", train), ("eval", stop), ("eval", scored)):
                loss_labels.check_labels(part, spec, name)
        except InputError as error:
            raise InputError(f"fold {number} of {folds.count}: {error}") from None
        trained = family.train(spec, columns, train, stop, TrainingRun())
        trained.save(path / _MODEL)
        model = family.load(path / _MODEL)
        shutil.rmtree(path / _MODEL)
        plain, judged = (dataclasses.replace(part, slices={}) for part in (stop, scored))
        found = evaluate(model, dataclasses.replace(spec, gates=(), metrics=()), plain, judged).metrics
        results.append(FoldResult(len(train.label), len(stop.label), trained.rounds, numbers_in(found)))
        fold_of[rows.scored], scores[rows.scored] = number, model.predict(scored.features)
        told(number + 1)
    return results, fold_of, scores


def _table(spec: ModelSpec, splits: Sequence[Split], fold_of: np.ndarray, scores: np.ndarray) -> pa.Table:
    """Return the scored rows of both splits, in their order."""
    counts = [len(split.label) for split in splits]
    scored = fold_of >= 0
    columns = scores[scored].reshape(int(scored.sum()), -1).T
    return pa.table(
        {
            "split": pa.array(np.repeat(_SPLITS, counts)[scored]),
            "row": pa.array(np.concatenate([np.arange(count) for count in counts])[scored]),
            "fold": pa.array(fold_of[scored]),
            "label": pa.array(np.concatenate([split.label for split in splits])[scored]),
            **dict(zip(ScoreForm(spec.task, spec.classes).names, map(pa.array, columns), strict=True)),
        }
    )
