"""Evaluation: how good a candidate is on rows it never saw, per slice, and whether its gates let it pass.

Every task has its own metrics, with the weight of rows where they have one.
"""

import dataclasses
import json
import logging
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from models.evaluation import explained
from models.evaluation.champion import ChampionScores, champion_scores
from models.evaluation.comparable import check_comparable
from models.evaluation.comparison import Compared, compare
from models.evaluation.place import check_trained_on, evaluation_path, manifest_fingerprint
from models.evaluation.verdict import fewest_rows, verdict
from models.families.family import Model, Split
from models.families.table.choice import family_of
from models.measures.fairness import fairness
from models.measures.measuring import Measuring, measuring, scores_of
from models.measures.own_metrics import with_functions
from models.measures.resampling import LEVEL, METHOD, intervals
from models.measures.scored_rows import ScoredRows
from models.measures.slicing import SHOWN, SliceValue, values_of
from models.metric import columns_of
from models.scoring.manifest import model_facts
from models.spec import Metric, ModelSpec
from models.spec_json import spec_from_json
from models.tasks import BINARY
from models.training import labels
from models.training.metric_columns import read_columns
from models.training.training import MODEL_FOLDER, calibration_fact
from models.training.training_set import TrainingSet
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.artifacts.making import making
from schemas.errors import InputError

DRAWS = 200
_MOST_CELLS = 20_000  # rows, times the classes, of which intervals are made unasked: some seconds
NO_COLUMNS = pa.RecordBatch.from_arrays([], [])

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    """What an evaluation is to do besides: draws for intervals, a bundle to compare with, functions of own metrics.

    Without `draws` there are `DRAWS` where they take seconds, else none; 0 is none. `own` are the metrics of the use
    case with their functions, and `own_file` where they are written.
    """

    draws: int | None = None
    champion: str | pathlib.Path | None = None
    own: tuple[Metric, ...] = ()
    own_file: str = "the use case"


EXPLANATION = "explanation.json"
"""The file of an evaluation with importance and dependence."""


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What an evaluation found. `verdict` has `passed` and one entry per gate; every value is plain JSON, no NaN.

    `others` are files by name that only some evaluations have.
    """

    metrics: Mapping[str, Any]
    slices: Mapping[str, list[dict[str, Any]]]
    curves: Mapping[str, Any]
    verdict: Mapping[str, Any]
    others: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)

    def files(self) -> dict[str, Mapping[str, Any]]:
        """Return what is written, by name without `.json`."""
        first = {name: getattr(self, name) for name in ("metrics", "slices", "curves", "verdict")}
        return {**first, **self.others}


def evaluate_candidate(
    candidate: str | pathlib.Path, training_set: TrainingSet, asked: Asked | None = None
) -> artifact.Artifact:
    """Evaluate a candidate on the `test` split of its training set and write the evaluation beside it.

    Raises `ArtifactError` if the candidate is not whole or was trained on another training set, `InputError` for a
    split without rows or without both labels of a binary task, and for an own metric that fails, `NothingToCompare` for
    a champion that rejects every row, `UsageError` for one that cannot score them. A gate that says no is no error
    here: read `verdict.json`.
    """
    asked = asked or Asked()
    opened = artifact.open_artifact(candidate, ArtifactKind.CANDIDATE)
    opened.verify()
    check_trained_on(opened, training_set)
    spec = spec_from_json(model_facts(opened.manifest, str(candidate)), str(candidate))
    spec = with_functions(spec, asked.own, asked.own_file)
    with making(evaluation_path(candidate), ArtifactKind.EVALUATION) as path:
        return _evaluate_into(path, opened, spec, training_set, asked)


def _evaluate_into(
    path: pathlib.Path, opened: artifact.Artifact, spec: ModelSpec, training_set: TrainingSet, asked: Asked
) -> artifact.Artifact:
    model = family_of(spec.family).load(opened.path / MODEL_FOLDER)
    if asked.champion is not None:
        check_comparable(asked.champion, spec, training_set)  # before any row is read
    splits = training_set.load("eval"), training_set.load("test")
    champion = None
    if asked.champion is not None:
        champion = champion_scores(asked.champion, spec, training_set, splits[1].features)
    found = evaluate(model, spec, *splits, _columns(training_set, spec), asked.draws, champion)
    for name, value in found.files().items():
        text = json.dumps(value, indent=1, sort_keys=True, allow_nan=False)
        (path / f"{name}.json").write_text(text + "\n")
    explanation = explained.explain(opened.path, model, spec, splits[1])
    text = json.dumps(explanation, indent=1, sort_keys=True, allow_nan=False)
    (path / EXPLANATION).write_text(text + "\n")
    facts = {
        "use_case": opened.manifest["use_case"],
        "candidate": manifest_fingerprint(opened.path),
        "metrics": found.metrics,
        "passed": found.verdict["passed"],
        **calibration_fact(spec),
        **({} if champion is None else {"champion": champion.bundle}),
    }
    return artifact.complete(path, ArtifactKind.EVALUATION, facts)


def evaluate(
    model: Model,
    spec: ModelSpec,
    eval_split: Split,
    test_split: Split,
    columns: pa.RecordBatch = NO_COLUMNS,
    draws: int | None = 0,
    champion: ChampionScores | None = None,
) -> Evaluation:
    """Measure everything on `test_split`; a binary task's threshold may be chosen on `eval_split`.

    `columns` are the raw ones of the test rows that the spec's own metrics get; `draws` as of `Asked`.
    """
    for name, split in (("eval", eval_split), ("test", test_split)):
        labels.check_values(split.label, spec, name)
        counting = split.label if split.weight is None else split.label[split.weight > 0]
        rows_text = "rows" if split.weight is None else "rows with a weight above 0"
        if spec.task == BINARY and not labels.has_both(counting):
            raise InputError(f"{name} split: {len(counting)} {rows_text} without both labels; use more data")
        if not len(counting):
            raise InputError(f"{name} split: no {rows_text}; use more data")
    how = measuring(spec, model, eval_split)
    scores = scores_of(model, test_split.features, "test split")
    # Sorted once, the rows of every slice's value are in order too.
    order = np.argsort(-scores) if spec.task == BINARY else np.arange(len(scores))
    rows = ScoredRows(test_split.label, scores, test_split.weight, columns, test_split.query).take(order)
    overall = how.metrics(rows) | calibration_fact(spec)
    slices = {
        name: [
            (one, how.of_slice(rows.take(one.rows)))
            for one in values_of(values.take(pa.array(order)), fewest_rows(spec, name))
        ]
        for name, values in sorted(test_split.slices.items())
    }
    listed = {name: [{"value": one.value, **found} for one, found in values] for name, values in slices.items()}
    draws = _draws(rows) if draws is None else draws
    compared = None
    if champion is not None:
        compared = compare(champion.take(order), how, rows, overall, slices, draws)
    fair = {name: _fairness(rows, values[:SHOWN]) for name, values in slices.items()} if spec.task == BINARY else {}
    return Evaluation(
        overall,
        {name: values[:SHOWN] for name, values in listed.items()},
        how.curves(rows),
        verdict(spec, overall, listed, compared, fair),
        {**_others(how, rows, slices, draws, compared), **({"fairness": fair} if fair else {})},
    )


_Sliced = Mapping[str, Sequence[tuple[SliceValue, Mapping[str, Any]]]]  # by column, values with their metrics


def _others(
    how: Measuring, rows: ScoredRows, slices: _Sliced, draws: int, compared: Compared | None
) -> dict[str, Mapping[str, Any]]:
    """Return the files that only some evaluations have."""
    found: dict[str, Mapping[str, Any]] = {}
    if how.spec.task == BINARY:
        found["thresholds"] = how.thresholds(rows)
    if draws:
        found["intervals"] = _intervals(how, rows, slices, draws)
    if compared is not None:
        found["comparison"] = compared.written
    return found


def _fairness(rows: ScoredRows, values: Sequence[tuple[SliceValue, Mapping[str, Any]]]) -> dict[str, Any]:
    counted = [(one, metrics, int((rows.label[one.rows] == 1).sum())) for one, metrics in values]
    return fairness(
        [
            {"value": one.value, **metrics, "rows_of_label": [len(one.rows) - positives, positives]}
            for one, metrics, positives in counted
        ]
    )


def _intervals(how: Measuring, rows: ScoredRows, slices: _Sliced, draws: int) -> dict[str, Any]:
    def of(some: ScoredRows) -> dict[str, Any]:
        return intervals(*how.measure(some), draws, how.spec.seed)

    return {
        "method": METHOD,
        "draws": draws,
        "seed": how.spec.seed,
        "level": LEVEL,
        "metrics": of(rows),
        "slices": {
            name: [{"value": one.value, "rows": len(one.rows), **of(rows.take(one.rows))} for one, _ in values[:SHOWN]]
            for name, values in slices.items()
        },
    }


def _draws(rows: ScoredRows) -> int:
    """Return how many draws are made where nobody says: those of a test split that takes seconds."""
    return DRAWS if rows.scores.size <= _MOST_CELLS else 0


def _columns(training_set: TrainingSet, spec: ModelSpec) -> pa.RecordBatch:
    """Return the columns of the test rows that the spec's own metrics get, if the training set carries them."""
    wanted = columns_of(spec.metrics)
    if not wanted:
        return NO_COLUMNS
    if gone := [name for name in wanted if name not in training_set.metric_columns]:
        _log.warning(
            "%s: carries no column %r, so the metrics that want it have no value; build the training set again",
            training_set.path,
            gone[0],
        )
    return read_columns(training_set, "test") if training_set.metric_columns else NO_COLUMNS
