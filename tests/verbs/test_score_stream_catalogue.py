"""The catalogue of bad messages, as bytes through the stream's own path: decode, validate, score, what is written.

One row each; what is not here has its row elsewhere: timestamps, decompression bombs, codecs and headers of batches
with the reader, killed processes in `tests/verbs/test_score_stream_deadly.py`.
"""

import copy
import json
import logging

import numpy as np
import pytest

from beam_jobs.batch.event_files import json_events
from beam_jobs.stream.events import EventBatch
from beam_jobs.stream.score.breaker import BreakerSettings, TooManyRejected
from beam_jobs.stream.score.event_scoring import EventScorer
from beam_jobs.stream.score.formats import Formats
from beam_jobs.stream.score.guarded_scoring import GuardedScoring, Judged
from beam_jobs.stream.value_format import ValueFormat
from models.registry.registry import Registry
from models.scoring.scorer import Scorer
from schemas.column import Kind
from schemas.errors import OnegraphError
from schemas.rejection import Reason
from schemas.schema import SERVING
from tests.support.present import present
from tests.support.stream_jobs import stream_job

CANARY = "Canary-4711"
PASS = "PASS"


@pytest.fixture(scope="module")
def scorer(registry):
    return Scorer.load(Registry(registry).champion())


@pytest.fixture(scope="module")
def good(taxi, trips):
    """An event that is scored, as a dict."""
    rows = json_events(trips.slice(0, 50).select(taxi.schema.environment(SERVING).names))
    return max(map(json.loads, rows), key=len)


def batch(values, headers=None, keys=None):
    count = len(values)
    headers = headers or [[] for _ in values]
    keys = keys or [None] * count
    return EventBatch("trips", [0] * count, list(range(count)), [0] * count, keys, list(values), headers, {0: count})


def changed(good, **fields):
    """The good event with some fields changed, or left out where they are `...`."""
    kept = {name: value for name, value in (good | fields).items() if value is not ...}
    return json.dumps(kept).encode()


def raw(good, name, text):
    """The good event with the text of a field's value changed."""
    return changed(good, **{name: "@@"}).replace(b'"@@"', text)


CATALOGUE = {
    "M1 empty": (lambda good: b"", Reason.JSON_SYNTAX, ""),
    "M1 no JSON": (lambda good: b"fare=1", Reason.JSON_SYNTAX, ""),
    "M1 truncated": (lambda good: changed(good)[:-1], Reason.JSON_SYNTAX, ""),
    "M1 garbage behind": (lambda good: changed(good) + b"}", Reason.JSON_SYNTAX, ""),
    "M1 two records": (lambda good: changed(good) * 2, Reason.JSON_SYNTAX, ""),
    "M2 deep arrays": (lambda good: raw(good, "more", b"[" * 100 + b"]" * 100), Reason.JSON_DEPTH, ""),
    "M2 a million deep": (lambda good: b"[" * 1_000_000, Reason.JSON_DEPTH, ""),
    "M2 at the limit": (lambda good: raw(good, "more", b"[" * 63 + b"]" * 63), PASS, ""),
    "M3 key twice": (lambda good: changed(good)[:-1] + b', "fare": 1}', Reason.JSON_DUP_KEY, "/fare"),
    "M3 unknown key twice": (lambda good: changed(good, x=1)[:-1] + b', "x": 2}', Reason.JSON_DUP_KEY, ""),
    "M4 NaN": (lambda good: raw(good, "fare", b"NaN"), Reason.NUM_NONFINITE, "/fare"),
    "M4 Infinity": (lambda good: raw(good, "fare", b"-Infinity"), Reason.NUM_NONFINITE, "/fare"),
    "M4 1e400": (lambda good: raw(good, "fare", b"1e400"), Reason.NUM_NONFINITE, "/fare"),
    "M4 too large for float32": (lambda good: raw(good, "fare", b"1e39"), Reason.NUM_NONFINITE, "/fare"),
    "M5 beyond int64": (lambda good: changed(good, trip_start_hour=2**63), Reason.INT_RANGE, "/trip_start_hour"),
    "M5 5,000 digits": (lambda good: raw(good, "trip_start_hour", b"9" * 5_000), Reason.INT_RANGE, "/trip_start_hour"),
    "M6 text for a number": (lambda good: changed(good, fare="1"), Reason.TYPE, "/fare"),
    "M6 bool for an int": (lambda good: changed(good, trip_start_hour=True), Reason.TYPE, "/trip_start_hour"),
    "M6 real for an int": (lambda good: changed(good, trip_start_hour=1.0), Reason.TYPE, "/trip_start_hour"),
    "M6 number for text": (lambda good: changed(good, payment_type=1), Reason.TYPE, "/payment_type"),
    "M6 object for a number": (lambda good: changed(good, fare={"value": 1}), Reason.TYPE, "/fare"),
    "M6 no object": (lambda good: b"[1]", Reason.TYPE, ""),
    "M7 missing": (lambda good: changed(good, fare=...), Reason.REQUIRED, "/fare"),
    "M7 null": (lambda good: changed(good, fare=None), Reason.REQUIRED, "/fare"),
    "M7 optional missing": (lambda good: changed(good, company=...), PASS, ""),
    "M7 out of range": (lambda good: changed(good, fare=-1), Reason.RANGE, "/fare"),
    "M8 unknown field": (lambda good: changed(good, nobody_knows={"a": [1]}), PASS, ""),
    "M9 unseen category": (lambda good: changed(good, company="nobody's cabs"), PASS, ""),
    "M10 invalid UTF-8": (lambda good: raw(good, "company", b'"\xff"'), Reason.ENCODING, ""),
    "M10 lone surrogate": (lambda good: raw(good, "company", b'"\\ud800"'), Reason.ENCODING, "/company"),
    "M10 NUL": (lambda good: raw(good, "company", b'"\\u0000"'), Reason.ENCODING, "/company"),
    "M10 raw NUL": (lambda good: changed(good) + b"\0", Reason.ENCODING, ""),
    "M10 byte order mark": (lambda good: b"\xef\xbb\xbf" + changed(good), Reason.ENCODING, ""),
    "M10 UTF-16": (lambda good: changed(good).decode().encode("utf-16"), Reason.ENCODING, ""),
    "M11 over 1 MiB": (lambda good: changed(good) + b" " * (1 << 20), Reason.TOO_LARGE, ""),
    "M12 tombstone": (lambda good: None, Reason.TOMBSTONE, ""),
    "M14 field added and order changed": (
        lambda good: json.dumps(dict(reversed((good | {"new": 1}).items()))).encode(), PASS, "",
    ),
    "M14 field renamed": (
        lambda good: changed({("Fare" if name == "fare" else name): value for name, value in good.items()}),
        Reason.REQUIRED, "/fare",
    ),
}  # fmt: skip


def test_every_row_ends_as_the_catalogue_says_in_company_and_alone(scorer, good):
    values = [make(good) for make, _, _ in CATALOGUE.values()]
    theirs = [[("a", b"\xff"), ("a", None)] for _ in values]
    whole, rejections = EventScorer(scorer).score(batch(values, theirs))
    found = {one.row: (one.reason, one.path) for one in rejections}
    wanted = {row: what[1:] for row, what in enumerate(CATALOGUE.values()) if what[1] != PASS}
    names = list(CATALOGUE)
    assert {names[row]: end for row, end in found.items()} == {names[row]: end for row, end in wanted.items()}
    assert whole.rejected.values == [values[row] for row in wanted]
    assert [headers[:2] for headers in present(whole.rejected.headers)] == [theirs[row] for row in wanted]
    assert [present(dict(headers)["onegraph.reason"]).decode() for headers in present(whole.rejected.headers)] == [
        reason for reason, _ in wanted.values()
    ]
    assert len(whole.predictions) == len(values) - len(wanted)
    for row, value in enumerate(values):
        _, alone = EventScorer(scorer).score(batch([value]))
        assert [(one.reason, one.path) for one in alone] == ([wanted[row]] if row in wanted else []), names[row]


def test_m1_every_truncation_is_rejected(scorer, good):
    value = changed(good)
    values = [value[:length] for length in range(len(value))]
    outcome, rejections = EventScorer(scorer).score(batch(values))
    assert {one.reason for one in rejections} == {Reason.JSON_SYNTAX}
    assert outcome.rejected.values == values


def test_m13_avro_frames(scorer, tmp_path):
    kinds = {Kind.FLOAT: "double", Kind.INT: "long", Kind.BYTES: "string"}
    fields = [{"name": column.name, "type": ["null", kinds[column.kind]]} for column in scorer.schema.columns]
    writer = tmp_path / "trip.avsc"
    writer.write_text(json.dumps({"type": "record", "name": "Trip", "fields": fields}))
    nothing = b"\0" * len(fields)
    for name, head, bad in (
        ("avro", b"", [b"\x09"]),
        ("avro-confluent", b"\0\0\0\0\x11", [b"\x01\0\0\0\x11", b"\0\0\0", b"\0\0\0\0\x12", b""]),
    ):
        values = [head + nothing, *(one + nothing for one in bad if one), head + nothing + b"\0", head[:-1]]
        file = f"17={writer}" if name == "avro-confluent" else str(writer)
        _, rejections = EventScorer(scorer, formats=Formats(values=ValueFormat(name, (file,)))).score(batch(values))
        assert rejections[0].reason is Reason.REQUIRED, "read, and found to have no field"
        assert [one.reason for one in rejections[1:]] == [Reason.AVRO_FRAME] * (len(values) - 1)


def test_m19_m20_records_that_end_a_process(scorer, good):
    culprits = {0: Reason.NATIVE_CRASH, 2: Reason.TIMEOUT}
    outcome, rejections = EventScorer(scorer).score(batch([changed(good)] * 4), culprits)
    assert {one.row: (one.stage, one.reason) for one in rejections} == {
        row: ("score", reason) for row, reason in culprits.items()
    }
    assert len(outcome.predictions) == 2


class Model:
    """Answers with other scores than the real one."""

    def __init__(self, model, change):
        self._model, self._change = model, change

    def __getattr__(self, name):
        return getattr(self._model, name)

    def predict(self, features, *more):
        return self._change(features, self._model.predict(features, *more))


def with_model(scorer, change):
    other = copy.copy(scorer)
    other.model = Model(scorer.model, change)
    return other


def test_m21_a_score_that_is_no_number_is_rejected_alone(scorer, good):
    def change(features, scores):
        scores = np.array(scores, np.float32)
        scores[: len(scores) // 2] = [np.nan, np.inf][: len(scores) // 2]
        return scores

    outcome, rejections = EventScorer(with_model(scorer, change)).score(batch([changed(good)] * 4))
    assert [(one.row, one.stage, one.reason) for one in rejections] == [
        (0, "score", Reason.BAD_OUTPUT),
        (1, "score", Reason.BAD_OUTPUT),
    ]
    assert len(outcome.predictions) == 2


def test_m21_fewer_scores_than_rows_stop_the_job(scorer, good):
    def change(features, scores):
        return scores[:-1] if len(features) > 1 else scores  # row by row nobody would see it

    with pytest.raises(
        OnegraphError, match=r"3 rows in, scores of shape \(2,\) out, wanted \(3,\); stop and look at the bundle"
    ):
        EventScorer(with_model(scorer, change)).score(batch([changed(good)] * 3))


def test_no_value_of_a_record_is_in_our_headers_or_the_log_or_an_error(scorer, good, caplog):
    caplog.set_level(logging.DEBUG)
    text = CANARY.encode()
    values = [
        changed(good, company=CANARY, fare=-1),
        changed(good, company=CANARY, fare=CANARY),
        changed(good, company=CANARY, payment_type=...),
        changed(good, company=CANARY)[:-1],
        changed(good, company=CANARY)[:-1] + b', "' + text + b'": 1, "' + text + b'": 2}',
        raw(good, "company", b'"' + text + b'\\ud800"'),
        text,
        text + b"\xff",
        changed(good, company=CANARY * 200_000),
        b'{"' + text + b'": ' + b"[" * 100,
        changed(good, company=CANARY),
        changed(good, company=CANARY),
    ]
    keys = [text] * len(values)
    one = EventScorer(scorer, prediction_bytes=50)
    guarded = GuardedScoring(stream_job(), BreakerSettings("stop", 0.05, 10))
    events = batch(values, keys=keys)
    outcome, rejections = one.score(events, {10: Reason.NATIVE_CRASH})
    assert len(rejections) == len(values)
    try:
        with pytest.raises(TooManyRejected) as caught:
            guarded.scored(events, lambda _: Judged(outcome, rejections, 1), lambda: 1)
    finally:
        guarded.close()
    shown = [header for headers in present(outcome.rejected.headers) for header in headers]
    assert shown
    assert [name for name, value in shown if text in name.encode() or text in present(value)] == []
    assert CANARY not in caplog.text
    assert CANARY not in str(caught.value)
    assert CANARY not in repr(rejections)
