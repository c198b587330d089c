"""Where the rows of a block go: by every rule, from files of a split, and what train keeps of a class."""

import numpy as np
import pyarrow as pa
import pytest

from models.spec import ModelSpec
from models.splits import ColumnSplit, GroupSplit, TimeSplit, before, between, since
from models.training.split_rows import LEFT_OUT, Placed, place
from schemas.schema import Schema
from transforms.intake.split import assign_splits, id_hashes

SCHEMA = Schema.from_text("""
feature { name: "id" type: INT annotation { tag: "id" } }
feature { name: "card" type: INT annotation { tag: "key" } }
feature { name: "at" type: INT annotation { tag: "event_time:s" } }
feature { name: "use" type: BYTES annotation { tag: "split" } not_in_environment: "SERVING" }
""")
ROWS = 2000
DAY = 86_400
START = 1_704_067_200  # 2024-01-01
SHARES = {"train": 0.7, "eval": 0.15, "test": 0.15}


def rows(first: int = 0, count: int = ROWS) -> pa.RecordBatch:
    numbers = np.arange(first, first + count)
    columns = {
        "id": numbers,
        "card": pa.array([None if number % 50 == 0 else number % 37 for number in numbers.tolist()]),
        "at": START + numbers * DAY // 20,
        "use": [("train", "eval", "test", "spare")[number % 4] for number in numbers.tolist()],
    }
    return pa.RecordBatch.from_pydict(columns, SCHEMA.arrow_schema)


def placed(model: ModelSpec, batch: pa.RecordBatch, given: dict[int, str] | None = None, file: int = 0) -> Placed:
    label = (np.asarray(batch.column("id")) % 10 == 0).astype(np.float32)
    return place(model, given or {}, file, batch, SCHEMA, id_hashes(batch, SCHEMA), label)


def test_shares_of_rows_are_as_they_always_were() -> None:
    found = placed(ModelSpec(), rows())
    assert found.split.tolist() == assign_splits(rows(), SCHEMA, SHARES).tolist()
    assert (found.weight, found.left_out) == (None, {"no split": 0})


def test_no_row_of_train_is_later_than_the_first_of_test() -> None:
    split = TimeSplit(train=before("2024-02-01"), eval=between("2024-02-01", "2024-02-15"), test=since("2024-03-01"))
    found = placed(ModelSpec(split=split), rows())
    times = np.asarray(rows().column("at"))
    assert times[found.split == 0].max() < times[found.split == 1].min()
    assert times[found.split == 1].max() < times[found.split == 2].min()
    assert found.left_out == {"no split": int((found.split == LEFT_OUT).sum())}
    assert found.left_out["no split"] == 15 * 20, "from the 15th to the end of February"


def test_no_key_is_on_two_sides() -> None:
    found = placed(ModelSpec(split=GroupSplit(train=0.5, eval=0.25, test=0.25)), rows())
    sides: dict[int | None, set[int]] = {}
    for card, split in zip(rows().column("card").to_pylist(), found.split.tolist(), strict=True):
        sides.setdefault(card, set()).add(split)
    assert len(sides.pop(None)) == 3, "rows without a key are no group"
    assert {len(one) for one in sides.values()} == {1}
    assert set(found.split.tolist()) == {0, 1, 2}


def test_a_column_says_it() -> None:
    found = placed(ModelSpec(split=ColumnSplit(test=("test", "spare"))), rows())
    assert np.bincount(found.split).tolist() == [500, 500, 1000]
    assert placed(ModelSpec(split=ColumnSplit()), rows()).left_out == {"no split": 500}


@pytest.mark.parametrize("given", [{1: "test"}, {1: "test", 2: "eval"}])
def test_files_are_a_split_as_a_whole_and_the_others_are_of_the_rest(given: dict[int, str]) -> None:
    assert set(placed(ModelSpec(), rows(), given, file=1).split.tolist()) == {2}
    found = np.bincount(placed(ModelSpec(), rows(), given, file=0).split, minlength=3) / ROWS
    wanted = [1.0, 0.0, 0.0] if len(given) == 2 else [0.7 / 0.85, 0.15 / 0.85, 0.0]
    assert found == pytest.approx(wanted, abs=0.03)


def test_train_keeps_a_share_of_a_class_and_what_it_keeps_weighs_as_much() -> None:
    batch = rows(count=20_000)
    plain = placed(ModelSpec(), batch)
    found = placed(ModelSpec(down_sample={0: 0.1}), batch)
    label = np.asarray(batch.column("id")) % 10 == 0
    train = plain.split == 0
    assert (found.split[~train] == plain.split[~train]).all(), "eval and test are as they were"
    assert (found.split[train & label] == 0).all()
    kept = (found.split == 0) & ~label
    assert kept.sum() == pytest.approx(0.1 * (train & ~label).sum(), rel=0.05)
    assert found.left_out["down-sampling"] == int((train & ~label).sum() - kept.sum())
    assert found.weight is not None
    assert found.weight.dtype == np.float32
    assert set(found.weight[kept].tolist()) == {10.0}
    assert set(found.weight[(found.split == 0) & label].tolist()) == {1.0}
    assert set(found.weight[found.split > 0].tolist()) == {1.0}


def test_what_is_kept_does_not_depend_on_the_block() -> None:
    model = ModelSpec(down_sample={0: 0.3})
    whole = placed(model, rows()).split
    parts = [placed(model, rows(first, 500)).split for first in range(0, ROWS, 500)]
    assert np.concatenate(parts).tolist() == whole.tolist()
