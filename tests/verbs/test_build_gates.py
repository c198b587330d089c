"""Gates, splits, weights and leakage in a build, as people meet them."""

import json
import pathlib

import numpy as np
import pyarrow.parquet
import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2

from beam_jobs.cli.command_line import main
from models.training.training_set import TrainingSet
from schemas.artifacts import artifact
from transforms.examples.example_values import example_values
from transforms.examples.tfrecord import read_shard

FILES = {
    "schemas/cards.pbtxt": """
feature { name: "id" type: INT presence { min_fraction: 1 } annotation { tag: "id" } }
feature { name: "at" type: INT presence { min_fraction: 1 } annotation { tag: "event_time:s" } }
feature { name: "amount" type: FLOAT presence { min_fraction: 1 } float_domain { min: 0 } }
feature { name: "town" type: BYTES presence { min_fraction: 0.9 } }
feature { name: "blocked" type: INT }
feature { name: "times" type: FLOAT annotation { tag: "weight" } not_in_environment: "SERVING" }
feature { name: "fraud" type: INT not_in_environment: "SERVING" }
""",
    "transforms/cards.py": """
from transforms.missing import fill


def preprocessing_fn(inputs):
    return {"amount": fill(inputs["amount"], 0.0)}


def label(batch):
    return batch.column("fraud")
""",
    "models/cards.py": """
from models.spec import ModelSpec
from models.splits import TimeSplit, before, between

MODEL = ModelSpec(
    split=TimeSplit(
        train=before("2024-01-11"), eval=between("2024-01-11", "2024-01-14"), test=between("2024-01-14", "2024-01-18")
    ),
    down_sample={0: 0.25},
)
""",
}
START, DAY, ROWS = 1_704_067_200, 86_400, 2000  # 2024-01-01, 20 days of 100 rows
DRIFT = "drift_comparator { infinity_norm { threshold: 0.2 } }"
HEAD = "id,at,amount,town,blocked,times,fraud"


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder with the use case and its rows: two have a bad weight, one an id of another."""
    folder = tmp_path_factory.mktemp("cards")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    (folder / "cards.csv").write_text("\n".join([HEAD, *rows(), ""]))
    return folder


def rows() -> list[str]:
    lines = []
    for number in range(ROWS):
        fraud, at = number % 5 == 0, START + number * DAY // 100
        times = {30: "", 31: "-1"}.get(number, "2.5" if number % 2 else "1")
        lines.append(f"{number},{at},{number % 97}.5,here,{int(fraud)},{times},{int(fraud)}")
    lines[35] = lines[35].replace("35,", "40,", 1)
    return lines


def build(folder: pathlib.Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict, str]:
    argv = ["--use-case", "cards", "--use-case-path", str(folder), "--data", str(folder / "cards.csv"), *words]
    code = main(["build_training_set", *argv, "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out) if out else {}, err


@pytest.fixture(scope="module")
def built(cards: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The training set of these rows."""
    output = tmp_path_factory.mktemp("built") / "set"
    argv = ["--use-case", "cards", "--use-case-path", str(cards), "--data", str(cards / "cards.csv")]
    assert main(["build_training_set", *argv, "--output", str(output)]) == 0
    return output


def test_read_is_written_and_rejected_and_left_out(built: pathlib.Path) -> None:
    manifest = artifact.open_artifact(built, "training_set").manifest
    counts = manifest["rows"]
    assert counts["read"] == ROWS == sum(counts[name] for name in ("train", "eval", "test", "rejected", "left_out"))
    assert (counts["eval"], counts["test"], counts["rejected"]) == (300, 400, 2)
    assert manifest["rejections"] == [
        {"reason": "RANGE", "field": "/times", "count": 1},
        {"reason": "REQUIRED", "field": "/times", "count": 1},
    ]
    assert manifest["left_out"]["no split"] == 300
    assert manifest["left_out"]["down-sampling"] == counts["left_out"] - 300 > 400
    assert manifest["split"]["by"] == "time"


def test_no_row_of_train_is_later_than_the_first_of_the_others(built: pathlib.Path) -> None:
    statistics = {split: (built / "statistics" / f"{split}.pb").read_bytes() for split in ("train", "eval", "test")}
    from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList

    spans = {}
    for split, data in statistics.items():
        (dataset,) = DatasetFeatureStatisticsList.FromString(data).datasets
        (at,) = [feature for feature in dataset.features if feature.path.step[0] == "at"]
        spans[split] = (at.num_stats.min, at.num_stats.max)
    assert spans["train"][1] < START + 10 * DAY <= spans["eval"][0]
    assert spans["eval"][1] < START + 13 * DAY <= spans["test"][0]
    assert spans["test"][1] < START + 17 * DAY


def test_weights_undo_the_sampling_and_are_those_of_the_column(built: pathlib.Path) -> None:
    train, test = (TrainingSet.open(built).load(split) for split in ("train", "test"))
    assert train.weight is not None
    assert test.weight is not None
    assert train.weight.dtype == np.float32
    assert set(train.weight[train.label == 1].tolist()) == {1.0, 2.5}
    assert set(train.weight[train.label == 0].tolist()) == {4.0, 10.0}
    assert set(test.weight.tolist()) == {1.0, 2.5}
    # 999 rows are in its time and usable but for those of the two weights: 1.75 is the mean of the column.
    assert train.weight[train.label == 0].sum() == pytest.approx(800 * 1.75, rel=0.15)
    shard = next(iter(sorted(built.glob("train-*"))))
    examples = next(iter(read_shard(shard)))
    assert [example_values(example)["example.weight"] for example in examples] == [
        [one] for one in train.weight.tolist()
    ]


def test_parquet_has_the_weights_of_the_shards(
    cards: pathlib.Path, built: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(cards, capsys, "--output", str(tmp_path / "set"), "--parquet")[0] == 0
    beside = TrainingSet.open(tmp_path / "set")
    weight = TrainingSet.open(built).load("train").weight
    names = [beside.path / one["name"] for one in beside.manifest["parquet"]["train"]]
    assert weight is not None
    assert pyarrow.parquet.read_table(names).column("example.weight").to_pylist() == weight.tolist()


def test_a_gate_is_asked_before_a_split_is_found_empty_by_the_graph(
    cards: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        # Every row of the days of test has an infinite feature.
        infinite = "{'amount': fill(inputs['amount'], 0.0) / tf.cast(fill(inputs['id'], 0) < 1300, tf.float32)}"
        text = text.replace('{"amount": fill(inputs["amount"], 0.0)}', infinite)
        (tmp_path / name).write_text(f"import tensorflow as tf\n{text}" if name.startswith("transforms") else text)
    (tmp_path / "cards.csv").write_text((cards / "cards.csv").read_text())
    code, result, err = build(tmp_path, capsys, "--output", str(tmp_path / "set"), "--max-rejected", "10")
    assert (code, "at most 10 may be (--max-rejected)" in err) == (3, True), err
    assert result["rows"]["rejected"] > 200


def test_train_of_one_class_by_weight_is_refused_in_a_line(
    cards: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    weightless = [line[:-3].rsplit(",", 1)[0] + ",0,1" if line.endswith(",1") else line for line in rows()]
    (tmp_path / "cards.csv").write_text("\n".join([HEAD, *weightless, ""]))
    assert build(tmp_path, capsys, "--output", str(tmp_path / "set"))[0] == 0
    words = ["--training-set", str(tmp_path / "set"), "--output", str(tmp_path / "c"), "--use-case-path", str(tmp_path)]
    assert main(["train", *words]) == 1
    err = capsys.readouterr().err
    assert "train split: only label 0 in " in err
    assert "weight" in err
    assert "Traceback" not in err


def test_only_splits_of_files_of_their_own_are_held_against_train_by_time(
    cards: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shares = FILES["models/cards.py"].split("MODEL")[0] + "MODEL = ModelSpec()\n"
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(shares if name.startswith("models") else text)
    (tmp_path / "cards.csv").write_text("\n".join([HEAD, *rows()[:1500], ""]))
    for first, beyond in ((1500, []), (1400, ["test"])):
        (tmp_path / "last.csv").write_text("\n".join([HEAD, *rows()[first:], ""]))
        words = ("--output", str(tmp_path / str(first)), "--test-data", str(tmp_path / "last.csv"))
        code, result, err = build(tmp_path, capsys, *words)
        assert code == 0, err
        late = [one["limit"] for one in result["anomalies"] if "goes beyond" in one["limit"]]
        assert late == [f"milliseconds by which train goes beyond the first of {split}" for split in beyond]


def test_what_leaks_is_told_by_name(built: pathlib.Path) -> None:
    found = json.loads((built / "anomalies.json").read_text())["anomalies"]
    told = {(one["column"], one["limit"], one["severity"]): one["found"] for one in found}
    assert told.pop(("blocked", "share of sampled rows of train in which it equals the label", "warning")) == 1.0
    assert told.pop(("id", "rows that repeat an id", "warning")) >= 1
    assert told == {}
    proto = anomalies_pb2.Anomalies.FromString((built / "anomalies.pb").read_bytes())
    assert set(proto.anomaly_info) == {"blocked", "id"}


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        (
            ("--max-rejected", "1"),
            "2 of 2,000 rows rejected, at most 1 may be (--max-rejected); no ",
        ),
        (("--fail-on", "warning"), "share of sampled rows of train in which it equals the label of blocked: 1.0; "),
    ],
)
def test_a_gate_that_says_no_publishes_nothing_and_keeps_why(
    cards: pathlib.Path,
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
    gate: tuple[str, str],
    said: str,
) -> None:
    code, result, err = build(cards, capsys, "--output", str(tmp_path / "set"), *gate)
    assert (code, said in err) == (3, True), err
    assert err.count("\n") == 1
    assert not (tmp_path / "set").exists()
    kept = tmp_path / "set.rejected"
    assert sorted(file.name for file in kept.iterdir()) == [
        "anomalies.json",
        "anomalies.pb",
        "rejected-00000-of-00001.jsonl",
        "rejections.json",
    ]
    assert json.loads((kept / "anomalies.json").read_text())["anomalies"] == result["anomalies"]
    assert result["rows"]["rejected"] == 2
    assert len(result["refused"]) >= 1


def test_files_of_a_split_and_drift_from_an_earlier_set(
    cards: pathlib.Path, built: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(FILES[name].replace("0.9 }", f"0.9 }}\n  {DRIFT}"))
    lines = rows()
    parts = {
        "cards": [
            line.replace(",here,", ",there,") if int(line.split(",")[0]) % 2 else line for line in lines[100:1500]
        ],
        "later": lines[1500:1600],
        "last": lines[1600:],
    }
    for name, part in parts.items():
        (tmp_path / f"{name}.csv").write_text("\n".join([HEAD, *part, ""]))
    given = ("--eval-data", str(tmp_path / "later.csv"), "--test-data", str(tmp_path / "last.csv"))
    words = ("--output", str(tmp_path / "set"), *given, "--previous", str(built))
    code, _, err = build(tmp_path, capsys, *words)
    assert code == 3
    assert f"drift_comparator.infinity_norm of town (against {built}): 0." in err
    code, result, _ = build(tmp_path, capsys, *words, "--fail-on", "none")
    assert code == 0
    assert (result["rows"]["eval"], result["rows"]["test"]) == (100, 400)
    manifest = TrainingSet.open(tmp_path / "set").manifest
    assert manifest["split"]["given"] == ["eval", "test"]
    assert "no split" not in manifest["left_out"], "the rule of the use case is not asked"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (
            ("--test-data", "cards.csv"),
            2,
            "--test-data without --eval-data: the use case does not split by shares",
        ),
        (("--eval-data", "a.csv", "--test-data", "a.csv"), 1, "a.csv: among the files of two splits; give it to one"),
        (("--eval-data", "a.csv", "--test-data", "cards.csv"), 1, "cards.csv: among the files of two splits"),
    ],
)
def test_files_of_splits_that_make_no_sense_are_one_line(
    cards: pathlib.Path,
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(cards)
    (cards / "a.csv").write_text("\n".join([HEAD, *rows()[:10], ""]))
    got, _, err = build(cards, capsys, "--output", str(tmp_path / "set"), *words)
    assert (got, said in err, err.count("\n")) == (code, True, 1), err
    assert not list(tmp_path.iterdir())
