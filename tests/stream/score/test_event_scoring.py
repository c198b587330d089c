"""Every event ends exactly once, as prediction or as rejected record; no bytes are lost on the way."""

import json
import re
import types
from typing import Any

import numpy as np
import pytest

from beam_jobs.batch.event_files import json_events
from beam_jobs.monitoring import measures
from beam_jobs.stream.events import EventBatch
from beam_jobs.stream.faults import counted
from beam_jobs.stream.score import event_scoring
from beam_jobs.stream.score.event_policy import EventPolicy
from beam_jobs.stream.score.event_scoring import EventScorer
from beam_jobs.stream.score.formats import Formats
from beam_jobs.stream.score.predicted import check_complete
from beam_jobs.stream.step_watch import BatchWatch, Unwatched
from models.live.serving import Serving
from models.registry.registry import Registry
from models.scoring.explanation import Explanation
from models.scoring.scorer import Scorer
from models.variants.variants import Variants
from schemas.errors import OnegraphError
from schemas.personal.treatments import Treatments
from schemas.rejection import Reason, Stage
from schemas.schema import SERVING, Schema
from tests.support.present import present


@pytest.fixture(scope="module")
def scorer(registry):
    return Scorer.load(Registry(registry).champion())


@pytest.fixture(scope="module")
def good(taxi, trips):
    return json_events(trips.slice(0, 12).select(taxi.schema.environment(SERVING).names))


def batch_of(values, keys=None, headers=None):
    count = len(values)
    return EventBatch(
        topic="trips",
        partitions=[row % 2 for row in range(count)],
        offsets=[100 + row // 2 for row in range(count)],
        timestamps_ms=[1_000 + row for row in range(count)],
        keys=keys or [b"key-%d" % row for row in range(count)],
        values=list(values),
        headers=headers or [[] for _ in range(count)],
        next_offsets={0: 200, 1: 200},
    )


def test_predictions_are_in_order_and_name_their_event(scorer, good, trips):
    outcome, rejections = EventScorer(scorer).score(batch_of(good))
    assert not rejections
    assert not len(outcome.rejected)
    found = [json.loads(present(value)) for value in outcome.predictions.values]
    assert [one["id"] for one in found] == [f"trips/{row % 2}/{100 + row // 2}" for row in range(12)]
    wanted = scorer.score(trips.slice(0, 12)).scores
    assert np.array([one["score"] for one in found], np.float32).tobytes() == wanted.tobytes()
    assert outcome.predictions.keys == [b"key-%d" % row for row in range(12)]
    assert outcome.next_offsets == {0: 200, 1: 200}


def test_predictions_get_the_named_headers_and_no_others(scorer, good):
    headers = [[("traceparent", b"00-\xff"), ("secret", b"1"), ("traceparent", None)], *[[] for _ in good[1:]]]
    events = batch_of(good, headers=headers)
    policy = EventPolicy(pass_headers=("traceparent", "baggage"))
    outcome, _ = EventScorer(scorer, policy=policy).score(events)
    passed = present(outcome.predictions.headers)
    assert passed[0] == [("traceparent", b"00-\xff"), ("traceparent", None)]
    assert passed[1:] == [[] for _ in good[1:]]
    assert EventScorer(scorer).score(events)[0].predictions.headers is None
    headers[3] = [("baggage", b"x" * 2_000)]
    outcome, rejections = EventScorer(scorer, policy=policy, prediction_bytes=1_000).score(
        batch_of(good, headers=headers)
    )
    assert [(one.row, one.reason) for one in rejections] == [(3, Reason.OUT_TOO_LARGE)]
    assert len(present(outcome.predictions.headers)) == len(outcome.predictions) == 11


def test_bad_events_are_rejected_alone_and_byte_for_byte(scorer, good):
    bad = {
        1: (b'{"fare": ', Reason.JSON_SYNTAX, "decode", ""),
        3: (None, Reason.TOMBSTONE, "decode", ""),
        4: (b"\xff\xfe{}", Reason.ENCODING, "decode", ""),
        6: (good[6].replace(b'"fare":', b'"fare":-'), Reason.RANGE, "validate", "/fare"),
        11: (b"{}", Reason.REQUIRED, "validate", None),
    }
    values = [bad[row][0] if row in bad else value for row, value in enumerate(good)]
    theirs = [[("a", None), ("a", b"\xff"), ("traceparent", b"00-1")] if row % 2 else [] for row in range(12)]
    events = batch_of(values, [None if row == 3 else b"\x00%d" % row for row in range(12)], theirs)
    outcome, rejections = EventScorer(scorer).score(events)
    assert [one.row for one in rejections] == list(bad)
    assert outcome.rejected.values == [value for value, *_ in bad.values()]
    assert outcome.rejected.keys == [events.keys[row] for row in bad]
    assert outcome.rejected.timestamps_ms == [1_000 + row for row in bad]
    assert outcome.rejected.source_partitions == [row % 2 for row in bad]
    for row, headers in zip(bad, present(outcome.rejected.headers), strict=True):
        _, reason, stage, path = bad[row]
        before, ours = headers[: len(theirs[row])], dict(headers[len(theirs[row]) :])
        assert before == theirs[row]
        assert list(ours) == [f"onegraph.{name}" for name in ("reason", "stage", "path", "source", "bundle", "attempt")]
        assert ours["onegraph.reason"] == reason.value.encode()
        assert ours["onegraph.stage"] == stage.encode()
        assert path is None or ours["onegraph.path"] == path.encode()
        assert ours["onegraph.source"] == b"trips/%d/%d" % (row % 2, 100 + row // 2)
        assert ours["onegraph.bundle"] == scorer.bundle_id.encode()
        assert ours["onegraph.attempt"] == b"1"
    assert len(outcome.predictions) == 12 - len(bad)


@pytest.mark.parametrize("bad", [[2], [0, 5, 11], list(range(12))])
def test_what_fails_after_scoring_costs_its_own_event(scorer, good, trips, monkeypatch, bad):
    """As contributions did for an infinite feature: the library refuses the whole batch for one row."""
    fares = scorer.score(trips.slice(0, 12)).features[:, scorer.feature_names.index("fare")]
    assert len(set(fares.tolist())) == 12
    real, refused = scorer.model.contributions, set(fares[bad].tolist())

    def contributions(features):
        if refused & set(features[:, scorer.feature_names.index("fare")].tolist()):
            raise ValueError("Check failed: valid: Input data contains `inf`")
        return real(features)

    monkeypatch.setattr(scorer.model, "contributions", contributions)
    outcome, rejections = EventScorer(scorer, formats=Formats(explanation=Explanation(2))).score(batch_of(good))
    assert [(one.row, one.stage, one.reason) for one in rejections] == [
        (row, Stage.WRITE, Reason.BAD_OUTPUT) for row in bad
    ]
    assert outcome.rejected.values == [good[row] for row in bad]
    monkeypatch.undo()
    whole, _ = EventScorer(scorer, formats=Formats(explanation=Explanation(2))).score(batch_of(good))
    assert outcome.predictions.values == [whole.predictions.values[row] for row in range(12) if row not in bad]


def test_the_same_events_alone_or_in_company_are_the_same_bytes(scorer, good):
    together = EventScorer(scorer).score(batch_of(good))[0].predictions.values
    alone = []
    for row in range(12):
        events = batch_of(good)
        part = EventBatch(
            "trips",
            [events.partitions[row]],
            [events.offsets[row]],
            [0],
            [None],
            [good[row]],
            [[]],
            {},
        )
        alone += EventScorer(scorer).score(part)[0].predictions.values
    assert alone == together


def test_culprits_are_rejected_unread_and_the_others_scored(scorer, good):
    bad = {2: Reason.NATIVE_CRASH, 5: Reason.TIMEOUT}
    values = [b"{" if row == 3 else value for row, value in enumerate(good)]
    one = EventScorer(scorer)
    one.probe()(values)
    outcome, rejections = one.score(batch_of(values), bad)
    assert [(found.row, found.stage, found.reason) for found in rejections] == [
        (2, "score", Reason.NATIVE_CRASH),
        (3, "decode", Reason.JSON_SYNTAX),
        (5, "score", Reason.TIMEOUT),
    ]
    assert outcome.rejected.values == [good[2], b"{", good[5]]
    unread = [json.loads(present(value))["id"] for value in outcome.predictions.values]
    assert unread == [f"trips/{row % 2}/{100 + row // 2}" for row in range(12) if row not in (2, 3, 5)]


def test_an_event_that_was_sent_again_says_which_attempt_it_is(scorer):
    headers = [[], [("onegraph.attempt", b"2")], [("onegraph.attempt", b"forged")]]
    outcome, _ = EventScorer(scorer).score(batch_of([b"{"] * 3, headers=headers))
    assert [dict(one)["onegraph.attempt"] for one in present(outcome.rejected.headers)] == [b"1", b"2", b"1"]
    assert [
        one[: len(theirs)] for one, theirs in zip(present(outcome.rejected.headers), headers, strict=True)
    ] == headers


def test_absurd_times_and_headers_are_rejected_with_their_bytes(scorer, good):
    headers = [[], [("n", b"x")] * 10_000, []]
    policy = EventPolicy(earliest_ms=1_001, drop_tombstones=True)
    outcome, rejections = EventScorer(scorer, policy=policy).score(batch_of(good[:3], headers=headers))
    assert [(one.row, one.stage, one.reason) for one in rejections] == [
        (0, Stage.VALIDATE, Reason.TIME_RANGE),
        (1, Stage.VALIDATE, Reason.HEADERS),
    ]
    assert outcome.rejected.values == good[:2]
    assert present(outcome.rejected.headers)[1][:10_000] == headers[1]
    assert len(outcome.predictions) == 1


def test_tombstones_are_dropped_on_request_and_only_they(scorer, good):
    values = [good[0], None, b"{", None]
    outcome, rejections = EventScorer(scorer, policy=EventPolicy(drop_tombstones=True)).score(
        batch_of(values), {3: Reason.TIMEOUT}
    )
    assert len(outcome.predictions) == 1
    assert [(one.row, one.reason) for one in rejections] == [(2, Reason.JSON_SYNTAX), (3, Reason.TIMEOUT)]
    assert outcome.rejected.values == [b"{", None]


def test_a_prediction_too_large_for_its_topic_is_rejected_with_its_event(scorer, good):
    keys = [b"x" * 5_000 if row in (3, 11) else b"%d" % row for row in range(12)]
    values = [b"{" if row == 7 else value for row, value in enumerate(good)]
    outcome, rejections = EventScorer(scorer, prediction_bytes=5_000).score(batch_of(values, keys))
    assert [(one.row, one.stage, one.reason) for one in rejections] == [
        (3, "write", Reason.OUT_TOO_LARGE),
        (7, "decode", Reason.JSON_SYNTAX),
        (11, "write", Reason.OUT_TOO_LARGE),
    ]
    assert (outcome.rejected.values, outcome.rejected.keys) == ([good[3], b"{", good[11]], [keys[3], keys[7], keys[11]])
    ids = [json.loads(present(value))["id"] for value in outcome.predictions.values]
    assert ids == [f"trips/{row % 2}/{100 + row // 2}" for row in range(12) if row not in (3, 7, 11)]
    assert outcome.predictions.keys == [keys[row] for row in range(12) if row not in (3, 7, 11)]


def test_only_bad_events(scorer):
    outcome, rejections = EventScorer(scorer).score(batch_of([b"", b"[]"]))
    assert (len(outcome.predictions), len(outcome.rejected), len(rejections)) == (0, 2, 2)


def test_features_on_request(scorer, good):
    outcome, _ = EventScorer(scorer, formats=Formats(with_features=True)).score(batch_of(good))
    assert list(json.loads(present(outcome.predictions.values[0]))["features"]) == list(scorer.feature_names)


@pytest.mark.parametrize(
    ("scored", "predictions", "rejected"),
    [([0, 1], 1, [2]), ([0, 1], 2, []), ([0, 1], 2, [1]), ([0, 1, 2], 3, [2]), ([0, 0, 1], 3, [])],
    ids=["short predictions", "lost event", "doubled and lost", "twice", "same row twice"],
)
def test_an_event_that_does_not_end_once_stops_the_job(scored, predictions, rejected):
    with pytest.raises(OnegraphError, match="every event must end exactly once"):
        check_complete(3, scored, predictions, rejected)


class Compared(Unwatched):
    """Remembers what shadows thought."""

    def __init__(self):
        self.results = []

    def compared(self, *counts):
        self.results.append(counts)


@pytest.fixture(scope="module")
def many(taxi, trips):
    return json_events(trips.slice(0, 200).select(taxi.schema.environment(SERVING).names))


def test_every_event_is_scored_by_its_variant_and_by_the_shadow(scorers, many):
    first, second, third = scorers
    variants = Variants(first, experiment="autumn").with_challenger(second, 0.4).with_shadow(third)
    keys = [None if row % 5 == 0 else b"key-%d" % row for row in range(200)]
    values = [b"{" if row in (3, 4, 150) else value for row, value in enumerate(many)]
    events, watch = batch_of(values, keys), Compared()
    serving = Serving(1, variants, scorers)
    outcome, rejections = EventScorer(serving, watch=watch, shadow_bytes=1 << 20).score(events)
    names = [key or b"trips/%d/%d" % (row % 2, 100 + row // 2) for row, key in enumerate(keys)]
    wanted = [(first, second)[owner] for owner in variants.deciders().owners(names)]
    alone = {bundle: EventScorer(scorer).score(events)[0].predictions.values for bundle, scorer in scorers.items()}
    good = [row for row in range(200) if row not in (3, 4, 150)]
    roles = {first: b"champion", second: b"challenger", third: b"shadow"}
    told = {
        bundle: [present(line).replace(b"champion", roles[bundle]) for line in lines] for bundle, lines in alone.items()
    }
    assert outcome.predictions.values == [told[wanted[row]][place] for place, row in enumerate(good)]
    assert outcome.shadow.values == told[third]
    assert outcome.shadow.keys == outcome.predictions.keys == [keys[row] for row in good]
    assert {wanted[row] for row in (3, 4, 150)} == {first, second}
    assert [one.row for one in rejections] == [3, 4, 150]
    named = [present(dict(headers)["onegraph.bundle"]).decode() for headers in present(outcome.rejected.headers)]
    assert named == [wanted[row] for row in (3, 4, 150)]
    (counts,) = watch.results
    labels = [json.loads(present(line))["label"] for line in outcome.predictions.values]
    assert counts == (sum(labels), len(good) - sum(labels), 0)


def test_values_are_decoded_once_and_shadows_may_be_only_counted(scorers, many, monkeypatch):
    first, second, third = scorers
    taken = []
    real = event_scoring.take_in

    def counted(values, *more):
        taken.append(len(values))
        return real(values, *more)

    monkeypatch.setattr(event_scoring, "take_in", counted)
    variants = Variants(first).with_challenger(second, 0.4).with_shadow(third)
    scorer = EventScorer(Serving(1, variants, scorers), watch=Compared())
    outcome, _ = scorer.score(batch_of(many))
    assert taken == [200]
    assert (len(outcome.predictions), len(outcome.shadow)) == (200, 0)


def test_a_challenger_of_another_schema_judges_its_own_events(scorers, many, monkeypatch):
    first, second, _ = scorers
    strict = Scorer.load(scorers[second].path)
    text = re.sub(r"max: 10000\b(\.0)?", "max: 10", strict.schema.text(), count=1)
    monkeypatch.setattr(strict, "treatments", Treatments.untouched(Schema.from_text(text)))
    assert strict.treatments.raw.fingerprint != scorers[first].schema.fingerprint
    variants = Variants(first).with_challenger(second, 0.4)
    events = batch_of(many)
    outcome, rejections = EventScorer(Serving(1, variants, {**scorers, second: strict})).score(events)
    owners = variants.deciders().owners(events.keys)
    refused = [one.row for one in rejections]
    assert refused
    assert {owners[row] for row in refused} == {1}
    assert len(outcome.predictions) + len(outcome.rejected) == 200
    assert {json.loads(present(line))["bundle"] for line in outcome.predictions.values} == {first, second}


def _of_company(scorer, tag, monkeypatch):
    """Return the scorer anew, its company the personal key of an event, treated so."""
    made = Scorer.load(scorer.path)
    proto = type(made.schema.proto)()
    proto.CopyFrom(made.schema.proto)
    feature = next(one for one in proto.feature if one.name == "company")
    feature.annotation.tag.extend(["key", tag])
    monkeypatch.setattr(made, "treatments", Treatments.of(Schema(proto)))
    return made


@pytest.mark.parametrize("tag", ["personal:truncate:1", "personal:hidden"])
def test_keys_are_as_each_bundle_treats_them_and_no_shadow_changes_those_of_others(scorers, many, monkeypatch, tag):
    first, _, third = scorers
    keeping = {**scorers, third: _of_company(scorers[third], "personal:truncate:3", monkeypatch)}
    events = batch_of(many)
    serving = Serving(1, Variants(first).with_shadow(third), keeping)
    outcome, _ = EventScorer(serving, watch=Compared(), shadow_bytes=1 << 20).score(events)
    assert outcome.predictions.keys == events.keys
    companies = [json.loads(value).get("company") for value in many]
    assert outcome.shadow.keys == [None if one is None else one[:3].encode() for one in companies]

    treating = Serving(1, Variants(third), {third: _of_company(scorers[third], tag, monkeypatch)})
    found, _ = EventScorer(treating).score(events)
    shown = tag == "personal:truncate:1"
    assert found.predictions.keys == [one[:1].encode() if shown and one is not None else None for one in companies]


def test_shadow_predictions_too_large_are_left_out(scorers, many):
    first, _, third = scorers
    serving = Serving(1, Variants(first).with_shadow(third), scorers)
    outcome, _ = EventScorer(serving, watch=Compared(), shadow_bytes=200).score(batch_of(many))
    assert (len(outcome.predictions), len(outcome.shadow)) == (200, 0)


def test_what_a_failing_shadow_did_not_score_is_counted(scorers, many, monkeypatch):
    first, _, third = scorers
    failing = Scorer.load(scorers[third].path)
    for name, broken in (("fingerprint", "another"), ("check_columns", lambda _: 1 / 0), ("apply", lambda _: 1 / 0)):
        monkeypatch.setattr(failing.graph, name, broken)
    serving, watch = Serving(1, Variants(first).with_shadow(third), {**scorers, third: failing}), Compared()
    outcome, rejections = EventScorer(serving, watch=watch, shadow_bytes=1 << 20).score(batch_of(many))
    assert (len(outcome.predictions), len(outcome.shadow), len(rejections)) == (200, 0, 0)
    assert watch.results == [(0, 0, 200)]


class Clock:
    """Stands still until it is moved."""

    now = 0.0

    def __call__(self):
        return self.now


def test_encoding_is_no_part_of_the_time_of_scoring(scorers, many):
    """A stage's time is its own with several variants too, of which each is scored and encoded before the next."""
    clock = Clock()

    def slow(do, seconds):
        def done(*arguments):
            clock.now += seconds
            return do(*arguments)

        return done

    class SlowFormats(Formats):
        def encoder(self, scorer):
            made = super().encoder(scorer)
            return types.SimpleNamespace(encode_rows=slow(made.encode_rows, 5.0))

    first, second, third = scorers
    slower = {bundle: Scorer.load(scorer.path) for bundle, scorer in scorers.items()}
    for scorer in slower.values():
        model: Any = scorer.model
        scorer.model = types.SimpleNamespace(predict=slow(model.predict, 2.0))
    variants = Variants(first).with_challenger(second, 0.4).with_shadow(third)
    measures.STORE.clear()
    watch = BatchWatch(clock)
    made = EventScorer(Serving(1, variants, slower), formats=SlowFormats(), watch=watch, shadow_bytes=1 << 20)
    watch.start()
    outcome, rejections = made.score(batch_of(many))
    watch.finish(len(many), counted(rejections, made.fields))
    assert len(outcome.predictions) == len(outcome.shadow) == len(many)
    seconds = {one.labels[0]: one.value / len(many) for one in measures.STORE.series("stage_seconds")}
    assert seconds == {"decode": 0, "transform": 0, "score": 6.0, "encode": 15.0}
