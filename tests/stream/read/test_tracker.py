"""The reader's restriction: whatever is claimed and split, no offset is lost and none is read twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.stream.read.tracker import END_HERE, NewPartitions, Span, SpanCoder, SpanTracker

offsets = st.integers(0, 2**40)


@st.composite
def spans(draw, bounded=None):
    start = draw(st.dictionaries(st.integers(0, 300), offsets, min_size=1, max_size=5))
    if not (draw(st.booleans()) if bounded is None else bounded):
        return Span(start)
    return Span(start, {partition: first + draw(st.integers(0, 50)) for partition, first in start.items()})


@st.composite
def steps(draw, span):
    """What a reader and a runner may do: claims that go on, checkpoints, splits that the tracker must refuse."""
    moves = []
    for _ in range(draw(st.integers(0, 12))):
        kind = draw(st.sampled_from(["claim", "claim", "claim", "grow", "checkpoint", "refused split", "end"]))
        move = None
        if kind == "claim":
            partitions = draw(st.lists(st.integers(0, len(span.start) + 3), unique=True))
            move = {partition: draw(st.integers(0, 30)) for partition in partitions}
        elif kind == "grow":
            move = draw(st.dictionaries(st.integers(301, 310), offsets, max_size=3))
        elif kind == "refused split":
            move = draw(st.floats(0.01, 1))
        moves.append((kind, move))
    return moves


@given(st.data())
def test_every_offset_is_claimed_once_or_in_the_residual(data):
    span = data.draw(spans())
    tracker, begin, at, residual = SpanTracker(span), dict(span.start), dict(span.start), None
    for kind, move in data.draw(steps(span)):
        if kind == "claim":
            known = sorted(at)
            wanted = {known[place]: at[known[place]] + add for place, add in move.items() if place < len(known)}
            if tracker.try_claim(wanted):
                assert residual is None or all(wanted[p] == at[p] for p in wanted), "claimed after a checkpoint"
                at.update(wanted)
        elif kind == "grow":
            new = {partition: start for partition, start in move.items() if partition not in at}
            if tracker.try_claim(NewPartitions(new)):
                assert residual is None
                assert span.stop is None, "grew although its end is known"
                begin.update(new)
                at.update(new)
            else:
                assert residual is not None or span.stop is not None
        elif kind == "checkpoint":
            split = tracker.try_split(0)
            if split is not None:
                assert residual is None, "split twice"
                primary, residual = split
                assert primary == Span(begin, at) == tracker.current_restriction()
                assert residual == Span(at, span.stop)
        elif kind == "refused split":
            assert tracker.try_split(move) is None
        else:
            assert tracker.try_claim(END_HERE) is False
            if residual is None:
                residual = Span(at, span.stop)
    if residual is None:
        assert tracker.current_restriction() == Span(begin, span.stop)
        assert all(at[p] <= span.stop[p] for p in at) if span.stop else True
    else:
        assert residual.start == at
        tracker.check_done()


@given(spans(bounded=True))
def test_done_exactly_at_the_stop(span):
    tracker = SpanTracker(span)
    for partition, stop in span.stop.items():
        if tracker._next[partition] < stop:
            with pytest.raises(ValueError, match="neither deferred nor at the end"):
                tracker.check_done()
        assert tracker.try_claim({partition: stop})
    assert tracker.check_done()
    assert tracker.try_split(0) is None
    assert not tracker.try_claim({partition: stop + 1})


@given(spans())
def test_a_claim_behind_the_stop_claims_nothing(span):
    tracker = SpanTracker(span)
    assert tracker.try_split(0) is None if span.stop == span.start else tracker.try_split(0) is not None
    behind = {partition: offset + 1 for partition, offset in span.start.items()}
    assert not tracker.try_claim(behind)
    assert tracker.current_progress().completed_work == 0
    assert tracker.check_done()


def test_claims_go_forward_in_known_partitions_only():
    tracker = SpanTracker(Span({0: 5}))
    with pytest.raises(ValueError, match="claim of 4 after 5"):
        tracker.try_claim({0: 4})
    with pytest.raises(ValueError, match="partition 1 is not"):
        tracker.try_claim({1: 9})
    with pytest.raises(ValueError, match="neither deferred"):
        tracker.check_done()


def test_a_committed_offset_behind_the_end_leaves_nothing_to_read():
    assert SpanTracker(Span({0: 9}, {0: 7})).check_done()


@given(spans())
def test_the_coder_returns_what_it_was_given(span):
    coder = SpanCoder()
    assert coder.decode(coder.encode(span)) == span


@given(spans())
def test_equal_spans_are_equal_bytes(span):
    backwards = Span(dict(reversed(span.start.items())), span.stop and dict(reversed(span.stop.items())))
    assert SpanCoder().encode(backwards) == SpanCoder().encode(span)
    assert SpanCoder().is_deterministic()


@pytest.mark.parametrize("span", [Span({}), Span({}, {})])
def test_a_group_that_waits_for_its_first_partition_stays_what_it_is(span):
    assert SpanCoder().decode(SpanCoder().encode(span)) == span
    assert SpanTracker(span)._done() is (span.stop is not None)


def test_a_partition_is_added_once():
    tracker = SpanTracker(Span({0: 5}))
    assert tracker.try_claim(NewPartitions({1: 7}))
    with pytest.raises(ValueError, match=r"partitions \[1\] are in this restriction already"):
        tracker.try_claim(NewPartitions({1: 7, 2: 0}))
    assert tracker.try_claim({1: 9})
    assert tracker.try_split(0) == (Span({0: 5, 1: 7}, {0: 5, 1: 9}), Span({0: 5, 1: 9}))
    assert not tracker.try_claim(NewPartitions({2: 0}))


def test_bytes_of_version_1_stay_readable():
    assert SpanCoder().encode(Span({0: 7, 3: 300}, {0: 9, 3: 301})) == bytes.fromhex("010200070a03ac02ae02")
    with pytest.raises(ValueError, match="version 2"):
        SpanCoder().decode(b"\x02\x00")
