"""What bundles wrote is one account in the end, and files get their names in the order of their rows."""

import collections
import pathlib

import apache_beam as beam
import pytest

from beam_jobs.batch.written_files import SaveWritten, UnnamedFile, Written, load_written, name_all


def written(number: int, **facts: object) -> Written:
    files = {"train": [UnnamedFile(f"part-{number}", (0, number * 10), number)]}
    counts = collections.Counter({("RANGE", "/fare"): number, ("TYPE", ""): 1})
    made = {"files": files, "rows_read": 10, "split_rows": {"train": number}, "label_sums": {"train": number / 2}}
    return Written(**{**made, "rejected_counts": counts, **facts})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Written:
    path = tmp_path_factory.mktemp("saved") / "written.json"
    bundles = [
        written(3, wrong_labels={"2": 1}, first_wrong_label=((1, 5), "b.csv")),
        written(1, wrong_labels={"2": 4}, first_wrong_label=((0, 9), "a.csv")),
        written(2),
    ]
    with beam.Pipeline() as pipeline:
        _ = pipeline | beam.Create(bundles, reshuffle=False) | SaveWritten(str(path))
    return load_written(path)


def test_counts_are_added(together: Written) -> None:
    assert (together.rows_read, together.rows("train"), together.rows("test")) == (30, 6, 0)
    assert (together.split_rows, together.label_sums) == ({"train": 6}, {"train": 3.0})
    assert together.rejected_counts == {("RANGE", "/fare"): 6, ("TYPE", ""): 3}


def test_files_stand_in_the_order_of_their_rows(together: Written) -> None:
    assert [file.path for file in together.files["train"]] == ["part-1", "part-2", "part-3"]


def test_the_first_wrong_label_of_all_is_kept(together: Written) -> None:
    assert together.first_wrong_label == ((0, 9), "a.csv")
    assert together.wrong_labels == {"2": 5}


def test_a_job_without_rows_wrote_nothing(tmp_path: pathlib.Path) -> None:
    (tmp_path / "written.json").write_text("[]")
    assert load_written(tmp_path / "written.json") == Written({})


def test_files_get_their_names(tmp_path: pathlib.Path) -> None:
    files = []
    for number in range(2):
        (tmp_path / f"part-{number}").write_text(str(number))
        files.append(UnnamedFile(str(tmp_path / f"part-{number}"), (0, number), 5 + number))
    assert name_all(str(tmp_path), "train", "tfrecord", files) == [
        {"name": "train-00000-of-00002.tfrecord", "rows": 5},
        {"name": "train-00001-of-00002.tfrecord", "rows": 6},
    ]
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "train-00000-of-00002.tfrecord": "0",
        "train-00001-of-00002.tfrecord": "1",
    }
