"""Why rows failed is in the log by kind and place, now and then, and never with a value."""

import logging
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from models.live.serving import Serving
from models.registry.registry import Registry
from models.scoring.causes import Causes, where_raised
from models.scoring.scorer import RowsDiffer, Scorer
from models.use_case import find
from models.variants.variants import Variants
from schemas.errors import InputError

SECRET = "only-this-row-has-it"


@pytest.fixture
def scorer(registry):
    return Scorer.load(Registry(registry).champion())


def failing_graph(batch):
    to_number = tf.function(lambda text: tf.strings.to_number(text, name="amount_of"))
    return to_number(tf.constant([f"{SECRET} {{{{node {SECRET}}}}} [[{SECRET}]] [Op:{SECRET}]"])).numpy()


def test_a_failure_in_a_graph_is_named_by_its_node_and_never_by_what_its_text_quotes():
    with pytest.raises(tf.errors.InvalidArgumentError, match=SECRET) as caught:
        failing_graph(None)
    assert where_raised(caught.value) == "InvalidArgumentError at node amount_of"


def test_other_failures_are_named_by_file_and_line():
    with pytest.raises(ValueError, match=SECRET) as caught:
        float(SECRET)
    assert where_raised(caught.value).startswith("ValueError at scoring/test_causes.py:")


@pytest.mark.parametrize("folder", ["models", "beam_jobs", "models/private"])
def test_a_file_of_others_is_named_with_its_folder_alone(folder: str, tmp_path: pathlib.Path) -> None:
    """Whatever the folders above it are called: only what stands in our distribution is ours."""
    file = tmp_path / folder / "of_a_person" / "lib" / "parse.py"
    with pytest.raises(ValueError, match=SECRET) as caught:
        exec(compile(f"float({SECRET!r})", str(file), "exec"))
    assert where_raised(caught.value) == "ValueError at lib/parse.py:1"


def test_a_file_of_ours_is_named_from_its_layer_on() -> None:
    with pytest.raises(InputError) as caught:
        find("no-such-case")
    assert where_raised(caught.value).startswith("InputError at models/use_case_files.py:")


def test_each_cause_is_told_the_1st_10th_and_100th_time(caplog):
    causes = Causes("b1")
    for _ in range(150):
        causes.tell("a row has no score", ValueError(SECRET))
        causes.tell("a row has no score", OSError(SECRET))
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        f"bundle b1: a row has no score: {kind}, time {times}"
        for times in (1, 10, 100)
        for kind in ("ValueError", "OSError")
    ]


def test_causes_are_told_apart_up_to_a_number(caplog):
    causes = Causes("b1")
    for number in range(1_000):
        causes.tell("a row has no score", type(f"Kind{number}", (Exception,), {})())
    assert len(caplog.records) == 100 + 3, "a hundred kinds, and the others the 1st, 10th and 100th time"


@pytest.mark.parametrize("part", ["graph", "model"])
def test_rows_that_fail_say_why_in_the_log(scorer, trips, monkeypatch, caplog, part):
    if part == "graph":
        monkeypatch.setattr(scorer.graph, "apply", failing_graph)
    else:
        monkeypatch.setattr(scorer.model, "predict", failing_graph)
    _, rows, rejections = scorer.score_rows(trips.slice(0, 10))
    assert (len(rows), len(rejections)) == (0, 10)
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    what = "features" if part == "graph" else "score"
    assert [line.split(": ", 1)[1] for line in said if what in line] == [
        f"a row has no {what}: InvalidArgumentError at node amount_of, time {times}" for times in (1, 10)
    ]
    assert SECRET not in caplog.text


@pytest.mark.parametrize("what", ["features", "scores"])
def test_a_shadow_that_fails_as_a_whole_says_why_in_the_log(scorer, trips, monkeypatch, caplog, what):
    shadow = Scorer.load(scorer.path)
    shadow.bundle_id = "another"
    monkeypatch.setattr(shadow.graph, "fingerprint", "another")
    if what == "features":
        monkeypatch.setattr(shadow.graph, "apply", failing_graph)
        monkeypatch.setattr(shadow.graph, "check_columns", failing_graph)
    else:
        monkeypatch.setattr(shadow.model, "predict", lambda features: np.zeros(1, np.float32))
    variants = Variants(scorer.bundle_id).with_shadow("another")
    serving = Serving(1, variants, {scorer.bundle_id: scorer, "another": shadow})
    (lane,) = serving.lanes
    parts = list(lane.score(trips.slice(0, 5), np.zeros(5, np.int64)))
    assert [len(part.rows) for part in parts] == [5, 0]
    wanted = (
        "InvalidArgumentError at node amount_of" if what == "features" else "RowsDiffer at models/scoring/scorer.py:"
    )
    assert any(f"a shadow has no {what} for a batch: {wanted}" in line.getMessage() for line in caplog.records)
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("part", "made"),
    [
        ("features", lambda features: features[:, 1:]),
        ("features", lambda features: features[1:]),
        ("features", lambda features: features[:, :, None]),
        ("scores", lambda scores: scores[:, None]),
        ("scores", lambda scores: scores[1:]),
    ],
)
def test_features_and_scores_of_another_shape_stop_whoever_scores(scorer, trips, monkeypatch, part, made):
    whole, name = (scorer.graph, "apply") if part == "features" else (scorer.model, "predict")
    real = getattr(whole, name)
    monkeypatch.setattr(whole, name, lambda given: made(real(given)))
    with pytest.raises(RowsDiffer, match=f"5 rows in, {part} of shape "):
        scorer.score_rows(trips.slice(0, 5))
