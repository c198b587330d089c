"""The pool of workers, as a process with a real fork server: workers start at once, and end when they have to."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

import grpc
import pytest
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc, endpoints_pb2
from apache_beam.utils import thread_pool_executor

from beam_jobs.process.loopback import free_port
from beam_jobs.runners.flink.worker_processes import Worker
from beam_jobs.services import background_process
from beam_jobs.stream.job.worker_modules import WORKER_MODULES
from tests.services.test_local_flink import listeners
from tests.support.present import present

_START_S = 240  # TensorFlow is imported once, on a busy machine
_END_MS = 30_000
_GREETING_S = 15  # a worker that had to import TensorFlow would need longer


class Runner(beam_fn_api_pb2_grpc.BeamFnControlServicer):
    """The side of a runner that workers connect to; knows who has come."""

    def __init__(self) -> None:
        self._came = threading.Condition()
        self._who: set[str] = set()
        self._closed = threading.Event()
        pings = [("grpc.http2.max_pings_without_data", 0), ("grpc.http2.max_ping_strikes", 0)]  # as a runner does
        self._server = grpc.server(thread_pool_executor.shared_unbounded_instance(), options=pings)
        self.endpoint = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        beam_fn_api_pb2_grpc.add_BeamFnControlServicer_to_server(self, self._server)
        self._server.start()

    def Control(self, responses, context):  # noqa: N802 - Beam's name
        with self._came:
            self._who.add(dict(context.invocation_metadata())["worker_id"])
            self._came.notify_all()
        self._closed.wait()
        yield from ()

    def wait_for(self, *workers: str) -> None:
        with self._came:
            assert self._came.wait_for(lambda: self._who >= set(workers), _GREETING_S), f"{self._who} of {workers}"

    def close(self) -> None:
        self._closed.set()
        self._server.stop(0).wait()


class Pool:
    """`python -m beam_jobs.runners.flink.worker_processes` and its log."""

    def __init__(self, folder: pathlib.Path):
        self.log, self.port = folder / "workers.log", free_port()
        command = [
            sys.executable,
            "-m",
            "beam_jobs.runners.flink.worker_processes",
            str(self.port),
            str(folder),
            *WORKER_MODULES,
        ]
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": os.getcwd()}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stderr=log, stdout=log, env=environment)
        self.wait_for_words("workers are forked from")
        channel = grpc.insecure_channel(f"127.0.0.1:{self.port}")
        self.stub = beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub(channel)

    def wait_for_words(self, *words: str) -> None:
        """Wait until the log has them all."""
        deadline = time.monotonic() + _START_S
        while not all(one in self.log.read_text() for one in words):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def start(self, worker: str, endpoint: str) -> int:
        """Ask for a worker as Flink does; returns its pid."""
        url = endpoints_pb2.ApiServiceDescriptor(url=endpoint)
        request = beam_fn_api_pb2.StartWorkerRequest(worker_id=worker, control_endpoint=url)
        answer = self.stub.StartWorker(request, timeout=_START_S, wait_for_ready=True)
        assert not answer.error
        return self.pid_of(worker)

    def pid_of(self, worker: str) -> int:
        [line] = [line for line in self.log.read_text().splitlines() if f"worker {worker} is process" in line]
        return int(line.rsplit(maxsplit=1)[1])

    def stop(self, worker: str) -> None:
        self.stub.StopWorker(beam_fn_api_pb2.StopWorkerRequest(worker_id=worker), timeout=_START_S)

    @property
    def fork_server(self) -> int:
        """The pool's only child."""
        lists = pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/children")
        [fork_server] = [int(child) for found in lists for child in found.read_text().split()]
        return fork_server

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(60)


@pytest.fixture(scope="module")
def runner():
    runner = Runner()
    yield runner
    runner.close()


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    pool = Pool(tmp_path_factory.mktemp("pool"))
    yield pool
    pool.close()


def gone(pid: int) -> bool:
    return background_process.ended(pid, _END_MS)


def test_workers_connect_without_an_import(pool, runner):
    pids = [pool.start("1-1", runner.endpoint), pool.start("1-2", runner.endpoint)]
    runner.wait_for("1-1", "1-2")
    assert len({*pids, pool.fork_server}) == 3
    assert [pathlib.Path(f"/proc/{pid}/comm").read_text() for pid in pids] == ["onegraph-worker\n"] * 2
    assert listeners(pool.process.pid) == {pool.port: "127.0.0.1"}
    for pid in [*pids, pool.fork_server]:
        assert not listeners(pid)
    temporary = pool.log.parent / "tmp" / "workers"
    assert len(list(temporary.iterdir())) == 2
    pool.stop("1-1")
    assert gone(pids[0])
    assert pathlib.Path(f"/proc/{pids[1]}").exists()
    pool.stop("1-2")
    assert gone(pids[1])
    pool.wait_for_words(*(f"worker 1-{n + 1}, process {pid}, ended " for n, pid in enumerate(pids)))  # no zombies
    assert list(temporary.iterdir()) == []  # what TensorFlow leaves behind there goes with its worker


def test_a_worker_that_does_not_end_is_killed():
    deaf = ["sh", "-c", "trap '' TERM; echo ready; exec sleep 60"]
    with subprocess.Popen(deaf, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        present(process.stdout).readline()
        Worker(process.pid, os.pidfd_open(process.pid), os.dup(present(process.stdin).fileno()), patience_s=0.2).end()
        assert process.wait(0) == -signal.SIGKILL


def test_a_forked_process_had_no_thread_that_a_fork_would_break(pool):
    """What a fork copies must be at rest: numerical libraries' threads know of forks, those of gRPC do not."""
    names = {thread.read_text().strip() for thread in pathlib.Path(f"/proc/{pool.fork_server}/task").glob("*/comm")}
    assert not {name for name in names if name.startswith(("grpc", "event_engine", "tf_", "timer_"))}
    sockets = [os.readlink(one) for one in pathlib.Path(f"/proc/{pool.fork_server}/fd").iterdir()]
    assert sum(one.startswith("socket:") for one in sockets) == 1


@pytest.mark.needs_time
def test_workers_outlive_the_fork_server_and_another_one_is_started(pool, runner):
    older, fork_server = pool.start("2-1", runner.endpoint), pool.fork_server
    os.kill(fork_server, signal.SIGKILL)
    younger = pool.start("2-2", runner.endpoint)
    runner.wait_for("2-1", "2-2")
    assert pool.fork_server != fork_server
    assert pathlib.Path(f"/proc/{older}").exists()
    pool.stop("2-1")  # it is not the fork server's child any more, and ends all the same
    assert gone(older)
    pool.stop("2-2")
    assert gone(younger)


def test_everything_ends_when_the_pool_is_killed(pool, runner):
    """The last one: every pool costs an import of TensorFlow."""
    worker, fork_server = pool.start("3-1", runner.endpoint), pool.fork_server
    runner.wait_for("3-1")
    pool.process.kill()
    pool.process.wait()
    assert gone(worker)
    assert gone(fork_server)
    with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", pool.port), timeout=1):
        pytest.fail("somebody listens on the port of a pool that is dead")
