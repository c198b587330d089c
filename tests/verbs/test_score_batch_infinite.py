"""A feature that is infinite for some rows: they are rejected alone wherever features are made, and counted."""

import collections
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import tensorflow as tf
from tensorflow_metadata.proto.v0 import statistics_pb2

from beam_jobs.batch.event_files import json_events
from beam_jobs.cli.command_line import main
from beam_jobs.kafka.kafka_python.producer import Producer
from beam_jobs.kafka.topics.sending import send_rows
from beam_jobs.raw_files.blocks import read_file
from beam_jobs.raw_files.finding import find_files
from beam_jobs.raw_files.intake import RawRowsDecoder
from beam_jobs.stream.events import EventBatch
from beam_jobs.stream.score.event_scoring import EventScorer
from models.families.boosting.xgb import XGBoostModel
from models.registry.registry import Registry
from models.scoring import golden
from models.scoring.scorer import Scorer
from models.training.training_set import TrainingSet
from schemas.artifacts import artifact
from schemas.errors import InputError
from schemas.rejection import Reason, Stage
from schemas.rejection_counts import rejections
from tests.support.kafka_records import read
from tests.support.present import present
from tests.support.printed import for_people
from tests.support.use_case_folder import UseCaseFolder, lines_of
from transforms.examples.examples import ExampleEncoder

SCHEMA = """
feature { name: "rid" type: INT presence { min_fraction: 1 } annotation { tag: "id" } }
feature { name: "at" type: INT presence { min_fraction: 1 } annotation { tag: "event_time:s" } }
feature { name: "purpose" type: BYTES }
feature { name: "amount" type: FLOAT presence { min_fraction: 1 } }
feature { name: "income" type: FLOAT }
feature { name: "y" type: INT not_in_environment: "SERVING" }
"""
TRANSFORM = """
import numpy as np
from transforms.missing import fill

WINDOWS = ()


def preprocessing_fn(inputs):
    amount, income = fill(inputs["amount"], 0.0), fill(inputs["income"], float("nan"))
    return {"amount": amount, "amount/income": amount / income, "square": amount * amount}


def label(batch):
    return batch.column("y").cast("float32").to_numpy(zero_copy_only=False).astype(np.float32)
"""
RATIO, SQUARE = "/features/amount~1income", "/features/square"
ROWS = 900
# By row: a division by zero, one below it, an overflow of float32, and both: the first in the order of features counts.
INFINITE = {7: RATIO, 11: RATIO, 12: SQUARE, 400: RATIO, 811: SQUARE, 812: RATIO}


def cells():
    yield "rid", "at", "purpose", "amount", "income", "y"
    for row in range(ROWS):
        amount, income = float(row % 90), 20.0 + row % 7
        if row in INFINITE:
            amount = -5.0 if row == 11 else 1e25 if INFINITE[row] == SQUARE or row == 812 else 5.0
            income = 0.0 if INFINITE[row] == RATIO else 20.0
        yield row, 1_700_000_000 + row, "car", amount, None if row % 10 == 3 else income, int(row % 90 > 40)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    return UseCaseFolder.released(tmp_path_factory.mktemp("own"), SCHEMA, TRANSFORM, cells())


@pytest.fixture(scope="module")
def scorer(own):
    return Scorer.load(Registry(own.registry).champion())


@pytest.fixture(scope="module")
def rows(own, scorer):
    (block,) = read_file(find_files([str(own.data)])[0])
    return RawRowsDecoder(scorer.schema).take_in(block).batch


def test_a_build_rejects_such_rows_with_their_bytes_and_counts_them(own):
    training_set = TrainingSet.open(own.training_set)
    artifact.open_artifact(own.training_set, "training_set").verify()
    counted = training_set.manifest["rows"]
    assert (counted["read"], counted["rejected"]) == (ROWS, len(INFINITE))
    assert counted["read"] == counted["train"] + counted["eval"] + counted["test"] + counted["rejected"]
    assert training_set.manifest["rejections"] == rejections(
        collections.Counter(("FEATURE_NONFINITE", path) for path in INFINITE.values())
    )
    found = sorted(lines_of(own.training_set, "rejected"), key=lambda one: one["row"])
    assert [(one["file"], one["row"], one["reason"], one["stage"], one["path"], one["value"]) for one in found] == [
        ("rows.csv", row, "FEATURE_NONFINITE", "score", path, own.lines[row + 1]) for row, path in INFINITE.items()
    ]
    seen = 0
    for split in ("train", "eval", "test"):
        loaded = training_set.load(split)
        assert len(loaded.label) == counted[split]
        assert not np.isinf(loaded.features).any()
        assert training_set.manifest["label_mean"][split] == pytest.approx(loaded.label.mean())
        seen += int(np.isnan(loaded.features[:, 1]).sum())
        listed = statistics_pb2.DatasetFeatureStatisticsList.FromString(
            (own.training_set / "statistics" / f"{split}.pb").read_bytes()
        )
        assert listed.datasets[0].num_examples == counted[split]
    assert seen == sum(row % 10 == 3 for row in range(ROWS))  # a missing income is a missing feature


def test_a_build_of_nothing_else_is_refused(tmp_path, capsys):
    rows = [
        ("rid", "at", "purpose", "amount", "income", "y"),
        *((n, 1_700_000_000, "", 1, 0, n % 2) for n in range(90)),
    ]
    case = UseCaseFolder(tmp_path, SCHEMA, TRANSFORM, rows)
    assert case.build() == 1
    assert f"90 of 90 rows rejected: 90 FEATURE_NONFINITE at {RATIO}; the" in capsys.readouterr().err
    assert not case.training_set.exists()


def test_train_refuses_a_set_that_was_built_with_them(own, tmp_path, capsys):
    """As a build of before wrote it: the shard and the manifest fit, the values do not."""
    opened = TrainingSet.open(own.training_set)
    split = opened.load("train")
    features = split.features.copy()
    features[3, 2] = np.inf
    encoder = ExampleEncoder(opened.feature_names, opened.feature_kinds, opened.slices)
    slices = {name: pa.array(values, pa.string()) for name, values in split.slices.items()}
    examples = encoder.encode(features, split.label, slices)
    folder = tmp_path / "ts"
    folder.mkdir()
    for file in own.training_set.rglob("*"):
        if file.is_file():
            target = folder / file.relative_to(own.training_set)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    (shard,) = folder.glob("train-*")
    with tf.io.TFRecordWriter(str(shard), "GZIP") as writer:
        for example in examples:
            writer.write(example)
    assert own.verb("train", "--training-set", folder, "--output", tmp_path / "candidate") == 1
    assert f"split train: {SQUARE} is infinite, as in 1 of {len(examples)} rows" in capsys.readouterr().err
    assert not (tmp_path / "candidate").exists()


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_score_batch_rejects_them_alone_with_and_without_contributions(own, tmp_path, capsys, format):
    for name, options in {"plain": [], "told": ["--with-features", "--contributions", 2]}.items():
        assert own.score(tmp_path / name, "--format", format, *options) == 0
        result = json.loads(capsys.readouterr().out)
        assert result["rows"] == {"read": ROWS, "scored": ROWS - len(INFINITE), "rejected": len(INFINITE)}
        rejected = lines_of(tmp_path / name, "rejected")
        assert [(one["row"], one["path"]) for one in rejected] == list(INFINITE.items())
    if format == "jsonl":
        found = {one["rid"]: one for one in lines_of(tmp_path / "told", "predictions")}
        assert found[3]["features"]["amount/income"] is None  # missing, and nothing else is null
        assert {row for row, one in found.items() if None in one["features"].values()} == set(range(3, ROWS, 10))
        assert all("contributions" in one for one in found.values())


def test_check_skew_agrees_on_what_is_rejected(own, broker, capsys):
    argv = ["--data", own.data, "--registry", own.registry, "--bootstrap-servers", broker, "--json"]
    assert own.verb("check_skew", *argv) == 0
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    assert (result["equal"], result["rows"], result["rejected"]) == (True, ROWS - len(INFINITE), len(INFINITE))
    assert f"100 % equal: {ROWS - len(INFINITE)} records ({len(INFINITE)} more are rejected)" in for_people(
        "check_skew", printed.out
    )


def test_the_stream_rejects_them_alone_and_goes_on(own, rows, broker, topics, capsys):
    source = topics("ratio")
    producer = Producer(broker)
    try:
        send_rows(producer, source, ((b"%d" % row, event) for row, event in enumerate(json_events(rows))))
    finally:
        producer.close()
    argv = [
        "score_stream",
        *("--bootstrap-servers", broker, "--registry", str(own.registry), "--group", source, "--create-topics"),
        *("--source-topic", source, "--predictions-topic", f"{source}.p", "--rejected-topic", f"{source}.r"),
        *("--until-caught-up", "--contributions", "2", "--json"),
    ]
    assert main(argv) == 0
    by_feature = collections.Counter(("FEATURE_NONFINITE", path) for path in INFINITE.values())
    assert json.loads(capsys.readouterr().out)["rejections"] == rejections(by_feature)
    rejected = {int(present(one.key)): dict(one.headers) for one in read(broker, f"{source}.r")}
    assert {row: present(headers["onegraph.path"]).decode() for row, headers in rejected.items()} == INFINITE
    assert {headers["onegraph.stage"] for headers in rejected.values()} == {b"score"}
    predicted = {int(present(one.key)): json.loads(present(one.value)) for one in read(broker, f"{source}.p")}
    assert set(predicted) == set(range(ROWS)) - set(INFINITE)
    assert all("contributions" in one for one in predicted.values())


def test_the_scorer_as_a_library(scorer, rows):
    with pytest.raises(InputError, match=f"row 7: {RATIO} is infinite, as in {len(INFINITE)} of {ROWS} rows") as caught:
        scorer.score(rows)
    assert "\n" not in str(caught.value)
    scored, kept, rejections = scorer.score_rows(rows)
    assert {one.row: one.path for one in rejections} == INFINITE
    assert {(one.stage, one.reason) for one in rejections} == {(Stage.SCORE, Reason.FEATURE_NONFINITE)}
    assert kept.tolist() == [row for row in range(ROWS) if row not in INFINITE]
    assert scored.scores.tobytes() == scorer.score(rows.take(pa.array(kept))).scores.tobytes()
    assert scorer.score_rows(rows.slice(7, 1))[2][0].path == RATIO


def test_times_that_no_schema_limits(scorer, rows):
    """The schema of this use case has no int_domain: 2^62 s became 0, and milliseconds the year 55,000."""
    good, *odd = json_events(rows.slice(0, 6))
    times = [2**62, -(2**63), 1_700_000_000_000, 0, 253_402_300_800]
    events = [json.dumps(json.loads(event) | {"at": at}).encode() for event, at in zip(odd, times, strict=True)]
    partitions, offsets = [0] * 6, list(range(6))
    batch = EventBatch("t", partitions, offsets, offsets, [None] * 6, [good, *events], [[]] * 6, {0: 6})
    outcome, rejections = EventScorer(scorer).score(batch)
    assert [(one.row, one.reason, one.path) for one in rejections] == [
        (row, Reason.TIME_RANGE, "/at") for row in range(1, 6)
    ]
    assert [json.loads(present(value))["event_time"] for value in outcome.predictions.values] == [1_700_000_000_000]


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_what_cannot_be_explained_is_rejected_and_counted(own, tmp_path, capsys, caplog, monkeypatch, format):
    def refuse(model, features):
        raise ValueError("no contributions")

    monkeypatch.setattr(XGBoostModel, "contributions", refuse)
    assert own.score(tmp_path / "all", "--format", format, "--contributions", 2) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["rows"] == {"read": ROWS, "scored": 0, "rejected": ROWS}
    rest = ROWS - len(INFINITE)
    assert {"reason": "BAD_OUTPUT", "field": "", "count": rest} in result["rejections"]
    (said,) = [record.getMessage() for record in caplog.records if "nothing is scored" in record.getMessage()]
    assert f"{ROWS} of {ROWS} rows rejected: {rest} BAD_OUTPUT, " in said
    artifact.open_artifact(tmp_path / "all", "predictions").verify()


def test_golden_rows_may_hold_them_and_are_compared_as_bits(scorer, rows, tmp_path):
    many = pa.concat_batches([rows.slice(0, 20)] * (golden.ROWS // 20 + 1)).slice(0, golden.ROWS)
    golden.write_golden(scorer, many, tmp_path)
    _, wanted = golden.read_golden(tmp_path)
    assert np.isinf(wanted.features).any(axis=1).nonzero()[0].tolist()[:3] == [7, 11, 12]
    golden.replay_golden(scorer, tmp_path)
