"""Work of other processes: results in the order of the elements, errors as they are raised, no process left over."""

import dataclasses
import os
import pathlib
import signal
import tempfile
import time

import pytest

from beam_jobs.process.worker_pool import SharedTask, worker_pool
from schemas.errors import InputError, OnegraphError
from tests.support.waiting import wait_until

HERE = ["tests.process.test_worker_pool"]


@dataclasses.dataclass(frozen=True)
class Later:
    """The first elements take longest; says which process did it, what it was prepared in, and where it writes."""

    times: int

    def prepare(self):
        prepared = os.getpid()

        def call(element):
            time.sleep(0.02 * max(0, 5 - element))
            return element * self.times, os.getpid(), prepared, tempfile.mkstemp()[1]

        return call


@dataclasses.dataclass(frozen=True)
class Failing:
    how: str

    def prepare(self):
        def call(element):
            if self.how == "ours":
                raise InputError(f"{element}: no good")
            if self.how == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            return 1 / element

        return call


def results(pool, task, elements):
    opened = SharedTask(task, pool).open()
    opened.begin()
    return [*(one for element in elements for one in opened.take(element)), *opened.rest()]


def test_results_come_in_the_order_of_the_elements_from_several_processes(monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with worker_pool(3, HERE) as pool:
        done = results(pool, Later(2), range(12)), results(pool, Later(3), range(4))
        assert [one[0] for one in done[0]] == [2 * element for element in range(12)]
        assert [one[0] for one in done[1]] == [3 * element for element in range(4)]
        processes = {one[1] for one in done[0]}
        assert len(processes) == 3
        assert os.getpid() not in processes
        assert all(one[1] == one[2] and one[3].startswith(str(tmp_path)) for one in done[0])
    assert list(tmp_path.iterdir()) == []
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_one_worker_is_this_process():
    with worker_pool(1, HERE) as pool:
        assert pool is None
        assert {one[1] for one in results(pool, Later(2), range(4))} == {os.getpid()}


@pytest.mark.parametrize(
    ("how", "raised", "says"),
    [
        ("ours", InputError, "^0: no good$"),
        ("bug", RuntimeError, "ZeroDivisionError: division by zero"),
        ("killed", OnegraphError, "a worker process has ended, as one does that the machine has no memory for"),
    ],
)
def test_what_a_process_raises_is_raised_here(how, raised, says):
    with worker_pool(2, HERE) as pool, pytest.raises(raised, match=says):
        results(pool, Failing(how), [0])


def test_the_processes_end_with_the_one_that_has_the_pool(tmp_path):
    pid = os.fork()
    if pid == 0:
        with worker_pool(2, HERE) as pool:
            (tmp_path / "workers").write_text(" ".join(str(one[1]) for one in results(pool, Later(1), range(6))))
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    for worker in {int(word) for word in (tmp_path / "workers").read_text().split()}:
        proc = pathlib.Path(f"/proc/{worker}")
        wait_until(lambda proc=proc: not proc.exists(), "the workers have ended")  # type: ignore[misc]
