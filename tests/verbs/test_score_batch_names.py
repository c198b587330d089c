"""A use case whose columns and features have our own names: nothing of theirs is taken for ours, in any artifact."""

import dataclasses
import json
import random

import numpy as np
import pyarrow.parquet
import pytest
import tensorflow as tf

from beam_jobs.batch.event_files import json_events
from beam_jobs.cli.command_line import main
from beam_jobs.demo.replay import observe
from beam_jobs.kafka.kafka_python.producer import Producer
from beam_jobs.kafka.topics.sending import send_rows
from beam_jobs.raw_files.blocks import read_file
from beam_jobs.raw_files.finding import find_files
from beam_jobs.raw_files.intake import RawRowsDecoder
from models.registry.registry import Registry
from models.scoring.explanation import BIAS
from models.scoring.explanation import OTHERS as OTHER_COLUMNS
from models.scoring.scorer import Scorer
from models.training.training_set import TrainingSet
from schemas.artifacts import artifact
from schemas.errors import ArtifactError
from tests.support.kafka_records import read
from tests.support.use_case_folder import UseCaseFolder, lines_of
from transforms.examples.tfrecord import read_shard

IDS = {"id": "INT", "Score": "BYTES", "event_time": "FLOAT", "ids": "INT", "features.label": "INT", "100 %s": "INT"}
OTHERS = (
    "label",
    "label of the row",
    "value",
    "golden score",
    "golden features",
    "a.b",
    "a_b",
    "(bias)",
    "a+b",
    'a "b"',
)
APART = ("id", "Score", "event_time", "ids", "features.label")
FEATURES = (
    "label",
    "slice.purpose",
    "feature.label",
    "example.weight",
    "score",
    "id",
    "(score)",
    "bundle",
    *OTHERS[1:],
)
SCHEMA = "\n".join(
    [
        *(
            f"feature {{ name: {json.dumps(name)} type: {kind} presence {{ min_fraction: 1 }} "
            'annotation { tag: "id" } }'
            for name, kind in IDS.items()
        ),
        'feature { name: "at" type: INT presence { min_fraction: 1 } annotation { tag: "event_time:s" } }',
        'feature { name: "purpose" type: BYTES }',
        *(f"feature {{ name: {json.dumps(name)} type: FLOAT }}" for name in OTHERS),
        'feature { name: "y" type: INT not_in_environment: "SERVING" }',
    ]
)
TRANSFORM = f"""
import numpy as np
import tensorflow_transform as tft
from transforms.missing import fill

WINDOWS = ()
FEATURES = {FEATURES!r}


def preprocessing_fn(inputs):
    plain = {{name: fill(inputs[name if name in inputs else "label"], 0.0) for name in FEATURES if name != "id"}}
    return plain | {{"id": tft.bucketize(fill(inputs["a.b"], 0.0), 4)}}


def label(batch):
    return batch.column("y").cast("float32").to_numpy(zero_copy_only=False).astype(np.float32)
"""
ROWS = 600


def cells():
    noise = random.Random(3)
    quoted = '"a ""b"""'
    yield *IDS, "at", "purpose", *OTHERS[:-1], quoted, "y"
    for row in range(ROWS):
        numbers = [round(noise.uniform(-9, 9), 3) for _ in OTHERS]
        ids = [row, f"s{row}", row + 0.5, -row, row % 7, row % 5]
        yield *ids, 1_700_000_000 + row, noise.choice(["car", "home", ""]), *numbers, int(sum(numbers[1:4]) > 0)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    return UseCaseFolder.released(tmp_path_factory.mktemp("own"), SCHEMA, TRANSFORM, cells())


@pytest.fixture(scope="module")
def scorer(own):
    return Scorer.load(Registry(own.registry).champion())


def test_examples_have_both_labels_and_everybody_reads_them(own):
    training_set = TrainingSet.open(own.training_set)
    assert set(training_set.feature_names) == set(FEATURES)
    split = training_set.load("train")
    wanted = {int(line.split(",")[0]): line for line in own.lines[1:]}
    (shard,) = own.training_set.glob("train-*")
    examples = [example for block in read_shard(shard) for example in block]
    spec = {
        **{name: tf.io.FixedLenFeature([], tf.float32) for name in ("label", "feature.label", "score", "bundle")},
        "feature.slice.purpose": tf.io.FixedLenFeature([], tf.float32),
        "feature.feature.label": tf.io.FixedLenFeature([], tf.float32),
        "feature.example.weight": tf.io.FixedLenFeature([], tf.float32),
        "id": tf.io.FixedLenFeature([], tf.int64),
        "slice.purpose": tf.io.VarLenFeature(tf.string),
    }
    parsed = tf.io.parse_example(examples, spec)
    assert parsed["label"].numpy().tolist() == split.label.tolist()
    assert set(split.label.tolist()) == {0.0, 1.0}
    for name in ("label", "slice.purpose", "feature.label"):
        place = training_set.feature_names.index(name)
        assert parsed[f"feature.{name}"].numpy().tobytes() == np.ascontiguousarray(split.features[:, place]).tobytes()
        assert len(np.unique(split.features[:, place])) > 100
    found = [text.decode() for text in parsed["slice.purpose"].values.numpy()]
    assert found == split.slices["purpose"].drop_null().to_pylist()
    assert len(wanted) == ROWS


def test_the_label_is_not_learnt_from_itself(own):
    """The feature `label` is noise: with the label in its place the AUC is 1."""
    found = json.loads((own.candidate.with_name("candidate.evaluation") / "metrics.json").read_text())
    assert 0.5 < found["auc"] < 1


def test_predictions_have_ours_and_theirs_in_either_format(own, scorer, tmp_path, capsys):
    options = ["--with-features", "--contributions", 3]
    assert own.score(tmp_path / "lines", "--format", "jsonl", *options) == 0
    assert own.score(tmp_path / "columns", *options) == 0
    capsys.readouterr()
    (file,) = (tmp_path / "lines").glob("predictions-*")
    keys = json.loads(file.read_bytes().splitlines()[0], object_pairs_hook=lambda pairs: [key for key, _ in pairs])
    ours = ["score", "label", "bundle", "variant", "event_time", "features", "contributions"]
    assert keys == ["id", "100 %s", "ids", *ours]
    found = lines_of(tmp_path / "lines", "predictions")
    for row in (0, 599):
        ids = {"id": row, "Score": f"s{row}", "event_time": row + 0.5, "ids": -row, "features.label": row % 7}
        assert (found[row]["id"], found[row]["ids"], found[row]["100 %s"]) == (f"rows.csv/{row}", ids, row % 5)
        assert list(found[row]["ids"]) == list(APART)
        assert found[row]["event_time"] == (1_700_000_000 + row) * 1000
        assert set(found[row]["features"]) == set(FEATURES)
    (file,) = (tmp_path / "columns").glob("predictions-*")
    table = pyarrow.parquet.read_table(file)
    assert len(table.column_names) == len(set(table.column_names)) == 1 + len(IDS) + 6 + len(FEATURES)
    assert table.column_names[:7] == ["id", "100 %s", *(f"ids.{name}" for name in APART)]
    for name in ("id", "score", "label", "bundle", "variant", "event_time"):
        assert table[name].to_pylist() == pytest.approx([one[name] for one in found]), name
    for name in APART:
        assert table[f"ids.{name}"].to_pylist() == [one["ids"][name] for one in found]
    for name in FEATURES:
        assert (
            table[f"features.{name}"].to_numpy().tobytes()
            == np.array([one["features"][name] for one in found], np.float32).tobytes()
        )


def test_contributions_tell_columns_from_sums_and_bias(own, scorer, tmp_path, capsys):
    assert own.score(tmp_path / "all", "--format", "jsonl", "--contributions", 99) == 0
    capsys.readouterr()
    for one in lines_of(tmp_path / "all", "predictions"):
        told = one["contributions"]
        plain = set(OTHERS) - {"(bias)", "a+b"}
        assert set(told) == plain | {'"(bias)"', '"a+b"', OTHER_COLUMNS, BIAS}
        assert sum(told.values()) == pytest.approx(np.log(one["score"] / (1 - one["score"])), abs=2e-5)


def test_check_skew_and_what_reads_predictions_back(own, scorer, broker, topics, capsys):
    argv = ["--data", own.data, "--registry", own.registry, "--bootstrap-servers", broker, "--json"]
    assert own.verb("check_skew", *argv) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["equal"], result["rows"]) == (True, ROWS)
    assert result["columns"] == [*scorer.feature_names, "((score))"]
    assert len(result["skew"]["stream"]) == len(FEATURES) + 1

    source = topics("names")
    (block,) = read_file(find_files([str(own.data)])[0])
    producer = Producer(broker)
    try:
        events = json_events(RawRowsDecoder(scorer.schema).take_in(block).batch)
        send_rows(producer, source, ((b"%d" % row, event) for row, event in enumerate(events[:50])))
    finally:
        producer.close()
    stream = ["--source-topic", source, "--predictions-topic", f"{source}.p", "--rejected-topic", f"{source}.r"]
    stream += ["--bootstrap-servers", broker, "--registry", str(own.registry), "--group", source]
    assert main(["score_stream", *stream, "--create-topics", "--until-caught-up"]) == 0
    observed = observe(read(broker, source), read(broker, f"{source}.p"))
    assert observed.rows.tolist() == list(range(50))
    assert set(observed.bundles) == {scorer.bundle_id}
    assert main(["tail", f"{source}.p", "--bootstrap-servers", broker, "--from-start", "--until-end"]) == 0
    assert '"ids":{"id":49,"Score":"s49"' in capsys.readouterr().out


def test_training_sets_of_before(own, small_training_set):
    opened = artifact.open_artifact(small_training_set, "training_set")
    of_before = {name: value for name, value in opened.manifest.items() if name != "format"}
    assert len(TrainingSet(dataclasses.replace(opened, manifest=of_before)).load("test").label) == 600
    opened = artifact.open_artifact(own.training_set, "training_set")
    assert opened.manifest["format"] == 2
    for written, message in {
        1: "of format 1, in which feature '.*' cannot be told from what is ours; build and train again",
        3: "of format 3, this onegraph reads 1 and 2",
        "2": "of format '2', this onegraph reads 1 and 2",
    }.items():
        of_then = dataclasses.replace(opened, manifest={**opened.manifest, "format": written})
        with pytest.raises(ArtifactError, match=message):
            TrainingSet(of_then)
