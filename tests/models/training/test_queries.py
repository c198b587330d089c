"""Queries: of which column, in one split each, with an order to learn; labels that a loss does not take."""

import dataclasses
import pathlib

import numpy as np
import pytest

from models import losses, use_case
from models.families.family import Split
from models.losses import Loss
from models.spec import ModelSpec
from models.splits import ColumnSplit, GroupSplit, SplitRule, TimeSplit, before, between, check_query, since
from models.training.loss_labels import check_labels
from models.training.queries import check_apart
from schemas import roles
from schemas.errors import InputError
from schemas.schema import Schema

USER = 'feature { name: "user" type: INT annotation { tag: "query" tag: "key" } }'
APART = """
feature { name: "user" type: INT annotation { tag: "query" } }
feature { name: "card" type: INT annotation { tag: "key" } }
"""
SHARES = {"train": 0.6, "eval": 0.2, "test": 0.2}
BY_TIME = TimeSplit(train=before("2024-01-01"), eval=between("2024-01-01", "2024-02-01"), test=since("2024-02-01"))


@pytest.mark.parametrize(("schema", "split"), [(USER, GroupSplit()), (APART, ColumnSplit()), (APART, BY_TIME)])
def test_splits_that_may_keep_queries_together(schema: str, split: SplitRule) -> None:
    check_query(split, Schema.from_text(schema), "here")


@pytest.mark.parametrize(
    ("schema", "split", "message"),
    [
        ('feature { name: "user" type: INT }', GroupSplit(), "task ranking, but no column has the role query; give it"),
        (
            USER,
            SHARES,
            "split by shares puts rows of one query into several splits; write split=GroupSplit.. and let 'u",
        ),
        (APART, GroupSplit(), "split by group of card, which may tear queries apart; .* let 'user' be the only column"),
        (USER + APART.splitlines()[2], GroupSplit(), "split by group of user, card, which may tear queries apart"),
    ],
)
def test_splits_that_tear_queries_apart(schema: str, split: SplitRule, message: str) -> None:
    with pytest.raises(InputError, match=f"here: {message}"):
        check_query(split, Schema.from_text(schema), "here")


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (USER + USER.replace("user", "other"), "user and other both have the role query; keep one"),
        (USER.replace("INT", "FLOAT"), "user: a query of type FLOAT, wanted BYTES or INT"),
        (
            USER.replace("type: INT", "type: INT value_count { min: 1 max: 3 }"),
            "tag query of a column of several values",
        ),
    ],
)
def test_a_column_that_can_be_no_query(schema: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        roles.check(Schema.from_text(schema).columns, "here")


def test_a_ranking_without_a_query_is_refused_where_the_use_case_is_found(tmp_path: pathlib.Path) -> None:
    for name, text in {
        "schemas/own.pbtxt": 'feature { name: "user" type: INT }',
        "transforms/own.py": "def preprocessing_fn(inputs): ...\ndef label(batch): ...\n",
        "models/own.py": 'from models.spec import ModelSpec\nMODEL = ModelSpec(task="ranking")\n',
    }.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    for find in (use_case.find, use_case.find_model, use_case.check_files):
        with pytest.raises(InputError, match=r"models/own\.py: task ranking, but no column has the role query"):
            find("own", tmp_path)


def test_a_query_on_two_sides_is_counted() -> None:
    check_apart({"train": np.array([1, 1]), "eval": np.array([2]), "test": np.array([3])}, "here")
    with pytest.raises(InputError, match="here: 2 of 3 queries of split test have rows in eval too"):
        check_apart({"train": np.array([1]), "eval": np.array([2, 4]), "test": np.array([3, 4, 2, 2])}, "here")


def split(*label: float, query: tuple[int, ...] | None = None) -> Split:
    rows = np.array(label, np.float32)
    return Split(np.zeros((len(rows), 1), np.float32), rows, {}, query=None if query is None else np.array(query))


@pytest.mark.parametrize(
    ("loss", "label", "message"),
    [
        (losses.Poisson(), (0, 2, -1, -0.5), "2 of 4 labels are not 0 or more, which loss Poisson wants; take another"),
        (losses.Tweedie(), (0, 2, -1), "1 of 3 labels are not 0 or more, which loss Tweedie wants"),
        (losses.Gamma(), (0, 2, -1), "2 of 3 labels are not above 0, which loss Gamma wants"),
        (
            losses.NDCG(),
            (0, 32, 0.5),
            "2 of 3 labels are not whole numbers from 0 to 31, .* mend label.. and build again",
        ),
        (losses.Pairwise(), (0, 1.5), '1 of 2 labels are not whole numbers .* or set gain="linear"'),
    ],
)
def test_labels_that_a_loss_does_not_take_are_counted(loss: Loss, label: tuple[float, ...], message: str) -> None:
    spec = ModelSpec(task=loss.tasks[0], loss=loss)
    with pytest.raises(InputError, match=f"train split: {message}"):
        check_labels(split(*label, query=(1,) * len(label)), spec, "train")


@pytest.mark.parametrize("query", [(1, 2, 3), (1, 2, 2), None])
def test_queries_without_an_order_are_one_line(query: tuple[int, ...] | None) -> None:
    spec = ModelSpec(task="ranking")
    with pytest.raises(InputError, match="eval split: no query has rows of different labels, so there is no order"):
        check_labels(split(0, 1, 1, query=query), spec, "eval")
    check_labels(split(0, 1, 1, query=(1, 1, 2)), spec, "eval")


def test_labels_of_other_losses_are_any() -> None:
    for loss in (losses.Squared(), losses.Absolute(), losses.Quantile()):
        check_labels(split(-5, 0, 1e9), dataclasses.replace(ModelSpec(task="regression"), loss=loss), "train")
    check_labels(split(0, 0.5, 99.5, query=(1, 1, 1)), ModelSpec(task="ranking", loss=losses.NDCG("linear")), "train")
