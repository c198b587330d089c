"""`build_training_set` as people call it: every row once, the same bytes twice, bad input refused in one line."""

import collections
import dataclasses
import gzip
import itertools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from beam_jobs.batch import file_job, training_set_writer
from beam_jobs.batch.file_job import NewDirectory
from beam_jobs.batch.written_files import REJECTED, UnnamedFile, Written
from beam_jobs.cli.command_line import main
from beam_jobs.cli.settings import BuildTrainingSet
from beam_jobs.verbs import build_training_set
from models.registry.registry import Registry
from models.spec import ModelSpec
from models.training.training_set import TrainingSet
from models.use_case import find
from schemas.artifacts import artifact, making
from schemas.errors import ArtifactError, OnegraphError
from tests.support.file_limit import no_file_grows_over
from tests.support.printed import for_people
from transforms.decode.csv_decoder import CsvDecoder
from transforms.examples.tfrecord import read_shard
from transforms.graph.graph import TransformGraph
from transforms.intake.split import assign_splits
from transforms.intake.take_in import take_in


def _build(capsys, data, output, *argv):
    """Run the verb, on taxi if no use case is named; return its exit code, its JSON and the last line that it said."""
    argv = argv if "--use-case" in argv else ("--use-case", "taxi", *argv)
    code = main(["build_training_set", "--data", *map(str, data), "--output", str(output), "--json", *argv])
    out, err = capsys.readouterr()
    said = err if code else for_people("build_training_set", out)
    return code, json.loads(out) if code == 0 else None, said.splitlines()[-1]


SHARES = {"train": 0.7, "eval": 0.15, "test": 0.15}
TIPS = {
    "schemas/tips.pbtxt": """
feature { name: "trip" type: INT presence { min_fraction: 1 } annotation { tag: "id" } }
feature { name: "fare" type: FLOAT presence { min_fraction: 1 } }
feature { name: "town" type: BYTES presence { min_fraction: 0.6 }
  skew_comparator { normalized_abs_difference { threshold: 0.1 } } }
feature { name: "old" type: INT presence { min_fraction: 1 } lifecycle_stage: DEPRECATED }
feature { name: "tipped" type: INT presence { min_fraction: 1 } in_environment: "TRAINING" }
""",
    "transforms/tips.py": """
import numpy as np
import tensorflow_transform as tft

from transforms.missing import fill

WINDOWS = ()


def preprocessing_fn(inputs):
    assert "tipped" not in inputs
    return {
        "fare": fill(inputs["fare"], 0.0),
        "town": tft.compute_and_apply_vocabulary(fill(inputs["town"], ""), num_oov_buckets=1),
    }


def label(batch):
    return batch.column("tipped").cast("float32").to_numpy(zero_copy_only=False).astype(np.float32)
""",
    "models/tips.py": """
from models.spec import ModelSpec

MODEL = ModelSpec()
""",
}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A use case of one feature, whose graph is made in a moment: the words that name it, and a folder of its rows."""
    folder = tmp_path_factory.mktemp("tips")
    for name, text in TIPS.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    rows = [f"{trip},{trip % 7}.5,{['', 'here', 'there'][trip % 3]},{trip % 2}" for trip in range(300)]
    (folder / "rows.csv").write_text("\n".join(["trip,fare,town,tipped", *rows, ""]))
    return ["--use-case", "tips", "--use-case-path", str(folder)], folder


def test_every_row_read_ends_once(built):
    training_set = TrainingSet.open(built)
    artifact.open_artifact(built, "training_set").verify()
    rows = training_set.manifest["rows"]
    assert rows["read"] == 2004
    assert rows["rejected"] == 4
    assert rows["read"] == rows["train"] + rows["eval"] + rows["test"] + rows["rejected"]
    for split in ("train", "eval", "test"):
        assert len(training_set.load(split).label) == rows[split]
    assert [shard["rows"] for shard in training_set.manifest["shards"]["train"]][:-1] == [500, 500]
    assert not list(built.glob("unfinished*"))


def test_rejected_rows_keep_their_bytes_place_and_reason(built):
    found = [json.loads(line) for line in (built / "rejected-00000-of-00001.jsonl").read_bytes().splitlines()]
    assert [(one["file"], one["row"], one["reason"], one["path"]) for one in found] == [
        ("b.csv", 0, "CSV_SYNTAX", ""),
        ("b.csv", 1, "ENCODING", ""),
        ("b.csv", 501, "REQUIRED", "/tips"),
        ("b.csv", 502, "CSV_SYNTAX", ""),
    ]
    assert found[0]["value"] == "1,2,3"
    assert found[1]["value_base64"] == "//4="
    manifest = TrainingSet.open(built).manifest
    assert manifest["rejections"] == [
        {"reason": "CSV_SYNTAX", "field": "", "count": 2},
        {"reason": "ENCODING", "field": "", "count": 1},
        {"reason": "REQUIRED", "field": "/tips", "count": 1},
    ]
    anomalies = json.loads((built / "anomalies.json").read_text())
    assert anomalies["rejections"] == manifest["rejections"]
    assert set(anomalies["unseen"]) == {"train", "eval", "test"}


def test_examples_are_what_the_graph_makes_of_the_rows_of_their_split(built, trip_lines):
    training_set, use_case = TrainingSet.open(built), find("taxi")
    header = trip_lines[0].decode().split(",")
    batch = take_in(trip_lines[1:], CsvDecoder(use_case.schema, header), use_case.schema).batch
    splits = assign_splits(batch, use_case.schema, SHARES)
    features = TransformGraph.load(built / "graph").apply(batch)
    for index, name in enumerate(SHARES):
        loaded = training_set.load(name)
        assert loaded.features.tobytes() == features[splits == index].tobytes()
        assert np.array_equal(loaded.label, use_case.label(batch)[splits == index])
        payment = batch.column("payment_type").to_numpy(zero_copy_only=False)[splits == index]
        assert loaded.slices["payment_type"].tolist() == payment.tolist()
        assert training_set.manifest["label_mean"][name] == pytest.approx(loaded.label.mean())


def test_statistics_are_those_of_their_split(built):
    rows = TrainingSet.open(built).manifest["rows"]
    for split in ("train", "eval", "test"):
        listed = statistics_pb2.DatasetFeatureStatisticsList.FromString(
            (built / "statistics" / f"{split}.pb").read_bytes()
        )
        assert (listed.datasets[0].name, listed.datasets[0].num_examples) == (split, rows[split])


def test_the_same_data_gives_the_same_bytes(built, trip_files, tmp_path, capsys):
    data = [trip_files / "b.csv", trip_files / "a.csv.gz"]
    code, result, said = _build(capsys, data, tmp_path / "again", "--rows-per-shard", "500")
    assert (code, result["fingerprint"]) == (0, TrainingSet.open(built).fingerprint)
    assert said == f"  features: 16, fingerprint {result['fingerprint']}"
    again = TrainingSet.open(tmp_path / "again").manifest["files"]
    assert {name: one for name, one in again.items() if not name.endswith("fingerprint.pb")} == {
        name: one
        for name, one in TrainingSet.open(built).manifest["files"].items()
        if not name.endswith("fingerprint.pb")
    }


def test_a_file_that_cannot_be_used_is_named_and_nothing_is_written(trip_lines, tmp_path, capsys):
    output = tmp_path / "out"
    good, empty, short = tmp_path / "good.csv", tmp_path / "empty.csv", tmp_path / "short.csv"
    good.write_bytes(b"\n".join(trip_lines[:50]))
    empty.write_bytes(b"")
    short.write_bytes(trip_lines[0].replace(b"fare,", b"") + b"\n1")
    cut, text = tmp_path / "cut.csv.gz", tmp_path / "trips.txt"
    cut.write_bytes(gzip.compress(b"\n".join(trip_lines))[:-100])
    text.write_bytes(b"a")
    not_gzip = tmp_path / "not.csv.gz"
    not_gzip.write_bytes(good.read_bytes())
    for data, message in {
        tmp_path / "none*.csv": "none*.csv: no such file; check the path or quote the pattern",
        empty: "empty.csv: empty; its first line must name the columns",
        short: "short.csv: its header lacks fare, which the schema names",
        text: "trips.txt: not a raw file by its name; wanted .csv, .jsonl, .parquet, .avro or .tfrecord",
        not_gzip: "not.csv.gz: not a gzip file, or altered; copy it again",
        cut: "cut.csv.gz: its gzip stream ends too early; copy the file again",
    }.items():
        code, _, said = _build(capsys, [good, data], output)
        assert code == 1
        assert said.startswith(f"onegraph build_training_set: {tmp_path}/{message}")
        assert not output.exists()


_PROBE = """
import sys
from beam_jobs.cli.command_line import main

assert main(sys.argv[1:]) == 1
print([name for name in ("tensorflow", "apache_beam") if name in sys.modules])
"""


@pytest.mark.parametrize("verb", ["build_training_set", "score_batch"])
def test_files_and_output_are_refused_without_anything_heavy(small, tmp_path, verb):
    named, _ = small
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "registry" / "bundles").mkdir(parents=True)
    argv = named if verb == "build_training_set" else ["--registry", "registry"]
    argv = [verb, *argv, "--data", "pipe.csv", "--output", "out"]
    command = [sys.executable, "-c", _PROBE, *argv]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "pipe.csv: a pipe, wanted a plain file, which is read twice" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_plan_says_what_would_be_read_and_written(small, tmp_path):
    named, folder = small
    settings = BuildTrainingSet(
        use_case=named[1], use_case_path=named[3], data=(str(folder / "rows.csv"),), output=str(tmp_path / "out")
    )
    size = (folder / "rows.csv").stat().st_size
    assert build_training_set.plan(settings) == [
        "use case tips: 4 columns would be read: trip, fare, town, tipped",
        f"{folder}/rows.csv would be read, {size:,} bytes",
        "the graph would see 3 of them; split: train 70%, eval 15%, test 15%",
        f"the training set would be written to {tmp_path}/out, 250,000 rows in a shard at most",
    ]
    kept = build_training_set.plan(dataclasses.replace(settings, test_rows="keep"))
    assert kept[-1] == "the raw rows of its test split would lie beside the shards"
    assert not list(tmp_path.iterdir())


def test_wrong_options_are_usage_errors(trip_lines, tmp_path, capsys):
    (tmp_path / "good.csv").write_bytes(b"\n".join(trip_lines[:50]))
    for argv, message in {
        ("--rows-per-shard", "0"): "--rows-per-shard is 0, wanted 1 or more",
        ("--compression", "zip"): "--compression is 'zip', wanted one of gzip, none",
        ("--flink_master_=x",): "unknown option --flink_master_",
        ("--runner", "spark"): "--runner spark: no such runner",
    }.items():
        code, _, said = _build(capsys, [tmp_path / "good.csv"], tmp_path / "out", *argv)
        assert (code, message in said) == (2, True), said
    assert not (tmp_path / "out").exists()


def test_no_rows_below_the_header_is_said_before_anything_is_done(trip_lines, tmp_path, capsys):
    (tmp_path / "rows.csv").write_bytes(trip_lines[0] + b"\n\n")
    code, _, said = _build(capsys, [tmp_path / "rows.csv"], tmp_path / "out")
    wanted = f"{tmp_path}/rows.csv: no rows below the header; give files with data"
    assert (code, said) == (1, f"onegraph build_training_set: {wanted}")
    assert not (tmp_path / "out").exists()


def test_a_label_with_one_class_is_refused_and_nothing_is_left(small, tmp_path, capsys):
    named, folder = small
    rows = (folder / "rows.csv").read_text()
    (tmp_path / "rows.csv").write_text(rows.replace(",1\n", ",0\n"))
    code, _, said = _build(capsys, [tmp_path / "rows.csv"], tmp_path / "out", *named)
    assert code == 1
    wanted = f"{tmp_path}/rows.csv: split train has one class only, the label is 0 in all "
    assert said.startswith(f"onegraph build_training_set: {wanted}")
    assert not (tmp_path / "out").exists()


def test_when_every_row_is_rejected_they_are_kept_and_counted(small, tmp_path, capsys):
    named, folder = small
    header, *rows = (folder / "rows.csv").read_text().splitlines()
    (tmp_path / "rows.csv").write_text("\n".join([header, *(row.replace(".5,", " dollars,") for row in rows)]))
    output, kept = tmp_path / "out", tmp_path / "out.rejected"
    for _ in range(2):
        code, _, said = _build(capsys, [tmp_path / "rows.csv"], output, *named)
        wanted = f"300 of 300 rows rejected: 300 TYPE at /fare; the rejected rows are kept in {kept}"
        assert (code, said) == (1, f"onegraph build_training_set: {tmp_path}/rows.csv: {wanted}")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["out.rejected", "rows.csv"]
    lines = [json.loads(line) for line in (kept / "rejected-00000-of-00001.jsonl").read_bytes().splitlines()]
    assert len(lines) == 300
    assert [lines[7][name] for name in ("file", "row", "reason", "path")] == ["rows.csv", 7, "TYPE", "/fare"]
    assert _build(capsys, [folder / "rows.csv"], output, *named)[0] == 0
    assert not kept.exists()


def test_when_no_row_has_a_label_they_are_kept_and_counted(small, tmp_path, capsys):
    _, folder = small
    shutil.copytree(folder, tmp_path / "mine")
    file = tmp_path / "mine" / "transforms" / "tips.py"
    body = "return np.full(batch.num_rows, np.nan)"
    file.write_text(file.read_text().partition("def label")[0] + f"def label(batch):\n    {body}\n")
    argv = ["--use-case", "tips", "--use-case-path", str(tmp_path / "mine")]
    code, _, said = _build(capsys, [folder / "rows.csv"], tmp_path / "out", *argv)
    assert code == 1
    assert said.endswith(f"300 of 300 rows rejected: 300 LABEL; the rejected rows are kept in {tmp_path}/out.rejected")


@pytest.mark.parametrize("room", [2000, 8000])
def test_a_full_disk_is_one_line_and_leaves_nothing(small, tmp_path, capsys, room):
    named, folder = small
    argv = ["--data", str(folder / "rows.csv"), "--output", str(tmp_path / "out"), "--quiet", *named]
    with no_file_grows_over(room):
        assert main(["build_training_set", *argv]) == 1
    said = capsys.readouterr().err
    wanted = f"{tmp_path}/out: File too large; free or choose another place, then run it again"
    assert said == f"onegraph build_training_set: {wanted}\n"
    assert not list(tmp_path.iterdir())


def test_labels_that_the_task_does_not_allow_are_counted_and_refused(small, tmp_path, capsys):
    named, folder = small
    header, *rows = (folder / "rows.csv").read_text().splitlines()
    rows[7], rows[260] = rows[7][:-1] + "77", rows[260][:-1] + "-1"
    for name, part in (("a.csv", rows[:7]), ("b.csv", rows[7:])):
        (tmp_path / name).write_text("\n".join([header, *part, ""]))
    code, _, said = _build(capsys, [tmp_path / "b.csv", tmp_path / "a.csv"], tmp_path / "out", *named)
    wanted = (
        f"{folder}/transforms/tips.py: label() gave 2 values that are neither 0 nor 1 (2 whole numbers), first at "
        "b.csv row 0"
    )
    assert code == 1
    assert said.startswith(f"onegraph build_training_set: {wanted}")
    assert "77" not in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('return batch.column("tiped")', " line N: label() wants column 'tiped', which is not in the schema ("),
        ('return batch.column("town")', ": label() returned values of type str, wanted a float array"),
        ("return np.zeros((batch.num_rows, 2))", ": label() returned shape ("),
    ],
)
def test_a_label_that_fails_is_one_line(small, tmp_path, capsys, body, message):
    _, folder = small
    shutil.copytree(folder, tmp_path / "mine")
    file = tmp_path / "mine" / "transforms" / "tips.py"
    file.write_text(file.read_text().partition("def label")[0] + f"def label(batch):\n    {body}\n")
    argv = ["--use-case", "tips", "--use-case-path", str(tmp_path / "mine")]
    code, _, said = _build(capsys, [folder / "rows.csv"], tmp_path / "out", *argv)
    assert code == 1
    assert re.sub(r" line \d+", " line N", said).startswith(f"onegraph build_training_set: {file}{message}")
    assert not (tmp_path / "out").exists()


def test_what_of_the_schema_counts_and_what_does_not(small, tmp_path, capsys, caplog):
    named, folder = small
    code, result, said = _build(capsys, [folder / "rows.csv"], tmp_path / "out", *named)
    assert code == 0, said
    assert [record.getMessage() for record in caplog.records if "not heeded" in record.getMessage()] == [
        "schema of tips: not heeded: skew_comparator.normalized_abs_difference of town"
    ]
    assert result["anomalies"] == []
    assert [list(result[name]) for name in ("rows", "label_mean")] == [
        ["eval", "read", "rejected", "test", "train"],
        ["eval", "test", "train"],
    ], "in the order of the manifest's file"
    assert TransformGraph.load(tmp_path / "out" / "graph").input_names == ("trip", "fare", "town")


@pytest.mark.needs_time
def test_the_same_data_at_any_path_is_the_same_bundle(small, tmp_path, monkeypatch):
    named, folder = small
    monkeypatch.chdir(tmp_path)
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    bundles = {}
    for place in ("plain", "a 'quote'\nÜ", "link/relative", "d" * 200 + "/" + "e" * 200):
        path = pathlib.Path(place)
        data, candidate = ["--training-set", str(path / "set")], str(path / "candidate")
        argv = ["--data", str(folder / "rows.csv"), "--output", str(path / "set")]
        assert main(["build_training_set", *argv, *named]) == 0
        assert main(["train", *data, "--output", candidate, "--rounds", "3", *named[2:]]) == 0
        assert main(["evaluate", *data, "--candidate", candidate]) == 0
        assert main(["release", "--candidate", candidate, "--registry", str(path / "registry")]) == 0
        bundles[place] = Registry(path / "registry").released().champion
    assert len(set(bundles.values())) == 1, bundles


@pytest.mark.parametrize("letter", ["[", "\\"])
def test_a_path_that_tensorflow_takes_for_a_pattern(small, tmp_path, capsys, letter):
    named, folder = small
    code, _, said = _build(capsys, [folder / "rows.csv"], tmp_path / f"a{letter}1" / "set", *named)
    assert code == 1
    assert f"TensorFlow reads {letter} as part of a pattern; choose another directory" in said
    assert not list(tmp_path.iterdir())


def _spooled(rows_read, rejected=0, **splits):
    rows, ones = ({name: counts[place] for name, counts in splits.items()} for place in (0, 1))
    return Written({REJECTED: []}, rows_read, rows, ones, collections.Counter({("TYPE", ""): rejected}))


@pytest.mark.parametrize(
    ("spooled", "message"),
    [
        (_spooled(6, train=(5, 2)), "6 rows read, but kept are {'train': 5} and 0 rejected"),
        (_spooled(5, train=(6, 2)), "6 rows read, but kept are"),
        (
            _spooled(6, 6, train=(0, 0), test=(0, 0)),
            "a.csv: 6 of 6 rows rejected: 6 TYPE; the rejected rows are kept in .*/out.rejected",
        ),
        (_spooled(6, 0, train=(0, 0), test=(6, 3)), "split train is empty, 6 rows read; give more data"),
        (_spooled(6, 1, train=(5, 1), test=(0, 0)), "split test is empty, 1 of 6 rows rejected: 1 TYPE; the rejected"),
        (_spooled(6, 0, train=(4, 1), test=(2, 2)), "split test has one class only, the label is 1 in all 2 rows"),
        (
            _spooled(6, 1, train=(3, 1), test=(2, 2)),
            "the label is 1 in all 2 rows; .* of the use case; 1 of 6 rows rejected: 1 TYPE; the rejected rows are",
        ),
    ],
)
def test_counts_that_do_not_add_up_or_teach_nothing_are_refused(spooled, message, tmp_path):
    with pytest.raises(OnegraphError, match=message):
        training_set_writer.check_counts(spooled, 6, ["a.csv"], tmp_path / "out", ModelSpec())


def test_shards_that_lack_rows_are_no_training_set(tmp_path, taxi):
    counted = dataclasses.replace(_spooled(3, train=(3, 1)), files={"train": [UnnamedFile("x", (0, 0), 2)]})
    with pytest.raises(OnegraphError, match="split train has 3 rows, its files 2"):
        training_set_writer.finish(NewDirectory(tmp_path, "training_set"), taxi, "gzip", counted)
    assert not list(tmp_path.iterdir())


def test_a_crash_leaves_nothing_that_looks_complete_and_the_next_run_says_what_to_do(
    small, tmp_path, capsys, monkeypatch
):
    named, folder = small
    code, _, said = _build(capsys, [folder / "rows.csv"], tmp_path / "whole", *named)
    assert code == 0, said

    def die(*_):
        raise SystemExit("power cut")

    # A process that is killed runs no clean-up either.
    monkeypatch.setattr(file_job.artifact, "complete", die)
    monkeypatch.setattr(making, "_remove", lambda _: None)
    with pytest.raises(SystemExit):
        _build(capsys, [folder / "rows.csv"], tmp_path / "out", *named, "--compression", "none")
    monkeypatch.undo()
    # All is there but the manifest and the marker; the records are those of a gzipped build.
    (plain,) = (tmp_path / "out").glob("test-*.tfrecord")
    (packed,) = (tmp_path / "whole").glob("test-*.tfrecord.gz")
    found = [*itertools.chain(*read_shard(plain))]
    assert found
    assert found == [*itertools.chain(*read_shard(packed))]
    with pytest.raises(ArtifactError, match="not a completed training_set"):
        TrainingSet.open(tmp_path / "out")
    code, _, said = _build(capsys, [folder / "rows.csv"], tmp_path / "out", *named)
    wanted = "not empty and no completed training_set; remove it or choose another directory"
    assert (code, said) == (1, f"onegraph build_training_set: {tmp_path}/out: {wanted}")
