"""Serving: every row is scored by its variant, as that variant alone would, and the feature pass is shared."""

import types

import numpy as np
import pytest

from models.live.serving import Serving
from models.scoring.scorer import RowsDiffer, Scorer
from models.variants.variants import Variants
from schemas.rejection import Reason

ROWS = 60


@pytest.fixture
def serving(scorers):
    first, second, third = scorers
    return Serving(1, Variants(first).with_challenger(second, 0.5).with_shadow(third), scorers)


@pytest.fixture
def owners():
    return np.arange(ROWS) % 3 % 2


@pytest.fixture
def applied(scorers, monkeypatch):
    """How many rows every call of a graph took."""
    calls: list[int] = []

    def counting(real):
        def apply(batch):
            calls.append(batch.num_rows)
            return real(batch)

        return apply

    for graph in {id(scorer.graph): scorer.graph for scorer in scorers.values()}.values():
        monkeypatch.setattr(graph, "apply", counting(graph.apply))
    return calls


def scored(serving, batch, owners):
    return [part for lane in serving.lanes for part in lane.score(batch, owners)]


def check_parts(parts, trips, owners):
    for part in parts:
        mine = np.arange(ROWS) if part.variant.owner is None else np.flatnonzero(owners == part.variant.owner)
        assert part.rows.tolist() == mine.tolist()
        alone = part.variant.scorer.score(trips.slice(0, ROWS))
        assert part.scored.scores.tobytes() == alone.scores[mine].tobytes()
        assert part.scored.features.tobytes() == alone.features[mine].tobytes()


def test_one_feature_pass_for_all_variants_of_a_graph(serving, scorers, trips, owners, applied):
    assert len({id(scorer.graph) for scorer in scorers.values()}) == 1
    parts = scored(serving, trips.slice(0, ROWS), owners)
    assert applied == [ROWS]
    assert [part.variant.role for part in parts] == ["champion", "challenger", "shadow"]
    check_parts(parts, trips, owners)


def test_another_graph_is_called_for_its_own_rows_only(scorers, trips, owners, applied, monkeypatch):
    first, second, _ = scorers
    apart = Scorer.load(scorers[second].path)
    monkeypatch.setattr(apart.graph, "fingerprint", "another")
    monkeypatch.setattr(
        apart.graph, "apply", lambda batch, real=apart.graph.apply: applied.append(-batch.num_rows) or real(batch)
    )
    variants = Variants(first).with_challenger(second, 0.5)
    parts = scored(Serving(1, variants, {**scorers, second: apart}), trips.slice(0, ROWS), owners)
    assert applied == [ROWS - 20, -20]
    check_parts(parts, trips, owners)


def test_lone_champion_scores_once(scorers, trips, applied):
    (part,) = scored(Serving.alone(next(iter(scorers.values()))), trips.slice(0, ROWS), np.zeros(ROWS, np.int64))
    assert applied == [ROWS]
    check_parts([part], trips, np.zeros(ROWS, np.int64))


def test_rows_that_cannot_be_scored_are_their_owners(serving, scorers, trips, owners, monkeypatch):
    second = scorers[list(scorers)[1]]
    real = second.model.predict

    def sometimes_not(features):
        scores = real(features).copy()
        scores[[0, 2]] = np.nan
        return scores

    monkeypatch.setattr(second.model, "predict", sometimes_not)
    champion, challenger, shadow = scored(serving, trips.slice(0, ROWS), owners)
    assert [(one.row, one.reason) for one in challenger.rejections] == [(1, Reason.BAD_OUTPUT), (7, Reason.BAD_OUTPUT)]
    assert sorted([*champion.rows, *challenger.rows, 1, 7]) == list(range(ROWS))
    assert len(shadow.rows) == ROWS
    assert not shadow.rejections


def test_shadow_of_another_graph_that_fails_scores_no_row_and_stops_nobody(scorers, trips, monkeypatch):
    first, second, _ = scorers
    apart = Scorer.load(scorers[second].path)
    monkeypatch.setattr(apart.graph, "fingerprint", "another")
    monkeypatch.setattr(apart.graph, "check_columns", lambda batch: 1 / 0)
    monkeypatch.setattr(apart.graph, "apply", lambda batch: 1 / 0)
    serving = Serving(1, Variants(first).with_shadow(second), {**scorers, second: apart})
    champion, shadow = scored(serving, trips.slice(0, ROWS), np.zeros(ROWS, np.int64))
    assert (champion.variant.role, len(champion.rows)) == ("champion", ROWS)
    assert (shadow.variant.role, len(shadow.rows), len(shadow.rejections)) == ("shadow", 0, ROWS)


def test_shadow_that_loses_rows_scores_none_and_stops_nobody_but_a_decider_stops(scorers, trips, monkeypatch):
    first, second, _ = scorers
    apart = Scorer.load(scorers[second].path)
    monkeypatch.setattr(apart, "model", types.SimpleNamespace(predict=lambda features: features[1:, 0]))
    batch, owners = trips.slice(0, ROWS), np.zeros(ROWS, np.int64)
    serving = Serving(1, Variants(first).with_shadow(second), {**scorers, second: apart})
    champion, shadow = scored(serving, batch, owners)
    assert (len(champion.rows), len(shadow.rows)) == (ROWS, 0)
    with pytest.raises(RowsDiffer, match=rf"{ROWS} rows in, scores of shape \({ROWS - 1},\) out, wanted \({ROWS},\)"):
        scored(Serving(1, Variants(second), {**scorers, second: apart}), batch, owners)


def test_event_without_a_key_counts_by_its_place(serving):
    keys = [b"trips/0/%d" % offset for offset in range(500)]
    wanted = serving.owners("other", [1] * 500, [7] * 500, keys)
    assert 200 < wanted.sum() < 300
    assert serving.owners("trips", [0] * 500, list(range(500)), [None] * 500).tolist() == wanted.tolist()
