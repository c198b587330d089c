"""The raw rows of the test split: those that the shards have the features of, in their order, and only where wanted."""

import pathlib
import shutil

import numpy as np
import pyarrow as pa
import pytest

from models.training.kept_test_rows import are_kept, read_test_rows
from models.training.training_set import TrainingSet
from schemas.artifacts import artifact
from schemas.errors import ArtifactError
from tests.support.small_artifacts import with_fact
from tests.support.use_case_folder import MODEL, UseCaseFolder
from transforms.graph.graph import TransformGraph

SCHEMA = """
feature { name: "row" type: INT presence { min_fraction: 1 } annotation { tag: "id" } }
feature { name: "amount" type: FLOAT }
feature { name: "words" type: BYTES value_count { min: 0 } }
feature { name: "purpose" type: BYTES }
feature { name: "who" type: BYTES annotation { tag: "personal:drop" } }
feature { name: "late" type: INT not_in_environment: "SERVING" }
"""
TRANSFORM = """
import tensorflow_transform as tft
from transforms.missing import fill

def preprocessing_fn(inputs):
    words = tft.compute_and_apply_vocabulary(inputs["words"], vocab_filename="words")
    return {"share": 1.0 / fill(inputs["amount"], 3.0), "words": words}

def label(batch):
    return batch.column("late")
"""
GATED = MODEL.replace('Gate("auc", at_least=0.5)', 'Gate("auc", no_worse_by=0.5)')


def rows() -> list[tuple[object, ...]]:
    """Return rows of which every seventh has an infinite feature, and every fifth no amount."""
    head: list[tuple[object, ...]] = [("row", "amount", "words", "purpose", "who", "late")]
    for number in range(700):
        amount: object = 0.0 if number % 7 == 3 else "" if number % 5 == 0 else number / 7
        head.append((number, amount, "|".join("ab"[: number % 3]), "xyz"[number % 3], f"Ann{number}", number % 2))
    return head


def built(folder: pathlib.Path, *more: object, model: str = MODEL) -> TrainingSet:
    case = UseCaseFolder(folder, SCHEMA, TRANSFORM, rows(), model)
    argv = ["--data", case.data, "--output", case.training_set, "--rows-per-shard", 30, *more]
    assert case.verb("build_training_set", *argv) == 0
    return TrainingSet.open(case.training_set)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    return built(tmp_path_factory.mktemp("kept"), "--test-rows", "keep")


def test_they_are_the_rows_of_the_features_and_the_columns_that_serving_has(kept: TrainingSet) -> None:
    artifact.open_artifact(kept.path, "training_set").verify()
    blocks = list(read_test_rows(kept))
    assert all(block.schema.names == ["row", "amount", "words", "purpose"] for block in blocks)
    table = pa.Table.from_batches(blocks)
    shards = kept.manifest["shards"]["test"]
    assert len(shards) > 1
    assert [one["rows"] for one in kept.manifest["test_rows"]] == [one["rows"] for one in shards]
    split = kept.load("test")
    (batch,) = table.combine_chunks().to_batches()
    assert TransformGraph.load(kept.graph).apply(batch).tobytes() == split.features.tobytes()
    assert (np.array(batch.column("row")) % 2 == split.label).all()  # features do not tell all rows apart
    assert batch.column("purpose").to_pylist() == split.slices["purpose"].tolist()
    assert batch.column("amount").null_count > 0


def test_the_set_is_otherwise_that_of_a_build_without(kept: TrainingSet, tmp_path: pathlib.Path) -> None:
    plain = built(tmp_path)
    assert not are_kept(plain)
    assert plain.fingerprint == kept.fingerprint
    files = plain.manifest["files"]
    assert {name: kept.manifest["files"][name] for name in files} == files
    with pytest.raises(ArtifactError, match="its manifest names no files of test_rows"):
        list(read_test_rows(plain))


@pytest.mark.needs_time
def test_a_gate_on_the_champion_wants_them_and_the_option_does_not(tmp_path: pathlib.Path) -> None:
    assert are_kept(built(tmp_path / "gated", model=GATED))
    assert not are_kept(built(tmp_path / "left", "--test-rows", "leave", model=GATED))


def test_a_wrong_choice_is_one_line(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = UseCaseFolder(tmp_path, SCHEMA, TRANSFORM, rows())
    argv = ["--data", case.data, "--output", case.training_set, "--test-rows", "keeep"]
    assert case.verb("build_training_set", *argv) == 2
    error = capsys.readouterr().err
    assert "--test-rows is 'keeep', wanted one of keep, leave, did you mean keep?" in error


def test_files_that_are_not_as_they_were_are_refused(kept: TrainingSet, tmp_path: pathlib.Path) -> None:
    copied = TrainingSet.open(shutil.copytree(kept.path, tmp_path / "set"))
    first, second, *_ = [copied.path / one["name"] for one in copied.manifest["test_rows"]]
    shutil.copy(second, first)
    with pytest.raises(ArtifactError, match=f"{first}: missing, or its bytes are not those in the manifest"):
        list(read_test_rows(copied))
    shutil.copy(kept.path / first.name, first)
    with_fact(copied.path, "training_set", "test_rows", copied.manifest["test_rows"][:-1])
    with pytest.raises(ArtifactError, match="raw rows of split test, wanted"):
        list(read_test_rows(TrainingSet.open(copied.path)))
