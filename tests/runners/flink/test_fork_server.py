"""What the fork server refuses, and how it tells; the real processes: `test_worker_processes`."""

import json
import os
import socket
import threading

import pytest

from beam_jobs.runners.flink import fork_server


@pytest.fixture
def never_forked(monkeypatch):
    def fork():
        raise AssertionError("forked")

    monkeypatch.setattr(os, "fork", fork)


def test_a_second_thread_forbids_a_fork_and_the_caller_is_told(never_forked):
    ended = threading.Event()
    threading.Thread(target=ended.wait, name="holds a lock", daemon=True).start()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pipe, other = os.pipe()
    workers: dict[int, str] = {}
    ours.settimeout(5)
    with ours, theirs:
        fork_server.answer(theirs, {"endpoint": "127.0.0.1:1", "id": "1-1"}, pipe, workers)
        data, handles, _, _ = socket.recv_fds(ours, 1 << 16, 1)
    ended.set()
    os.close(other)
    error = json.loads(data)["error"]
    assert "holds a lock" in error
    assert "a fork would lose them" in error
    assert (handles, workers) == ([], {})
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(pipe)
