"""The scorer: all rows or an exception, bad rows alone, bits that do not depend on the batch."""

import numpy as np
import pyarrow as pa
import pytest

from models.registry.registry import Registry
from models.scoring import golden
from models.scoring.scorer import Scorer
from schemas.errors import ArtifactError, InputError, OnegraphError
from schemas.rejection import Reason, Rejection, Stage


@pytest.fixture(scope="module")
def scorer(registry) -> Scorer:
    return Scorer.load(Registry(registry).champion())


def with_bad_hours(batch: pa.RecordBatch, rows) -> pa.RecordBatch:
    """Make rows that the graph refuses: an integer feature that float32 cannot hold."""
    hours = batch.column("trip_start_hour").to_pylist()
    for row in rows:
        hours[row] = 2**25
    place = batch.schema.get_field_index("trip_start_hour")
    return batch.set_column(place, "trip_start_hour", pa.array(hours, pa.int64()))


def test_what_it_says_of_itself(scorer, taxi):
    assert scorer.use_case == "taxi"
    assert scorer.schema.names == taxi.schema.environment("SERVING").names
    assert 0 < scorer.threshold < 1
    assert len(scorer.feature_names) == 16


def test_scores_are_probabilities_that_rank(scorer, trips, taxi):
    scored = scorer.score(trips)
    label = taxi.label(trips)
    assert scored.features.dtype == scored.scores.dtype == np.float32
    assert scored.features.shape == (15_002, 16)
    assert ((scored.scores > 0) & (scored.scores < 1)).all()
    assert abs(scored.scores.mean() - label.mean()) < 0.05
    assert scored.scores[label == 1].mean() > scored.scores[label == 0].mean() + 0.3


@pytest.mark.parametrize("size", [1, 3, 16, 17, 100, 1000])
def test_bits_do_not_depend_on_the_batch(scorer, trips, size):
    whole = scorer.score(trips.slice(0, 2000))
    rows = min(2000, size * 200)
    parts = [scorer.score(trips.slice(start, min(size, rows - start))) for start in range(0, rows, size)]
    assert np.concatenate([part.scores for part in parts]).tobytes() == whole.scores[:rows].tobytes()
    assert np.concatenate([part.features for part in parts]).tobytes() == whole.features[:rows].tobytes()


def test_training_columns_are_not_needed(scorer, trips):
    serving = trips.drop_columns(["tips"]).slice(0, 10)
    assert scorer.score(serving).scores.tobytes() == scorer.score(trips.slice(0, 10)).scores.tobytes()


def test_no_rows(scorer, trips):
    scored, rows, rejections = scorer.score_rows(trips.slice(0, 0))
    assert (len(scored.scores), len(rows), rejections) == (0, 0, [])


@pytest.mark.parametrize("bad", [[], [0], [36], [5, 6, 30], list(range(37))])
def test_bad_rows_stand_alone(scorer, trips, bad):
    batch = trips.slice(0, 37)
    scored, rows, rejections = scorer.score_rows(with_bad_hours(batch, bad))
    good = [row for row in range(37) if row not in bad]
    assert rows.tolist() == good
    assert rejections == [Rejection(row, Stage.SCORE, Reason.SCORE_FAILED) for row in bad]
    assert scored.scores.tobytes() == scorer.score(batch).scores[good].tobytes()
    assert scored.features.shape == (len(good), 16)


def test_score_that_is_no_number_is_rejected(scorer, trips, monkeypatch):
    real = scorer.model.predict

    def sometimes_infinite(features):
        scores = real(features).copy()
        scores[[2, 4]] = [np.nan, np.inf]
        return scores

    monkeypatch.setattr(scorer.model, "predict", sometimes_infinite)
    scored, rows, rejections = scorer.score_rows(trips.slice(0, 6))
    assert rows.tolist() == [0, 1, 3, 5]
    assert [(one.row, one.reason) for one in rejections] == [(2, Reason.BAD_OUTPUT), (4, Reason.BAD_OUTPUT)]
    assert len(scored.scores) == 4


def test_lost_row_is_an_error(scorer, trips, monkeypatch):
    monkeypatch.setattr(scorer.model, "predict", lambda features: np.zeros(len(features) - 1, np.float32))
    with pytest.raises(OnegraphError, match=r"5 rows in, scores of shape \(4,\) out, wanted \(5,\)"):
        scorer.score(trips.slice(0, 5))


def test_what_is_wrong_with_all_rows_is_raised(scorer, trips):
    with pytest.raises(InputError, match="column 'fare' is missing"):
        scorer.score_rows(trips.slice(0, 100).drop_columns(["fare"]))


def test_golden_rows(scorer, tmp_path):
    rows, wanted = golden.read_golden(scorer.path / "golden")
    assert rows.num_rows == golden.ROWS >= 100
    assert rows.schema == scorer.schema.arrow_schema
    assert len(np.unique(wanted.scores)) > 20
    assert rows.column("company").null_count
    assert golden.replay_golden(scorer, scorer.path / "golden")[0].equals(rows)
    golden.write_golden(scorer, rows, tmp_path)
    assert (tmp_path / golden.FILE).read_bytes() == (scorer.path / "golden" / golden.FILE).read_bytes()


def test_golden_rows_are_the_same_for_the_same_statistics(scorer):
    statistics = (scorer.path / "statistics" / "train.pb").read_bytes()
    assert golden.choose_rows(scorer, statistics).equals(golden.choose_rows(scorer, statistics))
    without = golden.choose_rows(scorer, b"")
    assert without.num_rows == golden.ROWS
    assert without.column("fare").null_count == 0


def test_golden_difference_names_the_feature(scorer, monkeypatch):
    apply = scorer.graph.apply

    def one_bit_off(batch):
        features = apply(batch).copy()
        features.view(np.int32)[7, scorer.feature_names.index("fare")] ^= 1
        return features

    monkeypatch.setattr(scorer.graph, "apply", one_bit_off)
    with pytest.raises(ArtifactError, match="feature 'fare' differs in 1 of 256 golden rows"):
        golden.replay_golden(scorer, scorer.path / "golden")


def test_golden_file_that_is_none(scorer, tmp_path):
    (tmp_path / golden.FILE).write_bytes(b"no arrow file")
    with pytest.raises(ArtifactError, match="no golden rows"):
        golden.replay_golden(scorer, tmp_path)
