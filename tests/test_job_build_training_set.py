"""`build_training_set` as people call it: every row once, the same bytes twice, bad input refused in one line."""

import collections
import gzip
import itertools
import json
import pathlib
import types

import numpy as np
import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from beam_jobs import training_set_writer
from beam_jobs.command_line import main
from beam_jobs.written_files import UnnamedFile, Written
from models.training_set import TrainingSet
from models.use_case import find
from schemas import artifact
from schemas.errors import ArtifactError, OnegraphError
from transforms.csv_decoder import CsvDecoder
from transforms.graph import TransformGraph
from transforms.intake import take_in
from transforms.split import assign_splits
from transforms.tfrecord import read_shard

TRIPS = pathlib.Path(__file__).parent.parent / "schemas" / "data" / "taxi.csv.gz"
BAD = [b"1,2,3", b"\xff\xfe", b'"']


@pytest.fixture(scope="module")
def lines():
    return gzip.decompress(TRIPS.read_bytes()).splitlines()[:2001]


def _build(capsys, data, output, *argv):
    """Run the verb; return its exit code, its JSON and the last line that it said."""
    code = main(["build_training_set", "--data", *map(str, data), "--output", str(output), "--json", *argv])
    out, err = capsys.readouterr()
    return code, json.loads(out) if code == 0 else None, err.splitlines()[-1]


@pytest.fixture(scope="module")
def files(lines, tmp_path_factory):
    """Two files, one of them with bad rows and a trip without a tip among the good."""
    folder = tmp_path_factory.mktemp("raw")
    (folder / "a.csv.gz").write_bytes(gzip.compress(b"\n".join(lines[:1001]) + b"\n"))
    unlabelled = lines[1001].rpartition(b",")[0] + b","
    rows = [lines[0], *BAD[:2], *lines[1001:1500], unlabelled, BAD[2], *lines[1500:]]
    (folder / "b.csv").write_bytes(b"\r\n".join(rows))
    return folder


@pytest.fixture(scope="module")
def built(files, tmp_path_factory):
    output = tmp_path_factory.mktemp("built") / "training_set"
    data = str(files / "*.csv*")
    assert main(["build_training_set", "--data", data, "--output", str(output), "--rows-per-shard", "500"]) == 0
    return output


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
    assert manifest["rejected_by_reason"] == {"CSV_SYNTAX": 2, "ENCODING": 1, "REQUIRED": 1}
    anomalies = json.loads((built / "anomalies.json").read_text())
    assert {"reason": "REQUIRED", "path": "/tips", "rows": 1} in anomalies["rejected"]
    assert set(anomalies["unseen"]) == {"train", "eval", "test"}


def test_examples_are_what_the_graph_makes_of_the_rows_of_their_split(built, lines):
    training_set, use_case = TrainingSet.open(built), find("taxi")
    header = lines[0].decode().split(",")
    batch = take_in(lines[1:], CsvDecoder(use_case.schema, header), use_case.schema).batch
    splits = assign_splits(batch, use_case.schema, use_case.model.split)
    features = TransformGraph.load(built / "graph").apply(batch)
    for index, name in enumerate(use_case.model.split):
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


def test_the_same_data_gives_the_same_bytes(built, files, tmp_path, capsys):
    data = [files / "b.csv", files / "a.csv.gz"]
    code, result, said = _build(capsys, data, tmp_path / "again", "--rows-per-shard", "500")
    assert (code, result["fingerprint"]) == (0, TrainingSet.open(built).fingerprint)
    assert said == f"  features: 16, fingerprint {result['fingerprint']}"
    again = TrainingSet.open(tmp_path / "again").manifest["files"]
    assert {name: one for name, one in again.items() if not name.endswith("fingerprint.pb")} == {
        name: one
        for name, one in TrainingSet.open(built).manifest["files"].items()
        if not name.endswith("fingerprint.pb")
    }


def test_a_file_that_cannot_be_used_is_named_and_nothing_is_written(lines, tmp_path, capsys):
    output = tmp_path / "out"
    good, empty, short = tmp_path / "good.csv", tmp_path / "empty.csv", tmp_path / "short.csv"
    good.write_bytes(b"\n".join(lines[:50]))
    empty.write_bytes(b"")
    short.write_bytes(lines[0].replace(b"fare,", b"") + b"\n1")
    cut, text = tmp_path / "cut.csv.gz", tmp_path / "trips.txt"
    cut.write_bytes(gzip.compress(b"\n".join(lines))[:-100])
    text.write_bytes(b"a")
    not_gzip = tmp_path / "not.csv.gz"
    not_gzip.write_bytes(good.read_bytes())
    for data, message in {
        tmp_path / "none*.csv": "none*.csv: no such file; check the path or quote the pattern",
        empty: "empty.csv: empty; its first line must name the columns",
        short: "short.csv: its header lacks fare, which the schema names",
        text: "trips.txt: not a raw file by its name; wanted .csv or .csv.gz",
        not_gzip: "not.csv.gz: not a gzip file, or altered; copy it again",
        cut: "cut.csv.gz: its gzip stream ends too early; copy the file again",
    }.items():
        code, _, said = _build(capsys, [good, data], output)
        assert code == 1
        assert said.startswith(f"onegraph build_training_set: {tmp_path}/{message}")
        assert not output.exists()


def test_wrong_options_are_usage_errors(lines, tmp_path, capsys):
    (tmp_path / "good.csv").write_bytes(b"\n".join(lines[:50]))
    for argv, message in {
        ("--rows-per-shard", "0"): "--rows-per-shard is 0, wanted 1 or more",
        ("--compression", "zip"): "invalid choice: 'zip'",
        ("--flink_master_=x",): "unknown option --flink_master_",
        ("--runner", "spark"): "--runner spark: no such runner",
    }.items():
        code, _, said = _build(capsys, [tmp_path / "good.csv"], tmp_path / "out", *argv)
        assert (code, message in said) == (2, True), said
    assert not (tmp_path / "out").exists()


def test_no_rows_below_the_header_is_said_before_anything_is_done(lines, tmp_path, capsys):
    (tmp_path / "rows.csv").write_bytes(lines[0] + b"\n\n")
    code, _, said = _build(capsys, [tmp_path / "rows.csv"], tmp_path / "out")
    wanted = f"{tmp_path}/rows.csv: no rows below the header; give files with data"
    assert (code, said) == (1, f"onegraph build_training_set: {wanted}")
    assert not (tmp_path / "out").exists()


def test_a_label_with_one_class_is_refused_and_nothing_is_left(lines, tmp_path, capsys):
    untipped = [line.rpartition(b",")[0] + b",0" for line in lines[1:100]]
    (tmp_path / "rows.csv").write_bytes(b"\n".join([lines[0], *untipped]))
    code, _, said = _build(capsys, [tmp_path / "rows.csv"], tmp_path / "out")
    assert code == 1
    wanted = f"{tmp_path}/rows.csv: split train has one class only, the label is 0 in all "
    assert said.startswith(f"onegraph build_training_set: {wanted}")
    assert not (tmp_path / "out").exists()


def _spooled(rows_read, rejected=0, **splits):
    rows, ones = ({name: counts[place] for name, counts in splits.items()} for place in (0, 1))
    return Written({}, rows_read, rows, ones, collections.Counter({("TYPE", ""): rejected}))


@pytest.mark.parametrize(
    ("spooled", "message"),
    [
        (_spooled(6, train=(5, 2)), "6 rows read, but kept are {'train': 5} and 0 rejected"),
        (_spooled(5, train=(6, 2)), "6 rows read, but kept are"),
        (
            _spooled(6, 6, train=(0, 0), test=(0, 0)),
            r"split train is empty \(6 rows read, 6 rejected\); give more data",
        ),
        (_spooled(6, 1, train=(3, 1), test=(2, 2)), "split test has one class only, the label is 1 in all 2 rows"),
    ],
)
def test_counts_that_do_not_add_up_or_teach_nothing_are_refused(spooled, message):
    with pytest.raises(OnegraphError, match=message):
        training_set_writer.check_spooled(spooled, 6, ["a.csv"])


def test_shards_that_lack_rows_are_no_training_set(tmp_path):
    written = Written({"train": [UnnamedFile("x", (0, 0), 2)]})
    with pytest.raises(OnegraphError, match="split train has 3 rows, its shards 2"):
        training_set_writer.finish(tmp_path, find("taxi"), "gzip", _spooled(3, train=(3, 1)), written)
    assert not list(tmp_path.iterdir())


def test_a_crash_leaves_nothing_that_looks_complete_and_the_next_run_says_what_to_do(
    built, files, tmp_path, capsys, monkeypatch
):
    def die(*_):
        raise SystemExit("power cut")

    # A process that is killed runs no clean-up either.
    monkeypatch.setattr(training_set_writer.artifact, "complete", die)
    monkeypatch.setattr("beam_jobs.build_training_set.shutil", types.SimpleNamespace(rmtree=lambda *_, **__: None))
    with pytest.raises(SystemExit):
        _build(capsys, [files / "*"], tmp_path / "out", "--compression", "none")
    monkeypatch.undo()
    # All is there but the manifest and the marker; the records are those of a gzipped build.
    (plain,) = (tmp_path / "out").glob("test-*.tfrecord")
    (packed,) = built.glob("test-*.tfrecord.gz")
    assert [*itertools.chain(*read_shard(plain))] == [*itertools.chain(*read_shard(packed))]
    with pytest.raises(ArtifactError, match="not a completed training_set"):
        TrainingSet.open(tmp_path / "out")
    code, _, said = _build(capsys, [files / "*"], tmp_path / "out")
    wanted = "not empty and no completed training_set; remove it or choose another directory"
    assert (code, said) == (1, f"onegraph build_training_set: {tmp_path}/out: {wanted}")
