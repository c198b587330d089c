"""`onegraph check_skew`: the same raw records through every path, every feature and score compared as bits.

The paths: `batch` is `score_batch` as it runs in production and the reference; `stream` is `score_stream` over a real
broker, the records sent as JSON events; `reloaded` is a copy of the bundle, loaded from elsewhere and called with
other batch sizes; `examples` is what training reads back from the serialized tf.Examples.
"""

import itertools
import json
import pathlib
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset

from beam_jobs.batch.event_files import json_events
from beam_jobs.batch.intake_steps import RawRowsDecoder
from beam_jobs.batch.raw_files import find_files, read_file
from beam_jobs.cli.settings import CheckSkew, ScoreBatch, ScoreStream
from beam_jobs.kafka.clients.choice import open_producer
from beam_jobs.kafka.topics import topics
from beam_jobs.kafka.topics.contents import read_topic
from beam_jobs.registries.remote_registry import open_registry
from beam_jobs.verbs import score_batch, score_stream, send
from models.evaluation.skew import ColumnSkew, PathValues, compare
from models.scoring.scorer import Scorer
from schemas.artifacts.signature import TrustedKeys
from schemas.errors import ArtifactError, GateRefusal, InputError
from transforms.examples.examples import ExampleDecoder, ExampleEncoder
from transforms.graph.finite import infinite_rows, kept_rows

SCORE = "score"
_BATCH_SIZES = (1, 2, 3, 7, 16, 33, 100, 1000, 4099)
_PARTITIONS = 4


def check(settings: CheckSkew) -> pathlib.Path:
    """Refuse missing files, a registry without a bundle and a broker that is down; return the champion's directory."""
    find_files(settings.data)
    topics.describe(settings.connection, [])
    return open_registry(settings.registry, TrustedKeys.of(settings.trusted_keys)).champion()


def run(settings: CheckSkew) -> dict[str, Any]:
    """Run all paths and compare; raises `GateRefusal` with the table where any bit differs."""
    scorer = Scorer.load(check(settings))
    columns = (*scorer.feature_names, score_column(scorer.feature_names))
    ids, rows = _raw_records(settings.data, scorer)
    numbers = {name: number for number, name in enumerate(ids)}
    with tempfile.TemporaryDirectory(prefix="check_skew-") as folder:
        reference = _batch(settings, scorer, numbers, pathlib.Path(folder))
        others = {
            "stream": _stream(settings, scorer, ids, rows, numbers),
            "reloaded": _reloaded(scorer, rows, pathlib.Path(folder)),
            "examples": _examples(scorer, rows),
        }
    if not len(reference.rows):
        raise InputError(f"{' '.join(settings.data)}: all of {len(ids)} rows are rejected; nothing to compare")
    skews = compare(columns, reference, others)
    result = _result(scorer, columns, reference, len(ids), skews)
    if wrong := [skew for skew in skews if not skew.equal]:
        first = wrong[0]
        raise GateRefusal(
            f"{len(wrong)} of {len(skews)} comparisons differ, the first in {first.column!r} on path {first.path!r}: "
            f"{first.different} rows differ, {first.unpaired} stand alone, beginning with {ids[first.first_row]}",
            result,
        )
    return result


def score_column(feature_names: Sequence[str]) -> str:
    """Return what the score is called beside the features, as no feature is.

    >>> score_column(["fare"]), score_column(["fare", "score"])
    ('score', '(score)')
    """
    name = SCORE
    while name in feature_names:
        name = f"({name})"
    return name


def describe(result: dict[str, Any]) -> str:
    """Return the table: one line per feature and for the score, one column per path."""
    paths = result["paths"]
    width = max(map(len, result["columns"]))
    lines = [f"{'':{width}}  " + "".join(f"{path:>22}" for path in paths)]
    for column in result["columns"]:
        cells = [_cell(result["skew"][path][column]) for path in paths]
        lines.append(f"{column:{width}}  " + "".join(f"{cell:>22}" for cell in cells))
    share = "100 % equal" if result["equal"] else "NOT EQUAL"
    records = f"{result['rows']:,} records{_rejected(result['rejected'])}"
    lines.append(f"{share}: {records}, bundle {result['bundle']}, every value compared as float32 bits")
    return "\n".join(lines)


def _rejected(rows: int) -> str:
    return f" ({rows:,} more are rejected)" if rows else ""


def _cell(skew: dict[str, Any]) -> str:
    if skew["equal"]:
        return f"{skew['compared']:,} equal"
    return f"{skew['different']:,} differ, {skew['unpaired']:,} alone"


def _result(
    scorer: Scorer, columns: Sequence[str], reference: PathValues, rows: int, skews: list[ColumnSkew]
) -> dict[str, Any]:
    paths = list(dict.fromkeys(skew.path for skew in skews))
    table: dict[str, Any] = {path: {} for path in paths}
    for skew in skews:
        table[skew.path][skew.column] = {
            "compared": skew.compared,
            "different": skew.different,
            "unpaired": skew.unpaired,
            "largest": skew.largest,
            "equal": skew.equal,
        }
    return {
        "bundle": scorer.bundle_id,
        "rows": len(reference.rows),
        "rejected": rows - len(reference.rows),
        "paths": paths,
        "columns": list(columns),
        "equal": all(skew.equal for skew in skews),
        "skew": table,
    }


def _raw_records(patterns: Sequence[str], scorer: Scorer) -> tuple[list[str], pa.RecordBatch]:
    """Return the id and the raw row of every record that the schema accepts; others cannot be sent as typed events."""
    decoder = RawRowsDecoder(scorer.schema)
    ids: list[str] = []
    batches = []
    for file in find_files(patterns):
        for block in read_file(file):
            intake = decoder.take_in(block)
            ids += [f"{file.name}/{number}" for number in (intake.rows + block.first_row).tolist()]
            batches.append(intake.batch)
    if not ids:
        raise InputError(f"{' '.join(patterns)}: no row that fits the schema; nothing to compare")
    return ids, pa.Table.from_batches(batches).combine_chunks().to_batches()[0]


def _batch(settings: CheckSkew, scorer: Scorer, numbers: dict[str, int], folder: pathlib.Path) -> PathValues:
    output = folder / "predictions"
    score_batch.run(_score_batch_settings(settings, scorer, output))
    table = pyarrow.dataset.dataset(sorted(map(str, output.glob("predictions-*.parquet")))).to_table()
    values = [table.column(f"features.{name}").to_numpy() for name in scorer.feature_names]
    values.append(table.column(SCORE).to_numpy())
    rows = [numbers[name] for name in table.column("id").to_pylist()]
    return PathValues(np.array(rows), np.stack(values, axis=1).astype(np.float32))


def _score_batch_settings(given: CheckSkew, scorer: Scorer, output: pathlib.Path) -> ScoreBatch:
    return ScoreBatch(
        use_case=given.use_case,
        use_case_path=given.use_case_path,
        data=given.data,
        registry=given.registry,
        trusted_keys=given.trusted_keys,
        bundle=scorer.bundle_id,
        output=str(output),
        with_features=True,
    )


def _stream(
    given: CheckSkew, scorer: Scorer, ids: list[str], rows: pa.RecordBatch, numbers: dict[str, int]
) -> PathValues:
    """Send the records as events to topics made for this, score them with the streaming job, read what it wrote."""
    source, predictions, rejected = names = tuple(
        f"check-skew-{uuid.uuid4().hex[:8]}-{part}" for part in ("source", "predictions", "rejected")
    )
    servers = given.connection
    topics.create(servers, topics.for_scoring(source, predictions, rejected, _PARTITIONS, topics.DEFAULT_MESSAGE_BYTES))
    try:
        producer = open_producer(servers)
        try:
            send.send_rows(producer, source, zip(map(str.encode, ids), json_events(rows), strict=True))
        finally:
            producer.close()
        score_stream.run(
            ScoreStream(
                **given.broker_options(),
                registry=given.registry,
                trusted_keys=given.trusted_keys,
                source_topic=source,
                predictions_topic=predictions,
                rejected_topic=rejected,
                group=source,
                until_caught_up=True,
                with_features=True,
                breaker="off",
            )
        )
        found = [
            (numbers[str(record.key, "utf-8")], json.loads(record.value))
            for record in read_topic(servers, predictions)
            if record.key is not None and record.value is not None
        ]
    finally:
        topics.delete(servers, names)
    for _, prediction in found:
        if prediction["bundle"] != scorer.bundle_id:
            raise ArtifactError(
                f"{given.registry}: bundle {prediction['bundle']} replaced {scorer.bundle_id} meanwhile; run again"
            )
    values = np.full((len(found), len(scorer.feature_names) + 1), np.nan, np.float32)
    for place, (_, prediction) in enumerate(found):
        numbers_of_row = [prediction["features"][name] for name in scorer.feature_names] + [prediction[SCORE]]
        values[place] = [np.nan if number is None else number for number in numbers_of_row]
    return PathValues(np.array([row for row, _ in found], np.int64), values)


def _reloaded(scorer: Scorer, rows: pa.RecordBatch, folder: pathlib.Path) -> PathValues:
    copy = folder / "copy"
    shutil.copytree(scorer.path, copy)
    reloaded = Scorer.load(copy)
    numbers, parts = [], []
    for start, size in _cuts(rows.num_rows):
        scored, kept, _ = reloaded.score_rows(rows.slice(start, size))
        numbers.append(start + kept)
        parts.append(np.column_stack([scored.features, scored.scores]))
    return PathValues(np.concatenate(numbers), np.concatenate(parts))


def _cuts(rows: int) -> Iterator[tuple[int, int]]:
    start = 0
    for size in itertools.cycle(_BATCH_SIZES):
        if start >= rows:
            return
        yield start, size
        start += size


def _examples(scorer: Scorer, rows: pa.RecordBatch) -> PathValues:
    graph = scorer.graph
    features = graph.apply(rows)
    kept = kept_rows(len(features), infinite_rows(features, graph.feature_names))
    features = features[kept]
    label = np.zeros(len(features), np.float32)
    examples = ExampleEncoder(graph.feature_names, graph.feature_kinds).encode(features, label)
    decoded, _, _ = ExampleDecoder(graph.feature_names, graph.feature_kinds).decode(examples)
    return PathValues(kept, np.column_stack([decoded, scorer.model.predict(decoded)]))
