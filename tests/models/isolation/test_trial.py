"""Trials: a child really dies, hangs and takes memory; this process lives and is told in one line."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from models.isolation.trial import GIB, TrialEnded, TrialFailed, TrialOverLimit, Trials
from schemas.errors import ArtifactError, InputError, ServiceError
from tests.support import deadly_work as work
from tests.support.waiting import wait_until

SOON_S = 60


IMPORTS = ("tests.support.deadly_work",)  # quicker than what bundles need


@pytest.fixture(scope="module")
def patient():
    """Trials whose limits no test reaches."""
    made = Trials(imports=IMPORTS)
    yield made
    made.close()


@pytest.fixture
def strict():
    """Trials with little memory."""
    made = Trials(memory=GIB // 4, kept_memory=GIB // 8, imports=IMPORTS)
    yield made
    made.close()


def gone(pid):
    """Wait until a process has ended."""
    ends = time.monotonic() + SOON_S
    while pathlib.Path(f"/proc/{pid}").exists() and " Z " not in pathlib.Path(f"/proc/{pid}/stat").read_text():
        assert time.monotonic() < ends, "it lives"
        time.sleep(0.02)


def test_the_child_is_kept_for_the_next_trial(patient):
    patient.run("it", work.nothing)
    child = patient.pid
    patient.run("it", work.nothing)
    assert patient.pid == child
    assert child is not None


def test_what_the_child_leaves_goes_with_it(tmp_path):
    made = Trials(imports=IMPORTS)
    made.run("it", work.leave_a_file, tmp_path / "said")
    left = pathlib.Path((tmp_path / "said").read_text())
    assert left.exists()
    made.close()
    assert not left.parent.exists()


@pytest.mark.parametrize("module", ["tensorflow", "xgboost"])
def test_a_child_that_is_ready_has_loaded_what_bundles_need(trials, module):
    trials.run("it", work.want_loaded, module)


@pytest.mark.parametrize(
    ("do", "how"),
    [(work.abort, "by SIGABRT"), (work.segfault, "by SIGSEGV"), (work.leave, "with exit code 3")],
)
def test_a_death_is_one_line_that_names_what_was_tried(patient, do, how):
    with pytest.raises(TrialFailed, match=f"^bundle 17: ended the process .*, {how}; .*onegraph rollback"):
        patient.run("bundle 17", do)
    patient.run("bundle 18", work.nothing)


@pytest.mark.parametrize(
    ("kind", "raised", "said"),
    [
        (InputError, InputError, "^no field$"),
        (ArtifactError, ArtifactError, "^no field$"),
        (ServiceError, ServiceError, "^no field$"),
        (OSError, ServiceError, "^no field$"),
        (ValueError, ArtifactError, "^ValueError: no field$"),
        (RecursionError, ArtifactError, "^RecursionError: no field$"),
        (MemoryError, ArtifactError, "^MemoryError: no field$"),
    ],
)
def test_what_is_raised_there_is_raised_here(patient, kind, raised, said):
    with pytest.raises(raised, match=said):
        patient.run("it", work.fail, kind, "no field\nmore of it")


def test_work_that_hangs_is_ended_at_its_deadline():
    hurried = Trials(deadline_s=1, imports=IMPORTS)
    with pytest.raises(TrialFailed, match=r"bundle 17: is not loaded and .* within 1 s"):
        hurried.run("bundle 17", work.hang)
    assert hurried.pid is None


def test_work_that_takes_too_much_memory_is_ended(strict):
    with pytest.raises(TrialFailed, match=r"bundle 17: takes more than 0.25 GiB of memory"):
        strict.run("bundle 17", work.take, GIB)


def test_a_trial_takes_no_more_than_there_is():
    own = Trials(imports=IMPORTS, left=lambda: GIB // 4)
    try:
        with pytest.raises(TrialOverLimit, match=r"bundle 17: takes more than 0.2 GiB of memory"):
            own.run("bundle 17", work.take, GIB)
    finally:
        own.close()


def test_a_child_that_keeps_much_memory_is_not_kept(strict):
    strict.run("bundle 17", work.take_and_keep, GIB // 5)
    assert strict.pid is None


def test_whoever_does_not_want_to_know_any_more_is_let_go(patient, tmp_path):
    ended, begun = threading.Event(), tmp_path / "begun"
    raised = []

    def ask():
        with pytest.raises(TrialEnded) as error:
            patient.run("it", work.hang, begun, ended=ended)
        raised.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    wait_until(lambda: begun.exists() and begun.read_text(), "it does not begin")
    ended.set()
    asking.join(SOON_S)
    assert len(raised) == 1
    gone(int(begun.read_text()))
    with pytest.raises(TrialEnded):
        patient.run("it", work.nothing, ended=ended)


def test_a_child_that_somebody_killed_between_two_trials_is_replaced(patient):
    patient.run("it", work.nothing)
    killed = patient.pid
    os.kill(killed, signal.SIGKILL)
    patient.run("it", work.nothing)
    assert patient.pid not in (None, killed)


def test_a_kill_from_outside_is_no_fault_of_what_is_tried(patient, tmp_path):
    begun = tmp_path / "begun"

    def kill():
        wait_until(lambda: begun.exists() and begun.read_text(), "it does not begin")
        os.kill(int(begun.read_text()), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(ServiceError, match=r"it: the process that tried it was killed; see how much memory is free"):
        patient.run("it", work.hang, begun)
    killer.join()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_to_all_of_a_service_ends_no_trial(patient, tmp_path, number):
    """Whoever asked ends it, or ends itself, and the child with it."""
    ended, begun = threading.Event(), tmp_path / "begun"

    def stop():
        wait_until(lambda: begun.exists() and begun.read_text(), "it does not begin")
        child = int(begun.read_text())
        os.kill(child, number)
        os.kill(child, 0)
        ended.set()

    stopping = threading.Thread(target=stop)
    stopping.start()
    with pytest.raises(TrialEnded):
        patient.run("it", work.hang, begun, ended=ended)
    stopping.join()


def test_what_is_not_wanted_any_more_when_its_turn_comes_is_not_tried():
    own, ended = Trials(imports=IMPORTS), threading.Event()
    ended.set()
    try:
        with pytest.raises(TrialEnded):
            own.run("it", work.nothing, ended=ended)
        assert own.pid is None
    finally:
        own.close()


def test_a_child_that_does_not_answer_keeps_nobody_who_does_not_want_to_know(patient):
    patient.run("it", work.nothing)
    child, ended = patient.pid, threading.Event()
    os.kill(child, signal.SIGSTOP)
    threading.Timer(0.5, ended.set).start()
    with pytest.raises(TrialEnded):
        patient.run("it", work.nothing, ended=ended)
    gone(child)
    patient.run("it", work.nothing)


@pytest.mark.parametrize(
    ("do", "kept"),
    [((work.abort,), True), ((work.leave,), False), ((work.fail, MemoryError, ""), False), ((work.take, GIB), False)],
)
def test_what_may_be_the_machines_fault_is_told_apart(strict, do, kept):
    with pytest.raises(ArtifactError) as raised:
        strict.run("it", *do)
    assert isinstance(raised.value, TrialOverLimit) is not kept


def test_the_child_has_no_socket_and_no_file_of_this_process(patient, tmp_path):
    (tmp_path / "lock").write_text("")
    with socket.create_server(("127.0.0.1", 0)) as server, open(tmp_path / "lock") as lock:
        os.set_inheritable(server.fileno(), True)
        os.set_inheritable(lock.fileno(), True)
        own = Trials(imports=IMPORTS)
        try:
            with pytest.raises(InputError, match=r"^socket$"):  # the channel
                own.run("it", work.sockets)
        finally:
            own.close()


def test_a_child_that_nobody_needs_is_ended_and_started_again():
    own = Trials(idle_s=0, imports=IMPORTS)
    try:
        own.run("it", work.nothing)
        child = own.pid
        own.rest()
        assert own.pid is None
        gone(child)
        own.run("it", work.nothing)
    finally:
        own.close()
    assert own.pid is None


PARENT = """
import sys
from models.isolation.trial import Trials
from tests.support import deadly_work
if __name__ == "__main__":
    Trials(imports=("tests.support.deadly_work",)).run("it", deadly_work.spin, sys.argv[1])
"""


def test_the_child_dies_with_a_parent_that_is_killed(tmp_path):
    begun = tmp_path / "begun"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(begun)], cwd=pathlib.Path(__file__).parents[3])
    try:
        wait_until(lambda: begun.exists() and begun.read_text(), "it does not begin")
    finally:
        parent.kill()
        parent.wait()
    gone(int(begun.read_text()))


def test_nothing_stays_open():
    own = Trials(imports=IMPORTS)
    own.run("it", work.nothing)
    own.close()
    before = set(os.listdir("/proc/self/fd"))
    own = Trials(imports=IMPORTS)
    own.run("it", work.nothing)
    own.close()
    assert set(os.listdir("/proc/self/fd")) <= before


def test_a_child_that_is_kept_warm_is_there_before_it_is_needed():
    own = Trials(keep_warm=True, warm_after_s=0.0, idle_s=0, imports=IMPORTS)
    try:
        assert own.pid is None
        own.rest()
        first = own.pid
        own.run("bundle 1", os.getpid)
        own.rest()
        assert own.pid == first is not None
        os.kill(first, signal.SIGKILL)
        os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
        own.rest()
        assert own.pid not in (None, first)
    finally:
        own.close()
    own.rest()
    assert own.pid is None
