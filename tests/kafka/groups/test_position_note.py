"""What is kept beside a committed offset: it reads back as it was, and nothing that others write there is an error."""

import dataclasses
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from beam_jobs.kafka.groups.position_note import Lease, Note

LEASE = Lease(token="t", number=3, job="score_stream-1-1", host="here", machine="m", pid=7, began=9)
numbers = st.integers(0, 2**31)
texts = st.text(max_size=60)
leases = st.builds(
    Lease, token=texts, number=numbers, job=texts, host=texts, machine=texts, pid=st.none() | numbers,
    began=st.none() | numbers, free=st.booleans(),
)  # fmt: skip

foreign = st.recursive(st.none() | st.integers() | texts, lambda inner: st.dictionaries(texts, inner))


@given(st.none() | texts, st.frozensets(st.integers(0, 300)), st.none() | leases)
def test_a_note_reads_back_as_it_was(topic_id, partitions, lease):
    note = Note(topic_id=topic_id, partitions=partitions, lease=lease, beat=0 if lease is None else 5)
    assert Note.read(note.text()) == note


@given(
    st.text()
    | st.recursive(st.none() | st.integers() | texts, lambda inner: st.dictionaries(texts, inner)).map(json.dumps)
)
@example("")
@example(None)
@example('"a text"')
@example("[" * 4_000)
@example('{"onegraph":true}')
def test_what_others_write_is_read_as_nothing_known(text):
    assert Note.read(text) == Note()


@pytest.mark.parametrize("field", [*(one.name for one in dataclasses.fields(Lease)), None])
def test_what_is_ours_and_broken_is_read_as_nothing_known(field):
    told = json.loads(Note(topic_id="a", partitions=frozenset({0}), lease=LEASE).text())
    if field is None:
        told["partitions"] = "0-x"
    else:
        told["lease"][field] = [1]
    assert Note.read(json.dumps(told)) == Note()


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.sampled_from(["0-3000000", "5-2", "0-1,-4"]),
    lambda inner: st.dictionaries(texts, inner) | st.lists(inner),
)
lease_like = st.fixed_dictionaries({}, optional={one.name: values | texts for one in dataclasses.fields(Lease)})
fields = {"topic": values, "partitions": values | st.text("0123456789,-"), "beat": values, "lease": values | lease_like}
ours_like = st.fixed_dictionaries({"onegraph": st.just(1)}, optional=fields)


@given(st.text() | values.map(json.dumps) | ours_like.map(json.dumps))
@example('{"onegraph":1,"beat":1e999}')
@example('{"onegraph":1,"beat":NaN}')
@example('{"onegraph":1,"partitions":"0-3000000"}')
@example('{"onegraph":1,"partitions":"1000000"}')
@example('{"onegraph":1,"partitions":"5-2"}')
@example('{"onegraph":1,"partitions":{"0":1}}')
@example('{"onegraph":' + "9" * 5_000 + "}")
def test_whatever_stands_there_is_read_without_an_error(text):
    note = Note.read(text)
    assert type(note.beat) is int
    assert all(0 <= partition < 1_000_000 for partition in note.partitions)
    assert Note.read(note.text()) == (note if note.lease else dataclasses.replace(note, beat=0))


@pytest.mark.parametrize("told", ["0-3000000", "1000000", "5-2", "0-1,-4"])
def test_partitions_that_cannot_be_are_read_as_nothing_known(told):
    assert Note.read(json.dumps({"onegraph": 1, "topic": "a", "partitions": told})) == Note()


def test_a_later_version_s_additions_are_passed_over():
    told = json.loads(Note(topic_id="a", lease=LEASE, beat=2).text())
    told |= {"onegraph": 2, "more": {}, "lease": told["lease"] | {"more": 1}}
    assert Note.read(json.dumps(told)) == Note(topic_id="a", lease=LEASE, beat=2)


def test_it_stays_below_what_a_broker_keeps():
    long = dataclasses.replace(LEASE, host="h" * 255, job="j" * 63)
    note = Note(topic_id="i" * 36, partitions=frozenset(range(0, 20_000, 2)), lease=long, beat=2**40)
    assert len(note.text()) < 4_096
    assert Note.read(note.text()).partitions < note.partitions, "what is not told counts as not known"
