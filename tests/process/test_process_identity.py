"""A process is known by its id and the time when it began."""

import os
import subprocess
import sys

from beam_jobs.process import process_identity


def test_this_process_lives() -> None:
    since = process_identity.began(os.getpid())
    assert since is not None
    assert not process_identity.has_ended(os.getpid(), since)
    assert process_identity.has_ended(os.getpid(), since - 1), "its id was given out again"
    assert not process_identity.has_ended(os.getpid(), None), "when it began is not known"


def test_a_process_that_was_waited_for_has_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert process_identity.began(process.pid) is None
    assert process_identity.has_ended(process.pid, 1)


def test_what_is_no_process_id_is_no_error() -> None:
    assert process_identity.has_ended(1 << 80, None)
