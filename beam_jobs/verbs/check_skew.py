"""`onegraph check_skew`: the same raw records through every path, every feature and score compared as bits.

The paths: `batch` is `score_batch` as it runs in production and the reference; `stream` is `score_stream` over a real
broker, the records sent as JSON events; `reloaded` is a copy of the bundle, loaded from elsewhere and called with
other batch sizes; `examples` is what training reads back from the serialized tf.Examples.

Beam and TensorFlow are imported after all that can be refused without them: files, and the broker.
"""

import pathlib
import tempfile
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from beam_jobs.batch.event_files import json_events
from beam_jobs.cli.settings import CheckSkew, ScoreBatch, ScoreStream
from beam_jobs.cli.verbs import import_quietly, run_verb
from beam_jobs.kafka.topics import topics
from beam_jobs.raw_files.finding import find_files
from beam_jobs.raw_files.raw_format import RawFile
from beam_jobs.skew import findings
from beam_jobs.skew.records import RawRecords, read_records
from beam_jobs.skew.round_trip import Topics, round_trip
from models.evaluation.skew import PathValues, compare
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.artifacts.signature import TrustedKeys
from schemas.errors import GateRefusal, InputError

if TYPE_CHECKING:
    from models.scoring.scorer import Scorer

PATHS = "beam_jobs.skew.paths"


def check(settings: CheckSkew) -> None:
    """Refuse missing files, a broker that is down and a registry without a bundle, which alone needs Beam."""
    _found(settings)


def run(settings: CheckSkew) -> dict[str, Any]:
    """Run all paths and compare; raises `GateRefusal` with the table if any bit differs."""
    files, champion = _found(settings)
    paths = import_quietly(PATHS)
    scorer = paths.Scorer.load(champion)
    records = read_records(files, scorer.treatments.raw)
    treated = scorer.treatments.keyed(settings.personal_keys.read(), f"bundle {scorer.bundle_id}")(records.rows)
    with tempfile.TemporaryDirectory(prefix="check_skew-") as folder:
        reference = _batch(settings, files, scorer, records, pathlib.Path(folder) / "predictions")
        others = {
            "stream": _stream(settings, scorer, records),
            "reloaded": paths.of_copy(scorer, treated, pathlib.Path(folder) / "copy"),
            "examples": paths.of_examples(scorer, treated),
        }
    compared, rejected = len(reference.rows), len(records.ids) - len(reference.rows)
    if not compared:
        raise InputError(f"{' '.join(settings.data)}: all of {rejected} rows are rejected; nothing to compare")
    columns = paths.columns_of(scorer.feature_names, scorer.form.names)
    skews = compare(columns, reference, others)
    result = findings.findings_of(scorer.bundle_id, columns, compared, rejected, skews)
    if difference := findings.first_difference(skews, records.ids):
        raise GateRefusal(difference, result)
    return result


def describe(result: dict[str, Any]) -> str:
    """Return the table: one line per feature and for the score, one column per path."""
    return findings.table_text(result)


def _found(settings: CheckSkew) -> tuple[list[RawFile], pathlib.Path]:
    """Return the files and the champion's directory."""
    files = find_files(settings.data, settings.file_options)
    topics.describe(settings.connection, [])
    open_registry = import_quietly("beam_jobs.registries.opening").open_registry
    champion = open_registry(settings.registry, TrustedKeys.of(settings.trusted_keys)).champion()
    manifest = artifact.open_artifact(champion, ArtifactKind.BUNDLE).manifest
    settings.check_named(manifest["use_case"], f"bundle {champion.name}")
    settings.personal_keys.check(manifest, f"bundle {champion.name}")
    return files, champion


def _batch(
    given: CheckSkew, files: Sequence[RawFile], scorer: "Scorer", records: RawRecords, output: pathlib.Path
) -> PathValues:
    run_verb(
        ScoreBatch(
            **given.format_options(),
            use_case=given.use_case,
            data=tuple(file.path for file in files),
            registry=given.registry,
            trusted_keys=given.trusted_keys,
            personal_key_file=given.personal_key_file,
            personal_key_env=given.personal_key_env,
            bundle=scorer.bundle_id,
            output=str(output),
            with_features=True,
        )
    )
    return import_quietly(PATHS).of_prediction_files(output, scorer, records)


def _stream(given: CheckSkew, scorer: "Scorer", records: RawRecords) -> PathValues:
    def score(names: Topics) -> None:
        run_verb(
            ScoreStream(
                **given.broker_options(),
                registry=given.registry,
                trusted_keys=given.trusted_keys,
                personal_key_file=given.personal_key_file,
                personal_key_env=given.personal_key_env,
                source_topic=names.source,
                predictions_topic=names.predictions,
                rejected_topic=names.rejected,
                group=names.source,
                until_caught_up=True,
                with_features=True,
                breaker="off",
            )
        )

    events = zip(records.ids, json_events(records.rows), strict=True)
    predictions = round_trip(given.connection, events, score)
    return import_quietly(PATHS).of_predictions(predictions, scorer, records, given.registry)
