"""NDCG as scikit-learn has it, query by query; queries without a relevant row, ties, weights, slices."""

import dataclasses

import numpy as np
import pyarrow as pa
import pytest
import xgboost
from sklearn.metrics import ndcg_score

from models.evaluation.evaluation import evaluate
from models.families.boosting import xgb
from models.families.boosting.query_order import by_query
from models.families.boosting.xgb import XGBoostModel
from models.families.family import Split
from models.losses import NDCG
from models.measures.rank_metrics import RankedQueries
from models.measures.scored_rows import ScoredRows
from models.spec import Gate, ModelSpec
from schemas.errors import InputError
from tests.support.small_artifacts import FAST
from tests.support.splits import COLUMNS


def ranked(rows: int = 400, exponential: bool = True) -> RankedQueries:
    random = np.random.default_rng(3)
    label = random.integers(0, 5, rows).astype(np.float32)
    scores = (label + random.integers(-3, 4, rows)).astype(np.float32)  # whole numbers: many ties
    return RankedQueries(label, scores, random.integers(0, 40, rows), None, exponential)


def some(made: RankedQueries, rows: np.ndarray) -> RankedQueries:
    weight = None if made.weight is None else made.weight[rows]
    return dataclasses.replace(
        made, label=made.label[rows], scores=made.scores[rows], query=made.query[rows], weight=weight
    )


@pytest.mark.parametrize("exponential", [True, False])
@pytest.mark.parametrize("depth", [None, 1, 3, 10])
def test_it_is_scikit_learns(depth: int | None, exponential: bool) -> None:
    made = ranked(exponential=exponential)
    found, _ = made.ndcg(depth)
    wanted = []
    for query in np.unique(made.query):
        rows = made.query == query
        gain = np.exp2(made.label[rows]) - 1 if exponential else made.label[rows]
        wanted.append(ndcg_score([gain], [made.scores[rows]], k=depth))
    assert found == pytest.approx(np.array(wanted), abs=1e-12)


def test_the_order_of_the_data_does_not_decide() -> None:
    made = ranked()
    order = np.random.default_rng(1).permutation(len(made.label))
    assert some(made, order).metrics() == pytest.approx(made.metrics(), abs=1e-12)


def test_queries_without_a_relevant_row_are_left_out() -> None:
    made = RankedQueries(np.array([1, 0, 0, 0], np.float32), np.array([0, 1, 5, 6], np.float32), np.array([4, 4, 2, 2]))
    assert made.metrics() == {
        "rows": 4,
        "queries": 1,
        "ndcg": pytest.approx(1 / np.log2(3)),
        "ndcg_at_10": pytest.approx(1 / np.log2(3)),
    }
    none = some(made, made.query == 2)
    assert none.metrics() == {"rows": 2, "queries": 0, "ndcg": None, "ndcg_at_10": None}
    assert some(made, made.query == 9).metrics()["ndcg"] is None


def test_a_query_counts_by_its_weight() -> None:
    made = RankedQueries(
        np.array([1, 0, 1, 0], np.float32),
        np.array([1, 0, 0, 1], np.float32),
        np.array([4, 4, 2, 2]),
        np.array([3, 3, 1, 1], np.float32),
    )
    assert made.metrics()["ndcg"] == pytest.approx((3 * 1 + 1 / np.log2(3)) / 4)
    assert made.metrics()["weight"] == 8


def split(seed: int) -> Split:
    random = np.random.default_rng(seed)
    features = random.normal(size=(600, 3)).astype(np.float32)
    label = np.clip(np.floor(2 + features[:, 0] + 0.3 * random.normal(size=600)), 0, 4).astype(np.float32)
    sides = pa.array(["left" if right > 0 else None for right in features[:, 1]]).dictionary_encode()
    return Split(features, label, {"side": sides}, query=random.permutation(600) // 10)


def test_an_evaluation_of_a_ranking_agrees_with_xgboost_and_has_slices_and_gates() -> None:
    # deep trees, so that hardly two rows of a query have one score: XGBoost orders such rows by the data
    deep = {**FAST, "max_depth": 9, "min_child_weight": 0}
    spec = ModelSpec(task="ranking", parameters=deep, rounds=60, gates=(Gate("ndcg", at_least=0.999),))
    test = split(2)
    trained = xgb.train(spec, COLUMNS, split(1), None)
    found = evaluate(XGBoostModel(trained.booster), spec, split(1), test)
    rows, queries, _ = by_query(test)
    matrix = xgboost.DMatrix(rows.features, label=rows.label, qid=queries, feature_names=list(COLUMNS.names))
    said = dict(part.rsplit(":", 1) for part in trained.booster.eval_set([(matrix, "it")]).split("\t")[1:])
    assert found.metrics["ndcg"] == pytest.approx(float(said["it-ndcg"]), abs=1e-3)
    assert found.metrics["ndcg_at_10"] == pytest.approx(float(said["it-ndcg@10"]), abs=1e-3)
    assert [value["value"] for value in found.slices["side"]] in (["left", None], [None, "left"])
    assert sum(value["rows"] for value in found.slices["side"]) == 600
    assert not found.verdict["passed"]
    assert found.curves["ndcg_at"]["ndcg"][4] == found.metrics["ndcg_at_10"]
    linear = evaluate(XGBoostModel(trained.booster), dataclasses.replace(spec, loss=NDCG("linear")), split(1), test)
    assert linear.metrics["ndcg"] != found.metrics["ndcg"]


def test_rows_without_queries_are_one_line() -> None:
    spec = ModelSpec(task="ranking")
    bare = dataclasses.replace(split(1), query=None)
    with pytest.raises(InputError, match="ranking: the rows have no queries; build the training set again"):
        RankedQueries.of(ScoredRows(bare.label, bare.label, None, pa.RecordBatch.from_arrays([], [])), spec)
    with pytest.raises(InputError, match="ranking: the rows have no queries"):
        xgb.train(spec, COLUMNS, bare, bare)
