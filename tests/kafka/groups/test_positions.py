"""One job at a time commits for a group, and for the topic that it read: leases and notes on a real broker."""

import dataclasses
import itertools
import os
import threading
import time

import kafka
import pytest

from beam_jobs.cli.settings import SkipTo
from beam_jobs.kafka.errors import OffsetsLost
from beam_jobs.kafka.groups import lease as group_lease
from beam_jobs.kafka.groups.lease import TakenOver, new_lease
from beam_jobs.kafka.groups.position_note import Note
from beam_jobs.kafka.groups.positions import GroupPositions
from beam_jobs.kafka.groups.takeover import wait_for_group
from beam_jobs.kafka.kafka_python.consumer import Consumer
from beam_jobs.process import process_identity
from beam_jobs.stream.read.source import ReadSettings, settle_first, settle_start, where_to_begin
from beam_jobs.stream.stream_job import StreamJob
from beam_jobs.verbs import skip_to
from schemas.errors import ServiceError
from tests.support.kafka_records import add_partitions, commit, committed, cut, make_anew, put
from tests.support.present import present
from tests.support.stream_jobs import stream_job
from tests.support.waiting import wait_until

_groups = itertools.count()


class Group:
    """A group on a topic of two partitions with 40 and 0 events; what it starts is closed by the fixture."""

    def __init__(self, broker, topic):
        self.broker, self.topic, self.name = broker, topic, f"group-{next(_groups)}"
        self._open = []

    def source(self, **changes) -> tuple[StreamJob, ReadSettings]:
        return stream_job(self.broker, self.topic, group=self.name), ReadSettings(**changes)

    def job(self, at_once=False, sleep=time.sleep, opened=Consumer, **changes):
        """Begin as a job of another machine does; returns its positions."""
        elsewhere = dataclasses.replace(new_lease(f"job-{len(self._open)}", outlives=True), machine="elsewhere")
        lease = settle_start(*self.source(**changes), elsewhere, at_once, sleep=sleep)
        self._open.append(GroupPositions(self.broker, self.topic, self.name, self.topic_id(), lease, opened))
        return self._open[-1]

    def consumer(self):
        self._open.append(Consumer(self.broker, self.topic, self.name))
        return self._open[-1]

    def topic_id(self):
        return self.consumer().topic_id()

    def notes(self):
        return {p: Note.read(text) for p, (_, text) in self.consumer().committed_notes([0, 1, 2]).items()}

    def offsets(self):
        return committed(self.broker, self.topic, self.name)

    def close(self):
        for one in self._open:
            one.close()


@pytest.fixture
def group(broker, topics):
    made = Group(broker, topics("events", partitions=2))
    put(broker, made.topic, 0, [b"%d" % offset for offset in range(40)])
    yield made
    made.close()


@pytest.fixture
def admin(broker):
    client = kafka.KafkaAdminClient(bootstrap_servers=broker)
    yield client
    client.close()


@pytest.mark.parametrize("start", [{"start": "earliest"}, {"start": "latest"}, {"start": "timestamp", "start_ms": 0}])
def test_every_start_commits_where_all_partitions_begin(group, start):
    group.job(**start)
    assert group.offsets() == {0: 40 if start["start"] == "latest" else 0, 1: 0}
    assert {(note.topic_id, note.partitions, note.lease.number) for note in group.notes().values()} == {
        (group.topic_id(), frozenset({0, 1}), 1)
    }


def test_a_template_says_where_a_new_group_begins_and_takes_none(group):
    settle_first(*group.source(start="latest"))
    assert group.offsets() == {0: 40, 1: 0}
    assert {note.lease for note in group.notes().values()} == {None}
    put(group.broker, group.topic, 0, [b"later"])
    settle_first(*group.source(start="latest"))
    assert group.offsets() == {0: 40, 1: 0}, "it has begun"


def test_a_job_that_was_taken_over_commits_nothing_more(group):
    first = group.job()
    first.commit({0: 5})
    second = group.job(at_once=True)
    assert group.offsets() == {0: 5, 1: 0}
    with pytest.raises(
        TakenOver, match=rf"job job-\d+ on .* has taken over group '{group.name}' of topic '{group.topic}'"
    ):
        first.commit({0: 9})
    second.commit({0: 7})
    with pytest.raises(TakenOver):
        first.commit({1: 0})
    assert group.offsets() == {0: 7, 1: 0}


def test_a_commit_that_slipped_through_does_not_end_who_took_over(group):
    first = group.job()
    first.commit({0: 5})
    late = group.consumer().committed_notes([0])[0][1]
    second = group.job(at_once=True)
    group.consumer().commit({0: 6}, late)
    second.commit({0: 7})
    assert {note.lease.number for note in group.notes().values()} == {2}
    with pytest.raises(TakenOver):
        first.commit({0: 9})


def test_an_idle_job_sees_that_it_was_taken_over(group):
    first = group.job()
    first.commit({0: 5, 1: 0})
    group.job(at_once=True)
    wait_until(lambda: not first._renewer.is_alive(), "the renewal should see it")


def test_what_was_given_back_is_free_at_once_and_who_paused_meanwhile_is_still_taken_over(group):
    paused = group.job()
    second = group.job(at_once=True)
    second.commit({0: 7})
    second.release()
    assert group.offsets() == {0: 7, 1: 0}
    assert wait_for_group(group.consumer(), group.broker, group.topic, group.name) == 2
    with pytest.raises(TakenOver):
        paused.commit({0: 9})
    with pytest.raises(ServiceError, match="was given back"):
        second.commit({0: 9})
    assert group.offsets() == {0: 7, 1: 0}


def test_a_lease_that_moves_is_somebody_s_and_one_that_stands_still_nobody_s(group, monkeypatch):
    monkeypatch.setattr(group_lease, "STILL_S", 60)
    first = group.job()
    first.adopt()
    with pytest.raises(
        ServiceError, match=r"job job-\d+ on .* reads topic .* a second job would score everything twice"
    ):
        group.job()
    first.close()
    monkeypatch.setattr(group_lease, "STILL_S", 2)
    began = time.monotonic()
    group.job()
    assert time.monotonic() - began > group_lease.STILL_S
    assert {note.lease.number for note in group.notes().values()} == {2}


def test_a_process_that_has_ended_on_this_machine_holds_nothing(group):
    dead = os.fork()
    if not dead:
        os._exit(0)
    os.waitpid(dead, 0)
    here = new_lease("job", outlives=False)
    assert not group_lease.is_dead(
        dataclasses.replace(here, pid=os.getppid(), began=process_identity.began(os.getppid()))
    )
    assert group_lease.is_dead(dataclasses.replace(here, pid=os.getppid(), began=1)), "its number was given out again"
    assert group_lease.is_dead(here), "this process holds it no longer"
    group_lease.hold(here)
    assert not group_lease.is_dead(here)
    group_lease.let_go(here)
    gone = dataclasses.replace(here, pid=dead)
    assert group_lease.is_dead(gone)
    assert not group_lease.is_dead(dataclasses.replace(gone, machine="elsewhere"))


@pytest.mark.parametrize("shown", [True, False])
def test_a_live_process_is_not_dead_where_proc_does_not_show_it(monkeypatch, tmp_path, shown):
    """As with hidepid= and ProtectProc=, for the processes of other users."""
    here = dataclasses.replace(new_lease("job", outlives=False), pid=os.getppid())
    here = dataclasses.replace(here, began=present(process_identity.began(os.getppid())))
    if not shown:
        monkeypatch.setattr(process_identity, "_PROC", tmp_path)
    assert not group_lease.is_dead(here)
    assert not group_lease.is_dead(dataclasses.replace(here, began=None)), "when it began is not known"
    monkeypatch.setattr(os, "kill", refuse)
    assert not group_lease.is_dead(here)


def refuse(*_):
    raise PermissionError("of another user")


@pytest.mark.parametrize("began", [1, None])
def test_a_process_that_nobody_has_waited_for_has_ended(began):
    zombie = os.fork()
    if not zombie:
        os._exit(0)
    try:
        wait_until(lambda: process_identity.began(zombie) is None, "its end")
        assert group_lease.is_dead(dataclasses.replace(new_lease("job", outlives=False), pid=zombie, began=began))
    finally:
        os.waitpid(zombie, 0)


@pytest.mark.parametrize("pid", [-1, 0, 2**80])
def test_what_is_no_process_id_is_no_error(pid):
    lease = dataclasses.replace(new_lease("job", outlives=False), pid=pid)
    assert group_lease.is_dead(lease) is (pid == 2**80)  # what cannot be looked up counts as alive


def test_what_was_given_back_is_free_whatever_stands_beside_the_other_partitions():
    lease = new_lease("job", outlives=True)
    free = dataclasses.replace(lease, free=True)
    assert group_lease.latest([free, lease]) == group_lease.latest([lease, free]) == free


def test_who_moved_one_partition_of_an_ended_job_by_hand_has_freed_the_group(group, monkeypatch):
    group.job()
    monkeypatch.setattr(group_lease, "STILL_S", 1)
    skip_to.run(SkipTo(bootstrap_servers=group.broker, topic=group.topic, group=group.name, partition=0, offset=9))
    monkeypatch.setattr(group_lease, "STILL_S", 600)
    group.job()
    assert group.offsets() == {0: 9, 1: 0}


@pytest.mark.needs_time
def test_an_error_that_passes_does_not_end_the_renewal(group):
    scripted: list[Exception] = []

    class Failing(Consumer):
        def committed_notes(self, *arguments):
            if scripted:
                raise scripted.pop()
            return super().committed_notes(*arguments)

    group.job(opened=Failing).commit({0: 5, 1: 0})
    for error in (ServiceError("as scripted"), RuntimeError("as scripted")):
        scripted.append(error)
        wait_until(lambda: not scripted, "a renewal that fails")
        beat = group.notes()[1].beat
        wait_until(lambda: group.notes()[1].beat > beat, "the next one")  # noqa: B023


def test_who_is_told_to_stop_waits_for_nobody(group, monkeypatch):
    monkeypatch.setattr(group_lease, "STILL_S", 600)
    group.job()
    stop = threading.Event()
    threading.Timer(1, stop.set).start()
    with pytest.raises(ServiceError, match=r"was told to stop while it waited for group 'group-\d+'"):
        wait_for_group(group.consumer(), group.broker, group.topic, group.name, stop=stop)


def test_of_two_that_begin_at_the_same_moment_the_one_that_wrote_first_is_refused(group):
    def write_too(seconds):
        """What another machine's job writes that looked at the group when we did."""
        other = dataclasses.replace(new_lease("other", outlives=True), number=1)
        group.consumer().commit({0: 0, 1: 0}, Note(lease=other).text())

    with pytest.raises(ServiceError, match=r"job other on .* a second job would score everything twice"):
        group.job(sleep=write_too)


def test_who_wrote_first_and_looked_too_early_ends_at_its_first_commit(group):
    first = group.job()
    other = dataclasses.replace(new_lease("other", outlives=True), number=1)
    group.consumer().commit({0: 0, 1: 0}, Note(lease=other).text())
    with pytest.raises(TakenOver, match="job other on"):
        first.commit({0: 9})


def test_a_quiet_job_renews_all_that_it_committed_and_leaves_what_others_of_the_job_moved(group):
    job = group.job()
    job.commit({0: 5, 1: 0})
    before = group.notes()
    other = GroupPositions(group.broker, group.topic, group.name, group.topic_id(), job._lease)
    try:
        other.commit({0: 8})
        wait_until(lambda: group.notes()[1].beat > before[1].beat, "a renewal")
        wait_until(lambda: group.notes()[1].beat > before[1].beat + 1, "another")
    finally:
        other.close()
    assert group.offsets() == {0: 8, 1: 0}


def test_nothing_is_committed_into_a_topic_that_was_made_anew(group):
    job = group.job()
    job.commit({0: 30, 1: 0})
    make_anew(group.broker, group.topic, 2)
    with pytest.raises(
        ServiceError, match=rf"topic '{group.topic}' was made anew: the offsets of group '{group.name}'"
    ):
        job.commit({0: 31})
    job.release()
    assert group.offsets() in ({}, {0: 30, 1: 0}), "the broker forgets the old ones when it likes"


def test_offsets_of_another_topic_of_that_name_are_refused_at_the_start(group):
    job = group.job()
    job.commit({0: 30, 1: 0})
    slipped = group.consumer().committed_notes([0])[0][1]
    job.close()
    make_anew(group.broker, group.topic, 2)
    put(group.broker, group.topic, 0, [b"new"] * 40)
    wait_until(lambda: group.offsets() == {}, "the broker forgets the old topic's offsets")
    group.consumer().commit({0: 30}, slipped)  # what was on its way while the topic was made anew
    with pytest.raises(ServiceError, match=r"was made anew: .* --accept-lost-offsets reads the new one"):
        group.job()
    group.job(at_once=True, accept_lost_offsets=True)
    assert group.offsets() == {0: 0, 1: 0}


def test_what_newer_partitions_have_lost_is_not_jumped_over(group):
    group.job().release()
    add_partitions(group.broker, group.topic, 3)
    put(group.broker, group.topic, 2, [b"new"] * 9)
    cut(group.broker, group.topic, {2: 4})
    job = group.job(start="latest")
    assert group.offsets() == {0: 0, 1: 0, 2: 0}
    slipped = group.consumer().committed_notes([0])[0][1]
    job.release()
    make_anew(group.broker, group.topic, 2)
    put(group.broker, group.topic, 0, [b"new"] * 9)
    put(group.broker, group.topic, 1, [b"new"] * 9)
    cut(group.broker, group.topic, {0: 3, 1: 4})
    wait_until(lambda: group.offsets() == {}, "the broker forgets the old topic's offsets")
    group.consumer().commit({0: 30}, slipped)
    group.job(at_once=True, accept_lost_offsets=True)
    assert group.offsets() == {0: 0, 1: 0}


def test_a_group_that_no_job_has_had_begins_where_the_log_does(group):
    cut(group.broker, group.topic, {0: 7})
    commit(group.broker, group.topic, group.name, {1: 0})
    group.job()
    assert group.offsets() == {0: 7, 1: 0}


@pytest.mark.parametrize("until_caught_up", [True, False])
def test_an_offset_behind_the_end_is_refused_in_every_mode(group, until_caught_up):
    commit(group.broker, group.topic, group.name, {0: 100, 1: 0})
    with pytest.raises(ServiceError, match=r"partition 0: wanted offset 100, the log ends at 40 .*skip_to"):
        group.job(until_caught_up=until_caught_up)


def test_an_offset_that_is_gone_of_a_partition_that_the_group_knew(group, admin):
    job = group.job(start="latest")
    job.commit({0: 40, 1: 0})
    job.release()
    admin.delete_group_offsets(group.name, [kafka.TopicPartition(group.topic, 0)])
    add_partitions(group.broker, group.topic, 3)
    says = rf"has no offset of topic '{group.topic}' partitions \[0\] any more, .*skip_to .*, 0 to 40;"
    with pytest.raises(ServiceError, match=says):
        group.job(start="latest")
    group.job(start="latest", accept_lost_offsets=True)
    assert group.offsets() == {0: 0, 1: 0, 2: 0}, "2 is new"


def test_offsets_without_a_note_are_taken_as_they_are(group):
    commit(group.broker, group.topic, group.name, {0: 7})
    job, settings = group.source(start="latest")
    assert where_to_begin(job, settings, group.consumer()) == {0: 7, 1: 0}
    group.job()
    assert group.offsets() == {0: 7, 1: 0}


@pytest.mark.parametrize(("at", "says"), [(50, "the log ends at 40"), (30, "the log has other records before it")])
def test_what_kafka_python_calls_a_truncated_log_is_told_as_the_other_lost_offsets_are(group, monkeypatch, at, says):
    """Raised by hand: a broker does so after an unclean election, which wants a cluster."""
    consumer = group.consumer()
    consumer.go_to({0: at})

    def truncated(self, **_):
        raise kafka.errors.LogTruncationError({kafka.TopicPartition(group.topic, 0): None})

    monkeypatch.setattr(kafka.KafkaConsumer, "poll", truncated)
    with pytest.raises(OffsetsLost, match=rf"partition 0: wanted offset {at}, {says} \(was the topic made anew or cut"):
        consumer.poll(1, 10)
