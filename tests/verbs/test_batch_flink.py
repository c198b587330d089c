"""`build_training_set` and `score_batch` on a real Flink: the rows, graph and predictions of a run here."""

import json
import pathlib

import numpy as np
import pyarrow.parquet
import pytest

from beam_jobs.cli.command_line import main
from models.training.training_set import TrainingSet
from transforms.graph.graph import TransformGraph

pytestmark = [pytest.mark.needs_flink, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def on_flink(flink, trip_files, tmp_path_factory) -> TrainingSet:
    """The build of `built`, from another folder and by relative paths."""
    folder = tmp_path_factory.mktemp("elsewhere")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        (folder / "data").symlink_to(trip_files)
        argv = ["--use-case", "taxi", "--data", "data/a.csv.gz", "data/b.csv", "--output", "training_set"]
        argv += ["--runner", "flink", "--services-folder", str(flink)]
        assert main(["build_training_set", *argv]) == 0
    return TrainingSet.open(folder / "training_set")


def sorted_rows(values: np.ndarray) -> np.ndarray:
    return values[np.lexsort(values.T)]


def test_a_build_on_flink_has_the_rows_and_the_graph_of_one_here(on_flink, built, trips):
    here = TrainingSet.open(built)
    for fact in ("rows", "rejections", "feature_names"):
        assert on_flink.manifest[fact] == here.manifest[fact]
    for split in ("train", "eval", "test"):
        theirs, ours = on_flink.load(split), here.load(split)
        assert sorted(theirs.slices["payment_type"].tolist()) == sorted(ours.slices["payment_type"].tolist())
        assert sorted(theirs.label.tolist()) == sorted(ours.label.tolist())
        # means and deviations are merged in another order, in float32
        assert np.allclose(sorted_rows(theirs.features), sorted_rows(ours.features), rtol=1e-5, atol=1e-6)
    flinks, heres = (TransformGraph.load(one.path / "graph").apply(trips) for one in (on_flink, here))
    whole = [at for at, kind in enumerate(here.manifest["feature_kinds"]) if kind == "int"]
    assert whole
    assert np.array_equal(flinks[:, whole], heres[:, whole])
    assert np.allclose(flinks, heres, rtol=1e-5, atol=1e-6)


def test_workers_have_their_temporary_files_in_folders_that_end_with_them(on_flink, flink):
    found = (flink / "flink").rglob("__autograph_generated_file*.py")
    assert {path.parent.parent.relative_to(flink) for path in found} <= {pathlib.Path("flink/tmp/workers")}


def test_score_batch_on_flink_predicts_as_here(flink, registry, trip_files, tmp_path):
    found = []
    for name, argv in {"here": [], "flink": ["--runner", "flink", "--services-folder", str(flink)]}.items():
        output = tmp_path / name
        data = ["--data", str(trip_files / "*.csv*"), "--registry", str(registry)]
        assert main(["score_batch", *data, "--output", str(output), *argv]) == 0
        manifest = json.loads((output / "manifest.json").read_text())
        tables = [pyarrow.parquet.read_table(file).to_pylist() for file in sorted(output.glob("predictions-*"))]
        found.append((manifest["rows"], sorted((row for table in tables for row in table), key=lambda row: row["id"])))
    assert found[0] == found[1]


def test_a_build_that_cannot_be_is_said_in_one_line_and_leaves_nothing(flink, tmp_path, trip_files, capsys):
    data = tmp_path / "a.csv"
    data.write_bytes(b"\n".join([*(trip_files / "b.csv").read_bytes().split(b"\r\n")[:1], b"x,y,z"] * 2))
    output = tmp_path / "out"
    argv = ["--use-case", "taxi", "--data", str(data), "--output", str(output)]
    assert main(["build_training_set", *argv, "--runner", "flink", "--services-folder", str(flink)]) == 1
    assert "rows rejected" in capsys.readouterr().err.splitlines()[-1]
    assert not pathlib.Path(output).exists()
