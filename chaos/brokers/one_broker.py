"""One Kafka node on loopback that may be killed and started again."""

import contextlib
import os
import pathlib
import signal

from beam_jobs.process.loopback import HOST, free_port
from beam_jobs.services import background_process, local_kafka

_AGAIN_S = 60.0


class OneBroker:
    """The broker of tier 1: it runs below one folder, at the same ports whenever it is started."""

    def __init__(self, folder: pathlib.Path):
        self._folder, self._ports = folder, (free_port(), free_port())
        self.servers = f"{HOST}:{self._ports[0]}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        local_kafka.start(self._ports[0], self._folder, self._ports[1], timeout_s=_AGAIN_S)

    def kill(self) -> int:
        """Kill it with SIGKILL; returns its pid once it is gone."""
        pid = local_kafka.status(self._folder).pid
        if pid is None:
            raise AssertionError(f"{self._folder}: no broker to kill")
        os.kill(pid, signal.SIGKILL)
        if not background_process.ended(pid, 10_000):
            raise AssertionError(f"broker {pid} outlived SIGKILL")
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        return pid

    def stop(self) -> None:
        """End it."""
        local_kafka.stop(self._folder)
