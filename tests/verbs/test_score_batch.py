"""`score_batch` as people call it: same predictions in both formats, bad rows rejected alone, nothing half-written."""

import gzip
import json
import pathlib
import shutil

import numpy as np
import pyarrow.parquet
import pytest

from beam_jobs.batch.predictions import job as predictions_job
from beam_jobs.cli.command_line import main
from models.registry.registry import Registry
from models.scoring.scorer import Scorer
from schemas.artifacts import artifact
from schemas.artifacts.signature import load_private_key
from tests.support.file_limit import no_file_grows_over
from tests.support.printed import for_people
from tests.support.signing_keys import make_key

TRIPS = pathlib.Path(__file__).parents[2] / "schemas" / "data" / "taxi.csv.gz"


@pytest.fixture(scope="module")
def lines():
    return gzip.decompress(TRIPS.read_bytes()).splitlines()[:301]


@pytest.fixture
def score(registry, tmp_path, capsys):
    """Run the verb on files in tmp_path; return its exit code, its JSON and what it said."""

    def run(*argv, output="out"):
        data = [] if "--data" in argv else ["--data", str(tmp_path / "*.csv")]
        common = ["--registry", str(registry), "--output", str(tmp_path / output), "--json"]
        code = main(["score_batch", *data, *common, *map(str, argv)])
        out, err = capsys.readouterr()
        said = err if code else for_people("score_batch", out)
        return code, json.loads(out) if code == 0 else None, said.splitlines()[-1]

    return run


def _predictions(path):
    return [
        json.loads(line) for file in sorted(path.glob("predictions-*.jsonl")) for line in file.read_bytes().splitlines()
    ]


def test_rows_are_scored_as_the_scorer_scores_them_in_either_format(registry, trips, lines, score, tmp_path):
    (tmp_path / "one.csv").write_bytes(b"\n".join(lines) + b"\n")
    code, result, said = score("--format", "jsonl", "--with-features", output="lines")
    assert code == 0
    assert result["rows"] == {"read": 300, "scored": 300, "rejected": 0}
    assert said.startswith("predictions ")
    scorer = Scorer.load(Registry(registry).champion())
    expected = scorer.score(trips.slice(0, 300))
    found = _predictions(tmp_path / "lines")
    assert [one["id"] for one in found] == [f"one.csv/{row}" for row in range(300)]
    assert np.array([one["score"] for one in found], np.float32).tobytes() == expected.scores.tobytes()
    features = np.array([[one["features"][name] for name in scorer.feature_names] for one in found], np.float32)
    assert features.tobytes() == expected.features.tobytes()
    assert {one["bundle"] for one in found} == {scorer.bundle_id}

    assert score("--with-features", "--bundle", scorer.bundle_id, output="columns")[0] == 0
    (file,) = (tmp_path / "columns").glob("predictions-*.parquet")
    table = pyarrow.parquet.read_table(file)
    assert table["score"].to_numpy().tobytes() == expected.scores.tobytes()
    for name in ("id", "trip_seconds", "label", "bundle", "variant", "event_time"):
        assert [one[name] for one in found] == table[name].to_pylist(), name
    assert np.array([one["fare"] for one in found], np.float32).tobytes() == table["fare"].to_numpy().tobytes()
    assert table["features.fare"].to_numpy().tobytes() == features[:, scorer.feature_names.index("fare")].tobytes()


@pytest.mark.parametrize(("format", "room"), [("parquet", 0), ("parquet", 9000), ("jsonl", 9000)])
def test_a_full_disk_is_one_line_and_leaves_nothing(lines, score, tmp_path, format, room):
    (tmp_path / "t.csv").write_bytes(b"\n".join(lines))
    with no_file_grows_over(room):
        code, _, said = score("--format", format)
    wanted = f"{tmp_path}/out: File too large; free or choose another place, then run it again"
    assert (code, said) == (1, f"onegraph score_batch: {wanted}")
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_a_bad_row_is_rejected_alone_with_its_bytes(lines, score, tmp_path):
    bad = [b"1,2,3", lines[3].replace(b"Cash", b"Cash\xff"), lines[4].replace(b",", b",-", 1), b'"', b"x" + lines[5]]
    (tmp_path / "good.csv").write_bytes(b"\n".join(lines))
    (tmp_path / "mixed.csv").write_bytes(b"\r\n".join([lines[0], *bad[:3], *lines[1:51], b"", *bad[3:], *lines[51:]]))
    code, result, _ = score("--format", "jsonl")
    assert code == 0
    assert result["rows"] == {"read": 605, "scored": 600, "rejected": 5}
    assert [(one["reason"], one["field"], one["count"]) for one in result["rejections"]] == [
        ("CSV_SYNTAX", "", 2),
        ("ENCODING", "", 1),
        ("RANGE", "/fare", 1),
        ("TYPE", "/pickup_community_area", 1),
    ]
    lines_rejected = (tmp_path / "out" / "rejected-00000-of-00001.jsonl").read_bytes().splitlines()
    rejected = [json.loads(line) for line in lines_rejected]
    assert [(one["file"], one["row"], one["path"]) for one in rejected] == [
        ("mixed.csv", 0, ""),
        ("mixed.csv", 1, ""),
        ("mixed.csv", 2, "/fare"),
        ("mixed.csv", 53, ""),
        ("mixed.csv", 54, "/pickup_community_area"),
    ]
    assert rejected[0]["value"] == "1,2,3"
    assert "value_base64" in rejected[1]
    found = _predictions(tmp_path / "out")
    of = {name: [one for one in found if one["id"].startswith(name)] for name in ("good.csv", "mixed.csv")}
    assert [one["score"] for one in of["good.csv"]] == [one["score"] for one in of["mixed.csv"]]
    assert of["mixed.csv"][50]["id"] == "mixed.csv/55"
    artifact.open_artifact(tmp_path / "out", "predictions").verify()


def test_what_cannot_be_scored_is_said_in_one_line_and_leaves_nothing(lines, score, tmp_path):
    assert score()[::2] == (
        1,
        f"onegraph score_batch: {tmp_path}/*.csv: no such file; check the path or quote the pattern",
    )
    (tmp_path / "trips.csv").write_bytes(b"\n".join(lines))
    code, _, said = score("--bundle", "0123456789ab")
    assert (code, "no bundle '0123456789ab'" in said) == (1, True)
    code, _, said = score("--use-case", "loans")
    assert (code, "is of use case 'taxi', --use-case is 'loans'; leave the option out" in said) == (2, True)
    (tmp_path / "header.csv").write_bytes(lines[0] + b"\n")
    code, _, said = score("--data", tmp_path / "header.csv")
    assert (code, "header.csv: no rows below the header" in said) == (1, True)
    (tmp_path / "other.csv").write_bytes(lines[0].replace(b"fare", b"price") + b"\n" + lines[1])
    code, _, said = score()
    assert (code, f"{tmp_path}/other.csv: its header lacks fare" in said) == (1, True)
    assert not (tmp_path / "out").exists()
    (tmp_path / "other.csv").unlink()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "unfinished").mkdir()
    code, _, said = score()
    assert (code, "not empty and no completed predictions; remove it" in said) == (1, True)


def test_the_serving_columns_are_enough(lines, score, tmp_path):
    without_tips = [line.rpartition(b",")[0] for line in lines]
    (tmp_path / "serving.csv").write_bytes(b"\n".join(without_tips))
    code, result, _ = score()
    assert (code, result["rows"]["scored"]) == (0, 300)


def test_only_a_signed_bundle_scores(registry, lines, score, tmp_path, monkeypatch):
    (tmp_path / "one.csv").write_bytes(b"\n".join(lines[:21]) + b"\n")
    own = Registry(shutil.copytree(registry, tmp_path / "registry"))
    key = make_key(tmp_path)
    given = ["--registry", own.path, "--trusted-keys", key.public, "--format", "jsonl"]
    with monkeypatch.context() as patch:
        patch.setattr(predictions_job.Schema, "load", lambda _: pytest.fail("parsed, and signed by nobody"))
        code, _, said = score(*given)
    assert code == 1
    assert "not signed, wanted a signature by one of release.pem" in said
    assert not (tmp_path / "out").exists()
    own.sign(own.released().champion, load_private_key(key.private))
    assert score(*given)[0] == score("--format", "jsonl", output="plain")[0] == 0
    assert _predictions(tmp_path / "out") == _predictions(tmp_path / "plain")


def test_a_worker_looks_at_the_signature_itself(registry, lines, score, tmp_path, monkeypatch):
    """What was signed when the job was checked is not taken on trust where it is loaded."""
    (tmp_path / "one.csv").write_bytes(b"\n".join(lines[:21]) + b"\n")
    own = Registry(shutil.copytree(registry, tmp_path / "registry"))
    key = make_key(tmp_path)
    own.sign(own.released().champion, load_private_key(key.private))
    checked = predictions_job.check

    def check(settings, files):
        found = checked(settings, files)
        (own.champion() / artifact.SIGNATURES).unlink()
        return found

    monkeypatch.setattr(predictions_job, "check", check)
    code, _, said = score("--registry", own.path, "--trusted-keys", key.public)
    assert code == 1
    assert "not signed, wanted a signature by one of release.pem" in said
    assert not (tmp_path / "out").exists()
