"""The job on a Flink of the suite's own: a cluster of real processes, one of which is killed now and then."""

import contextlib
import dataclasses
import os
import pathlib
import signal
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from beam_jobs.cli.settings import ScoreStream
from beam_jobs.services import background_process, local_flink
from beam_jobs.stream.job.worker_modules import WORKER_MODULES
from beam_jobs.verbs import score_stream
from chaos.plan import JOB_MANAGER, TASK_MANAGER, WORKER
from schemas.errors import OnegraphError, ServiceError

CHECKPOINT_MS = 3_000
_START_S = 240
_KILLED = {TASK_MANAGER: "taskmanager", JOB_MANAGER: "jobmanager"}


class JobOnFlink:
    """`score_stream --runner flink` on a cluster below `folder`; what is killed there is started again at once."""

    replayed_s = 0.0  # a checkpoint takes as long as it takes: `checkpoints` tells what each of them kept
    commits_without_room = False  # its checkpoints want room as well

    def __init__(
        self, options: Mapping[str, Any], folder: pathlib.Path, disk: pathlib.Path, say: Callable[[str], None]
    ):
        self._folder, self._say = folder / "flink", say
        self._folder.mkdir()
        checkpoints = disk / "checkpoints"
        checkpoints.mkdir()
        (self._folder / "checkpoints").symlink_to(checkpoints)
        self._settings = ScoreStream(
            **options,
            runner="flink",
            services_folder=str(folder),
            beam_args=(f"--checkpointing_interval={CHECKPOINT_MS}",),
        )
        self.log = self._folder / "workers.log"
        self.deaths: list[float] = []
        self.checkpoints: list[tuple[float, float]] = []
        self._learned_at = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread()

    def start(self) -> None:
        """Start the cluster and hand the job in."""
        started = time.monotonic()
        self._up()
        self._say(f"Flink is up ({time.monotonic() - started:.1f} s)")
        self._submit(None)

    def pids(self) -> Mapping[str, int]:
        """Return the processes that run, by name; `worker` is the one that scores."""
        found = {name: pid for name, pid in local_flink.status(self._folder).pids.items() if pid is not None}
        workers = self._workers()
        return found | ({"worker": workers[0]} if workers else {})

    def check(self) -> None:
        """Learn what the cluster tells only for a while; the command that watches the job may end, the job goes on."""
        if time.monotonic() > self._learned_at + CHECKPOINT_MS / 1000:
            with contextlib.suppress(ServiceError):  # what would answer was killed on purpose
                self._learn()

    def strike(self, what: str) -> float:
        """Kill a process with SIGKILL; returns when the job could go on."""
        if what == WORKER:
            pid, name = self._workers()[0], "Python worker"
        else:
            self._learn()
            name = _KILLED[what]
            pid = local_flink.status(self._folder).pids[name] or 0
        os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
        background_process.ended(pid, 10_000)
        self._say(f"{name} process {pid} ended (SIGKILL)")
        if what == JOB_MANAGER:
            self.deaths.append(time.time())
        if what != WORKER:
            self._up()
            self._say(f"the {name} is back")
        if what == JOB_MANAGER:  # it alone knew of the job: a person hands it in again with its last checkpoint
            self._thread.join(_START_S)
            self._submit(self._last_checkpoint())
        return time.time()

    def kill(self) -> None:
        """Kill the Python worker with SIGKILL."""
        self._learn()  # the JobManager keeps few failures, and without room there are many
        self.strike(WORKER)

    def stop(self) -> None:
        """Cancel the job, and learn when it had failed."""
        self._learn()
        rest = local_flink.status(self._folder).rest
        self._say(f"job was {rest.cancel(rest.jobs()[0]['jid'])}; its work was begun again {len(self.deaths)} times")

    def close(self) -> None:
        """End the cluster, and the job with it."""
        self._stop.set()
        local_flink.stop(self._folder)

    def _up(self) -> None:
        local_flink.start(self._folder, timeout_s=_START_S, worker_modules=WORKER_MODULES)

    def _submit(self, checkpoint: str | None) -> None:
        settings = dataclasses.replace(self._settings, from_savepoint=checkpoint)
        self._thread = threading.Thread(target=self._watch, args=(settings,), name="flink", daemon=True)
        self._thread.start()

    def _watch(self, settings: ScoreStream) -> None:
        try:
            score_stream.run(settings, self._stop)
        except OnegraphError as error:
            self._say(f"the command that watches the job ended: {error}")

    def _last_checkpoint(self) -> str | None:
        found = [path.parent for path in (self._folder / "checkpoints").glob("*/chk-*/_metadata")]
        if not found:
            self._say("there is no checkpoint yet: handing the job in again, to go on from the group's offsets")
            return None
        newest = max(found, key=lambda path: path.stat().st_mtime)
        self._say(f"handing the job in again from {newest.parent.name}/{newest.name}")
        return str(newest)

    def _learn(self) -> None:
        """Note when the job failed and what checkpoints it has; a JobManager that dies takes that knowledge along."""
        self._learned_at = time.monotonic()
        rest = local_flink.status(self._folder).rest
        jobs = rest.jobs()
        if not jobs:
            return  # not handed in yet
        job = jobs[0]["jid"]
        entries = rest.exceptions(job).get("exceptionHistory", {}).get("entries", [])
        self.deaths = sorted({*self.deaths, *(entry["timestamp"] / 1000 for entry in entries)})
        done = [one for one in rest.checkpoints(job)["history"] if one["status"] == "COMPLETED"]
        times = {(one["trigger_timestamp"] / 1000, one["latest_ack_timestamp"] / 1000) for one in done}
        self.checkpoints = sorted({*self.checkpoints, *times})

    def _workers(self) -> list[int]:
        """Return the worker processes of the pool, the one that has worked most first: it reads and scores."""
        pool = local_flink.status(self._folder).pids["workers"]
        if pool is None:
            return []
        workers = [worker for fork_server in _children(pool) for worker in _children(fork_server)]
        return sorted(workers, key=_cpu_ticks, reverse=True)


def _children(pid: int) -> list[int]:
    found: list[str] = []
    for thread in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):  # each thread has those that it started
        with contextlib.suppress(OSError):
            found += thread.read_text().split()
    return [int(child) for child in found]


def _cpu_ticks(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])
    return 0
