"""What is at a path is told and shown, and what is broken there is one line."""

import contextlib
import gzip
import json
import os
import pathlib
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from beam_jobs.cli.command_line import main
from beam_jobs.cli.settings import Release
from beam_jobs.inspection import kinds
from beam_jobs.verbs import release
from models.evaluation.place import evaluation_path
from models.registry.registry import Registry
from models.training.training_set import TrainingSet
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.errors import OnegraphError
from schemas.schema import Schema
from schemas.statistics.columns import ColumnStatistics
from transforms.examples.examples import ExampleEncoder
from transforms.examples.tfrecord import ShardWriter

SCHEMA = Schema.from_text(
    'feature { name: "fare" type: FLOAT } feature { name: "hour" type: INT } feature { name: "company" type: BYTES }'
    'feature { name: "age" type: INT annotation { tag: "personal:hash" } }'
    'feature { name: "email" type: BYTES annotation { tag: "personal:hash" } }'
)


def shown(path: pathlib.Path, limit: int = 3) -> tuple[dict[str, Any], str]:
    found = json.loads(json.dumps(kinds.look(path, limit), allow_nan=False))
    text = kinds.text(found)
    assert max(map(len, text.splitlines())) <= 100 or " " not in text.strip()
    return found, text


@pytest.fixture
def statistics(tmp_path: pathlib.Path) -> pathlib.Path:
    folder = tmp_path / "statistics"
    folder.mkdir()
    for split, rows in (("train", 4), ("test", 1)):
        made = ColumnStatistics(SCHEMA)
        columns: dict[str, list] = {
            "fare": [1.5, 2.5, 3.5, None],
            "hour": [0, 5, 5, 7],
            "company": ["x", "x", "y", None],
        }
        columns |= {"age": [41, 42, 43, 44], "email": ["q@x", "r@x", "s@x", None]}
        made.add(pa.RecordBatch.from_pydict({name: part[:rows] for name, part in columns.items()}, SCHEMA.arrow_schema))
        (folder / f"{split}.pb").write_bytes(made.to_proto(split).SerializeToString())
    return folder


def test_statistics_of_every_split_and_no_personal_value(statistics: pathlib.Path) -> None:
    found, text = shown(statistics)
    assert (found["kind"], list(found["splits"])) == ("statistics", ["train", "test"])
    train = {one["name"]: one for one in found["splits"]["train"]["features"]}
    fare = {name: train["fare"][name] for name in ("type", "count", "missing", "mean", "min", "median", "max", "zeros")}
    assert fare == {
        "type": "FLOAT",
        "count": 3,
        "missing": 1,
        "mean": 2.5,
        "min": 1.5,
        "median": 2.5,
        "max": 3.5,
        "zeros": 0,
    }
    assert train["fare"]["std"] == pytest.approx(np.std([1.5, 2.5, 3.5]))
    assert len(train["fare"]["quantiles"]) == len(train["fare"]["histogram"]) == 10
    assert train["company"]["top_values"] == [{"value": "x", "count": 2}, {"value": "y", "count": 1}]
    assert (train["company"]["distinct"], train["company"]["average_length"]) == (2, 1)
    assert train["age"] == {"name": "age", "type": "INT", "count": 4, "missing": 0, "personal": True}
    assert "x 67%, y 33%" in text
    assert "personal, so without values: age, email" in text
    for values in (text, json.dumps(found)):
        assert "@x" not in values
        assert "42.5" not in values, "the mean of a personal column is a value where there is one row"
    lines = text.splitlines()
    assert lines[1] == "train: 4 rows"
    assert lines[2].split() == ["number", "count", "missing", "mean", "std", "min", "median", "max", "zeros"]
    assert lines[3].split() == ["fare", "3", "1", "2.5", "0.8165", "1.5", "2.5", "3.5", "0"]
    assert len({len(line) for line in lines[2:5]}) == 1, "columns are aligned"


def test_one_file_of_statistics_and_a_schema_beside_that_says_what_is_personal(statistics: pathlib.Path) -> None:
    assert list(shown(statistics / "train.pb")[0]["splits"]) == ["train"]
    schema = SCHEMA.text().replace('name: "fare"', 'name: "fare"\n  annotation { tag: "personal:hash" }')
    (statistics.parent / "schema.pbtxt").write_text(schema)
    features = shown(statistics / "train.pb")[0]["splits"]["train"]["features"]
    assert [one["name"] for one in features if one["personal"]] == ["fare", "age", "email"]
    assert "mean" not in features[0]


PREDICTIONS = [
    {"id": f"a.csv/{row}", "score": score, "label": int(score > 0.5), "bundle": "b", "variant": "champion"}
    for row, score in enumerate([0.25, 0.75, 0.125, 1.0])
]


def write_predictions(folder: pathlib.Path, suffix: str) -> pathlib.Path:
    folder.mkdir()
    file = folder / f"predictions-00000-of-00001.{suffix}"
    if suffix == "parquet":
        table = pa.Table.from_pylist(PREDICTIONS)
        pa.parquet.write_table(table.set_column(1, "score", table["score"].cast(pa.float32())), file)
    else:
        file.write_text("".join(json.dumps(one) + "\n" for one in PREDICTIONS))
    facts = {
        "bundle": "b",
        "use_case": "taxi",
        "predictions": [{"name": file.name, "rows": 4}],
        "rows": {"read": 9, "scored": 4, "rejected": 5},
        "rejections": [
            {"reason": "TYPE", "field": "/age", "count": 4},
            {"reason": "CSV_SYNTAX", "field": "", "count": 1},
        ],
    }
    artifact.complete(folder, ArtifactKind.PREDICTIONS, facts)
    return file


def test_raw_rows_are_those_of_a_training_set_where_its_manifest_names_them(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "test_rows-00000-of-00001.parquet"
    pa.parquet.write_table(pa.table({"fare": [1.5]}), file)
    theirs = "raw test rows of a training set"
    for facts, named in ((None, False), ({}, False), ({"test_rows": [{"name": file.name, "rows": 1}]}, True)):
        if facts is not None:
            (tmp_path / artifact.MARKER).unlink(missing_ok=True)
            artifact.complete(tmp_path, ArtifactKind.TRAINING_SET, facts)
        found, text = shown(file)
        assert (found["kind"], found["columns"], theirs in text) == ("raw_file", ["fare"], named)
        assert ("nothing that onegraph wrote" in text) is not named
    other = file.rename(tmp_path / "test_rows-of-june.parquet")
    assert theirs not in shown(other)[1]


@pytest.mark.parametrize("suffix", ["parquet", "jsonl"])
def test_predictions(suffix: str, tmp_path: pathlib.Path) -> None:
    file = write_predictions(tmp_path / "p", suffix)
    found, text = shown(tmp_path / "p", limit=2)
    assert (found["kind"], found["scored"], found["labels"]) == ("predictions", 4, {"0": 2, "1": 2})
    assert found["score"] == {"min": 0.125, "median": 0.5, "max": 1.0, "mean": 0.53125}
    assert found["predictions"] == PREDICTIONS[:2]
    assert "rows: read 9, scored 4, rejected 5; bundle b, taxi" in text
    assert "rejected: 4 TYPE at /age, 1 CSV_SYNTAX" in text
    assert "score: min 0.125, median 0.5, max 1, mean 0.53125" in text
    alone, text = shown(file)
    assert (alone["kind"], alone["score"], alone["bundles"]) == ("predictions", found["score"], {"b": 4})


def test_manifests_of_before_have_reasons_alone(tmp_path: pathlib.Path) -> None:
    write_predictions(tmp_path / "p", "jsonl")
    manifest = json.loads((tmp_path / "p" / "manifest.json").read_text())
    facts = {name: value for name, value in manifest.items() if name not in ("files", "kind", "rejections")}
    artifact.complete(tmp_path / "p", ArtifactKind.PREDICTIONS, {**facts, "rejected_by_reason": {"TYPE": 5}})
    assert "rejected: 5 TYPE\n" in shown(tmp_path / "p")[1]


def test_rejected_rows_without_their_values(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "rejected-00000-of-00001.jsonl"
    entry = {"file": "a.csv", "row": 7, "reason": "TYPE", "stage": "decode", "path": "/age", "value": "secret"}
    path.write_text((json.dumps(entry) + "\n") * 3 + json.dumps({**entry, "path": "", "reason": "CSV_SYNTAX"}))
    found, text = shown(path)
    assert found["rejections"][0] == {"reason": "TYPE", "field": "/age", "count": 3}
    assert "4 rejected rows: 3 TYPE at /age, 1 CSV_SYNTAX" in text
    assert "secret" not in text + json.dumps(found)


def test_what_a_build_and_a_release_write(built: pathlib.Path, registry: pathlib.Path) -> None:
    own = Registry(registry)
    bundle = own.champion()
    for path, kind, said in (
        (built, "training_set", "rejected: "),
        (built / "anomalies.json", "anomalies", "strings outside their domains"),
        (built / "schema.pbtxt", "schema", "of training only: tips"),
        (built / "graph", "graph", "features out: 16"),
        (registry / "live.json", "pointer", f"generation 1: champion {bundle.name}"),
        (registry / "history" / "000001.json", "pointer", "by tests; first"),
        (bundle, "bundle", f"bundle {bundle.name}: taxi"),
        (bundle / "COMPLETED", "bundle", f"bundle {bundle.name}: taxi"),
        (bundle / "evaluation", "evaluation", "gate met: auc is "),
        (bundle / "statistics", "statistics", "train: "),
        (registry, "registry", f"{bundle.name}  champion"),
    ):
        found, text = shown(path)
        assert found["kind"] == kind
        assert said in text
    names = [one["name"] for one in shown(built)[0]["statistics"]["train"]["features"]]
    assert "fare" in names


def test_raw_files_are_named_and_so_is_what_takes_them(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"fare,company\n1.5,secret\n"))
    found, text = shown(tmp_path / "a.csv.gz")
    assert (found["kind"], found["columns"]) == ("raw_file", ["fare", "company"])
    assert "onegraph build_training_set --use-case NAME --data" in text
    assert "secret" not in text
    (tmp_path / "b.CSV").write_text("1.5,secret\n")
    assert shown(tmp_path / "b.CSV")[0]["columns"] is None
    pa.parquet.write_table(pa.table({"fare": [1.5]}), tmp_path / "c.parquet")
    assert "write it as .csv or .csv.gz first" in shown(tmp_path / "c.parquet")[1]


BROKEN_JSON: dict[str, bytes] = {
    "list": b"[]",
    "number": b"3",
    "deep": b"[" * 100_000,
    "not UTF-8": b"\xff\xfe{}",
    "cut": b'{"kind": "bun',
    "no kind": b"{}",
    "another kind": b'{"kind": 3}',
    "unknown kind": b'{"kind": "model"}',
    "twice": b'{"kind": "bundle", "kind": "bundle"}',
    "not finite": b'{"kind": "bundle", "files": {}, "threshold": 1e999}',
}


@pytest.mark.parametrize("data", BROKEN_JSON.values(), ids=BROKEN_JSON.keys())
@pytest.mark.parametrize("name", ["manifest.json", "live.json", "anomalies.json", "verdict.json", "features.json"])
def test_a_file_of_json_that_is_broken_is_one_line(
    name: str, data: bytes, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(data)
    code = main(["inspect", str(tmp_path / name)])
    error = capsys.readouterr().err
    if name == "anomalies.json" and json_object(data):
        assert code == 0, "without anomalies"
    else:
        assert (code, error.count("\n"), "Traceback" in error) == (1, 1, False)


def json_object(data: bytes) -> bool:
    return data in (BROKEN_JSON["no kind"], BROKEN_JSON["another kind"], BROKEN_JSON["unknown kind"])


def broken(path: pathlib.Path, how: str) -> None:
    path.unlink()
    if how == "pipe":
        os.mkfifo(path)
    elif how == "folder":
        path.mkdir()
    elif how == "link to nothing":
        path.symlink_to("nowhere")
    elif how == "huge":
        with open(path, "wb") as file:
            file.truncate(1 << 30)
    elif how in BROKEN_JSON:
        path.write_bytes(BROKEN_JSON[how])


@pytest.mark.parametrize(
    "how", ["pipe", "folder", "link to nothing", "huge", "missing", "list", "number", "deep", "no kind"]
)
def test_every_reader_of_a_manifest_refuses_it_in_one_line(
    how: str, built: pathlib.Path, registry: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = Registry(shutil.copytree(registry, tmp_path / "registry"))
    bundle = own.champion()
    broken(bundle / artifact.MANIFEST, how)
    for argv in (
        ["inspect", str(bundle)],
        ["registry", "show", "--registry", str(own.path)],
        ["registry", "verify", "--registry", str(own.path)],
        ["registry", "sign", bundle.name, "--registry", str(own.path), "--sign-key-file", "no.pem"],
        ["release", "--candidate", str(bundle), "--registry", str(own.path)],
    ):
        assert main(argv) == 1
        captured = capsys.readouterr()
        assert (captured.out, captured.err.count("\n"), "Traceback" in captured.err) == ("", 1, False)
    assert main(["registry", "list", "--registry", str(own.path)]) == 0
    captured = capsys.readouterr()
    assert f"{bundle.name}  champion  BROKEN: " in captured.out + captured.err


WRONG_FACTS: tuple[Any, ...] = (None, 3, "x", [3], [[]], {"a": [3]}, {"train": 3}, True)


@pytest.mark.parametrize("wrong", WRONG_FACTS, ids=map(repr, WRONG_FACTS))
@pytest.mark.parametrize("fixture", ["small_training_set", "candidate", "registry", "predictions"])
def test_no_fact_of_another_type_is_a_traceback(
    fixture: str, wrong: Any, tmp_path: pathlib.Path, request: pytest.FixtureRequest
) -> None:
    path = tmp_path / "copy"
    if fixture == "predictions":
        write_predictions(path, "jsonl")
    else:
        source = request.getfixturevalue(fixture)
        shutil.copytree(Registry(source).champion() if fixture == "registry" else source, path)
    manifest = json.loads((path / "manifest.json").read_text())
    kind = manifest["kind"]
    facts = {name: value for name, value in manifest.items() if name not in ("files", "kind")}
    for name in facts:
        artifact.complete(path, kind, {**facts, name: wrong})
        raises_only_ours(lambda: shown(path))
        artifact.complete(path, kind, {other: value for other, value in facts.items() if other != name})
        raises_only_ours(lambda: shown(path))


@pytest.mark.parametrize("wrong", WRONG_FACTS, ids=map(repr, WRONG_FACTS))
def test_no_fact_of_another_type_is_a_traceback_to_release_and_to_training(
    wrong: Any, candidate: pathlib.Path, small_training_set: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    copy, training_set = shutil.copytree(candidate, tmp_path / "c"), shutil.copytree(small_training_set, tmp_path / "t")
    findings = shutil.copytree(evaluation_path(candidate), evaluation_path(copy))
    for path in (copy, findings, training_set):
        manifest = json.loads((path / "manifest.json").read_text())
        kind = manifest["kind"]
        facts = {name: value for name, value in manifest.items() if name not in ("files", "kind")}
        for name in facts:
            artifact.complete(path, kind, {**facts, name: wrong})
            raises_only_ours(lambda: TrainingSet.open(training_set))
            raises_only_ours(lambda: release.check(Release(candidate=str(copy), registry=str(tmp_path / "r"))))
        artifact.complete(path, kind, facts)


def raises_only_ours(call: Callable[[], object]) -> None:
    with contextlib.suppress(OnegraphError):
        call()


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.pb", b"\xff", "no statistics; wanted a DatasetFeatureStatisticsList"),
        ("a.pb", b"", "no statistics"),
        ("a.parquet", b"PAR1", "not a Parquet file, or cut short"),
        (
            "a.jsonl",
            b'{"score": 1, "bundle": "b"}\n[]\n',
            "line 2 is no prediction; wanted JSON with score or scores, and bundle",
        ),
        ("rejected-0.jsonl", b"\xff\n", "line 1 is no rejected row"),
        ("a.csv.gz", b"x", "its first line cannot be read: not gzip, or cut short"),
        ("a.csv", b"\xff\n", "its first line cannot be read: not UTF-8"),
        ("a.pbtxt", b"x", "line 1: a schema has no field 'x'"),
        ("a.tfrecord", b"x" * 40, "not a TFRecord file"),
        ("a.txt", b"", "nothing that onegraph shows"),
    ],
)
def test_broken_files_are_one_line(
    name: str, data: bytes, said: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(data)
    assert main(["inspect", str(tmp_path / name)]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_pipe_is_not_waited_for(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert main(["inspect", str(tmp_path / "pipe")]) == 1
    assert "neither a plain file nor a directory" in capsys.readouterr().err


def test_a_missing_feature_is_shown_as_such(tmp_path: pathlib.Path) -> None:
    writer = ShardWriter(tmp_path / "a.tfrecord", "none")
    features = np.array([[np.nan, 7.0]], np.float32)
    writer.write(ExampleEncoder(["fare", "hour"], ["float", "int"]).encode(features, np.ones(1, np.float32)))
    writer.close()
    found, text = shown(tmp_path / "a.tfrecord")
    assert found["examples"] == [{"fare": None, "hour": 7, "label": 1.0}]
    assert "  fare   -\n  hour   7\n" in text


def test_a_folder_that_is_nothing_names_what_lies_in_it(tmp_path: pathlib.Path) -> None:
    for name in ("b.csv", "a.csv"):
        (tmp_path / name).write_text("")
    with pytest.raises(OnegraphError, match=r"directory with manifest\.json, but a\.csv lies in it and 1 more"):
        kinds.look(tmp_path, 3)


def test_nothing_obeys_what_stands_in_a_file(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        json.dumps({"id": "\x1b[2J", "score": 1, "bundle": "b", "\x1b]0;x": "\x9b"}) + "\n"
    )
    assert not {"\x1b", "\x9b"} & set(shown(tmp_path / "a.jsonl")[1])
