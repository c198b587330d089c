"""Contributions: they add up to the score, and the same prediction says the same each time."""

import json
import types
from typing import Any

import numpy as np
import pytest
import xgboost

from models.families.boosting.xgb import XGBoostModel
from models.registry.registry import Registry
from models.scoring.explanation import BIAS, OTHERS, Explanation
from models.scoring.prediction import PredictionEncoder
from models.scoring.score_form import ScoreForm
from models.scoring.scorer import Scorer
from schemas.errors import UsageError
from tests.transforms.graph.test_origins import WANTED, graph, rows  # noqa: F401 - fixtures


@pytest.fixture(scope="module")
def scorer(registry) -> Scorer:
    return Scorer.load(Registry(registry).champion())


def encoded(scorer, batch, explanation, first=0):
    scored = scorer.score(batch)
    ids = [f"t/0/{first + row}" for row in range(batch.num_rows)]
    return PredictionEncoder(scorer, explanation=explanation).encode(batch, scored.scores, scored.features, ids)


@pytest.mark.parametrize("top", [1, 3, 16, 99])
def test_contributions_add_up_to_the_score(scorer, trips, top):
    for line in map(json.loads, encoded(scorer, trips.slice(0, 100), Explanation(top))):
        named = line["contributions"]
        assert set(named) - {OTHERS, BIAS} <= set(scorer.feature_names)
        assert len(named) == min(top, 16) + 2
        log_odds = np.log(line["score"] / (1 - line["score"]))
        assert sum(named.values()) == pytest.approx(log_odds, abs=2e-5)
        sizes = [abs(value) for name, value in named.items() if name not in (OTHERS, BIAS)]
        assert sizes == sorted(sizes, reverse=True)


def test_same_bytes_whatever_the_batch(scorer, trips):
    explanation = Explanation(3, share=0.5)
    whole = encoded(scorer, trips.slice(0, 60), explanation)
    single = [encoded(scorer, trips.slice(row, 1), explanation, row)[0] for row in range(60)]
    assert single == whole
    assert 15 < sum(b"contributions" in line for line in whole) < 45


def test_without_them_a_prediction_is_as_it_was(scorer, trips):
    batch = trips.slice(0, 60)
    plain, some = encoded(scorer, batch, None), encoded(scorer, batch, Explanation(3, share=0.2, above=0.5))
    for line, (with_some, score) in zip(plain, zip(some, scorer.score(batch).scores, strict=True), strict=True):
        assert with_some.startswith(line[:-1])
        assert score < 0.5 or b"contributions" in with_some
    assert sum(line == other for line, other in zip(plain, some, strict=True)) > 10


def test_share_and_score_choose():
    ids = [f"t/0/{row}" for row in range(100_000)]
    scores = np.linspace(0, 1, 100_000, dtype=np.float32)
    share = Explanation(3, share=0.01).chosen(ids, scores)
    assert abs(len(share) - 1000) < 150
    above = Explanation(3, above=0.9).chosen(ids, scores)
    assert above.tolist() == np.flatnonzero(scores >= np.float32(0.9)).tolist()
    assert Explanation(3, share=0.01, above=0.9).chosen(ids, scores).tolist() == sorted({*share, *above})
    assert Explanation(3, share=0.02).chosen(ids, scores).tolist()[:5] != share.tolist()[:5]
    assert set(share) <= set(Explanation(3, share=0.02).chosen(ids, scores))


@pytest.mark.parametrize(
    ("given", "message"),
    [((0, None, None), "--contributions is 0"), ((1, 1.5, None), "--contribution-share is 1"),
     ((1, None, -1.0), "--contribution-above is -1"), ((None, 0.1, None), "want --contributions")],
)  # fmt: skip
def test_what_makes_no_sense(given, message):
    with pytest.raises(UsageError, match=message):
        Explanation.of(*given)


def test_columns_for_files(scorer, trips):
    batch = trips.slice(0, 30)
    scored = scorer.score(batch)
    ids = [f"t/0/{row}" for row in range(30)]
    encoder = PredictionEncoder(scorer, explanation=Explanation(2, share=0.5))
    lines = encoder.encode(batch, scored.scores, scored.features, ids)
    column = encoder.columns(batch, scored.scores, scored.features, ids).column("contributions").to_pylist()
    wanted = [json.loads(line).get("contributions") for line in lines]
    assert [None if text is None else json.loads(text) for text in column] == wanted


def test_features_are_told_by_their_raw_columns(graph, rows):  # noqa: F811
    """Two features of one column are one sum, a feature of two columns has both names; nothing is lost."""
    features = graph.apply(rows)
    label = features[:, graph.feature_names.index("amount_scaled")] + features[:, 2] > np.median(features[:, 2])
    data = xgboost.DMatrix(features, label=label, feature_names=list(graph.feature_names))
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 4, "base_score": 0.5}, data, 8)
    plain = booster.predict(data, pred_contribs=True)
    scorer: Any = types.SimpleNamespace(
        model=XGBoostModel(booster), graph=graph, form=ScoreForm()
    )  # what of a scorer is looked at
    by_columns: dict[str, list[np.ndarray]] = {}
    for at, name in enumerate(graph.feature_names):
        by_columns.setdefault("+".join(WANTED[name]) or "(constant)", []).append(plain[:, at])
    assert len(by_columns["amount"]) == 3
    for row, text in enumerate(Explanation(99).texts(scorer, features, features[:, 0])):
        told = json.loads(text)
        assert set(told) == {*by_columns, OTHERS, BIAS}
        assert told[BIAS] == pytest.approx(plain[row, -1])
        for name, parts in by_columns.items():
            assert np.float32(told[name]) == np.float32(sum(float(part[row]) for part in parts))
    for row, text in enumerate(Explanation(1).texts(scorer, features, features[:, 0])):
        (name, *rest), whole = json.loads(text), plain[row].sum()
        assert rest == [OTHERS, BIAS]
        assert sum(json.loads(text).values()) == pytest.approx(whole, abs=1e-5)
        assert name in {"amount", "amount+income", "age+amount+purpose", "income"}
