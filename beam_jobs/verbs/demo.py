"""`onegraph demo`: everything in a row on the shipped taxi trips, ending with a table and a report."""

import pathlib
import shutil
import uuid
from typing import Any

import numpy as np

import schemas
from beam_jobs.cli import progress, settings
from beam_jobs.cli.verbs import import_quietly, run_verb
from beam_jobs.demo.playback import play
from beam_jobs.demo.replay import held_out, observe
from beam_jobs.demo.report import Numbers, write_report
from beam_jobs.kafka.topics import topics
from beam_jobs.kafka.topics.contents import read_topic
from beam_jobs.runners import prism
from models import use_case
from models.families.table.choice import THAT_SCORE, THAT_TRAIN
from models.measures import metrics
from schemas.errors import ArtifactError

_MARKER = ".onegraph-demo"
_USE_CASE = "taxi"
LOADED_FIRST = (
    "beam_jobs.file_runs.place",
    "beam_jobs.batch.training_set_build",
    THAT_TRAIN["xgboost"],
    "transforms.examples.examples",
    THAT_SCORE["xgboost"],
    "models.evaluation.evaluation",
    "models.registry.bundle",
    "beam_jobs.verbs.check_skew",
    "beam_jobs.skew.paths",
    "beam_jobs.registries.opening",
    "beam_jobs.batch.predictions.job",
    "beam_jobs.stream.job.running",
)
"""What the verbs that the steps run, check_skew's own among them, import when they need it."""
_SECOND = ("max_depth=4", "eta=0.05")  # another model of the same graph, to have something to swap in


def check(given: settings.Demo) -> pathlib.Path:
    """Refuse a folder that is not a demo's, a runner whose program is missing, and a broker that is down."""
    output = pathlib.Path(given.output)
    if output.exists() and not (output / _MARKER).is_file():
        raise ArtifactError(f"{output}: exists and is not an earlier demo's; choose another --output")
    if given.runner == "prism":
        prism.binary()
    topics.describe(given.connection, [])
    return output


def run(given: settings.Demo) -> dict[str, Any]:
    """Run all steps; an earlier demo in the same folder is replaced."""
    output = check(given)
    if output.exists():
        shutil.rmtree(output)
    output.mkdir(parents=True)
    (output / _MARKER).touch()
    for name in LOADED_FIRST:  # what an import prints is held back, and so would be the step that is shown meanwhile
        import_quietly(name)
    step = progress.NumberedSteps(6)
    data = str(pathlib.Path(schemas.__file__).parent / "data" / f"{_USE_CASE}.csv.gz")
    with step("build the training set"):
        built = run_verb(
            settings.BuildTrainingSet(use_case=_USE_CASE, data=(data,), output=str(output / "training_set"))
        )
    with step("train two models, evaluate them on the test split"):
        evaluations = [
            _candidate(output, name, parameters) for name, parameters in (("first", ()), ("second", _SECOND))
        ]
    with step("release the first"):
        first = _release(output, "first")
    rows = held_out(data, use_case.find(_USE_CASE))
    names = tuple(f"demo-{uuid.uuid4().hex[:6]}-{part}" for part in ("trips", "predictions", "rejected"))
    try:
        with step(f"replay {len(rows.events):,} test trips at {given.rate:g}/s, swap the model meanwhile"):
            sent, second, summary = play(given, output, names, rows, lambda: _release(output, "second"))
            seen = observe(*(read_topic(given.connection, name) for name in names[:2]))
    finally:
        topics.delete(given.connection, names)
    with step("prove that batch and stream agree, record by record"):
        skew = run_verb(settings.CheckSkew(data=(data,), registry=str(output / "registry"), **given.broker_options()))
    numbers = Numbers(
        built=built,
        evaluations=evaluations,
        bundles=(first, second),
        sent=sent,
        summary=summary,
        streamed=metrics.of_scores(rows.labels[seen.rows], seen.scores, 0.5),
        # The first event woke the job up; its wait says nothing about the others.
        milliseconds=seen.milliseconds[seen.rows != 0],
        by_bundle={bundle: int(np.sum(seen.bundles == bundle)) for bundle in (first, second)},
        skew=skew,
    )
    with step("write the report"):
        write_report(output / "report.html", numbers, rows.labels[seen.rows], seen.scores)
    return {"report": str(output / "report.html"), **numbers.as_json()}


def describe(result: dict[str, Any]) -> str:
    """Return the table for people."""
    lines = [f"  {name:<34}{value:>22}" for name, value in result["table"]]
    return "\n".join(["", *lines, "", f"report: {result['report']}"])


def _candidate(output: pathlib.Path, name: str, parameters: tuple[str, ...]) -> dict[str, Any]:
    training_set, candidate = str(output / "training_set"), str(output / name)
    run_verb(settings.Train(training_set=training_set, output=candidate, parameters=parameters))
    return run_verb(settings.Evaluate(candidate=candidate, training_set=training_set))


def _release(output: pathlib.Path, name: str) -> str:
    why = f"demo: the {name} model"
    given = settings.Release(candidate=str(output / name), registry=str(output / "registry"), why=why)
    return run_verb(given)["bundle"]
