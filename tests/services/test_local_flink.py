"""A real cluster of processes: it starts, runs a job where it was predicted to, is repaired, and stops."""

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import socket
import sys
import time
import uuid

import apache_beam as beam
import pytest
from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker
from apache_beam.transforms.core import RestrictionProvider

from beam_jobs.runners import runners
from beam_jobs.runners.flink import job_server
from beam_jobs.runners.flink.key_groups import MAX_PARALLELISM, subtask
from beam_jobs.runners.flink.rest import FlinkRest
from beam_jobs.services import background_process, flink_programs, local_flink
from beam_jobs.stream.job.worker_modules import WORKER_MODULES
from schemas.errors import ServiceError
from tests.support.present import present

NAMES = [f"events/{index}" for index in range(24)]


class NoteBundle(beam.DoFn, RestrictionProvider):
    """Splittable, as the Kafka reader is; writes down which elements came in one bundle, hence to one subtask."""

    def __init__(self, folder: str):
        self._folder = folder

    def start_bundle(self) -> None:
        self._note = pathlib.Path(self._folder, uuid.uuid4().hex)

    def process(self, element: str, tracker=beam.DoFn.RestrictionParam()):  # noqa: B008
        if tracker.try_claim(0):
            with self._note.open("a") as note:
                note.write(f"{element}\n")
            yield element

    def initial_restriction(self, element: str) -> OffsetRange:
        return OffsetRange(0, 1)

    def create_tracker(self, restriction: OffsetRange) -> OffsetRestrictionTracker:
        return OffsetRestrictionTracker(restriction)

    def restriction_size(self, element: str, restriction: OffsetRange) -> int:
        return 1


class CannotStart(beam.DoFn):
    def setup(self) -> None:
        raise OSError("no room for this one")


@pytest.fixture
def cluster(flink: pathlib.Path) -> local_flink.FlinkStatus:
    return local_flink.status(flink / "flink")


@pytest.mark.needs_flink
def test_a_job_runs_and_its_elements_go_where_predicted(cluster, tmp_path):
    args = [*cluster.beam_args, "--parallelism=2", f"--max_parallelism={MAX_PARALLELISM}"]
    options = runners.pipeline_options("flink", [*args, "--sdk_worker_parallelism=1"], True, "spread")
    with beam.Pipeline(options=options) as pipeline:
        pipeline | beam.Create(NAMES, reshuffle=False) | beam.ParDo(NoteBundle(str(tmp_path)))
    bundles = [note.read_text().split() for note in tmp_path.iterdir()]
    assert sorted(name for bundle in bundles for name in bundle) == sorted(NAMES)
    places = [{subtask(name, 2) for name in bundle} for bundle in bundles]
    assert all(len(place) == 1 for place in places)
    assert set.union(*places) == {0, 1}
    assert next(job for job in cluster.rest.jobs() if job["name"] == "spread")["state"] == "FINISHED"


@pytest.mark.needs_flink
def test_a_worker_that_cannot_start_is_told_at_once(cluster):
    options = runners.pipeline_options("flink", [*cluster.beam_args, "--number_of_execution_retries=0"], True, "starts")
    began = time.monotonic()
    with pytest.raises(Exception, match="no room for this one"), beam.Pipeline(options=options) as pipeline:
        pipeline | beam.Create(NAMES, reshuffle=False) | beam.ParDo(CannotStart())
    assert time.monotonic() - began < 150, "the TaskManager waits for the data connection, which it does for 180 s"


@pytest.mark.needs_flink
def test_all_that_listens_is_on_loopback(cluster):
    now = local_flink.status(cluster.folder)
    for name, pid in now.pids.items():
        assert listening(present(pid)) <= {"127.0.0.1"}, name
    ports = present(now.ports)
    assert {ports.rest, ports.rpc} <= set(listeners(present(now.pids["jobmanager"])))
    assert {ports.jobs, ports.artifacts, ports.expansion} <= set(listeners(present(now.pids["jobserver"])))
    assert set(listeners(present(now.pids["workers"]))) == {ports.workers}


@pytest.mark.needs_flink
def test_starting_again_repairs_what_was_killed(cluster):
    before = local_flink.status(cluster.folder)
    known_before = before.rest.task_managers()
    pid = present(before.pids["taskmanager"])
    os.kill(pid, signal.SIGKILL)
    assert background_process.ended(pid, 10_000)
    assert not local_flink.status(cluster.folder).up
    after = local_flink.start(cluster.folder, worker_modules=WORKER_MODULES)
    assert after.up
    changed = [name for name, pid in after.pids.items() if before.pids[name] != pid]
    assert changed == ["taskmanager"]
    assert after.rest.task_managers() - known_before


@pytest.mark.needs_flink
def test_an_unknown_job_is_one_line(cluster):
    with pytest.raises(ServiceError, match=r"answers 404 to /jobs/0{32}"):
        cluster.rest.state("0" * 32)


def test_a_folder_without_a_cluster(tmp_path):
    now = local_flink.status(tmp_path)
    assert not now.up
    assert not local_flink.stop(tmp_path)
    assert not local_flink.stop(tmp_path / "missing")
    with pytest.raises(ServiceError, match="no Flink was ever started here"):
        _ = now.beam_args
    with pytest.raises(ServiceError, match=r"Flink is not up; `onegraph services up --flink` starts or repairs it"):
        local_flink.cluster(tmp_path)


def test_a_taken_port_is_named_before_anything_starts(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = local_flink.Ports(port, *range(port + 1, port + 6))
        with pytest.raises(ServiceError, match=f"port {port} on 127.0.0.1 cannot be used: address already in use"):
            local_flink.start(tmp_path, ports)
    assert not any(local_flink.status(tmp_path).pids.values())


def test_a_port_that_a_missing_process_needs_is_not_taken_for_its_own(tmp_path: pathlib.Path) -> None:
    folder, ports = tmp_path / "flink", local_flink.free_ports()
    folder.mkdir()
    (folder / "ports.json").write_text(json.dumps(dataclasses.asdict(ports)))
    command = [sys.executable, "-c", "import time; time.sleep(600)", flink_programs.PROGRAMS["jobmanager"], str(folder)]
    stand_in = background_process.spawn(command, folder / "jobmanager.log", folder / "jobmanager.pid")
    try:
        with socket.create_server(("127.0.0.1", ports.workers)):
            said = f"port {ports.workers} on 127.0.0.1 cannot be used: address already in use by process {os.getpid()} "
            with pytest.raises(ServiceError, match=said):
                local_flink.start(folder)
        assert local_flink.status(folder).pids == dict.fromkeys(flink_programs.PROGRAMS) | {"jobmanager": stand_in}
    finally:
        assert local_flink.stop(folder)


def test_nothing_answers():
    [port, *_] = vars(local_flink.free_ports()).values()
    with pytest.raises(ServiceError, match=r"does not answer: .*refused"):
        FlinkRest(f"127.0.0.1:{port}").overview()
    assert not job_server.answers(f"127.0.0.1:{port}", timeout_s=0.2)


def listening(pid: int) -> set[str]:
    """The addresses on which a process listens."""
    return set(listeners(pid).values())


def listeners(pid: int) -> dict[int, str]:
    """The ports on which a process listens, with the address."""
    sockets = set()
    for descriptor in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            sockets.add(os.readlink(descriptor))
    found = {}
    for table in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            local, state, inode = (line.split()[index] for index in (1, 3, 9))
            address, _, port = local.partition(":")
            if state == "0A" and f"socket:[{inode}]" in sockets:
                found[int(port, 16)] = "127.0.0.1" if address.endswith("0100007F") else "any"
    return found
