"""Watching a run from outside: committed offsets, ends of the topics, bundles that answer, resident memory."""

import contextlib
import pathlib
import threading
import time
from collections.abc import Callable, Mapping

from beam_jobs.kafka.kafka_python.consumer import Consumer
from chaos.evidence import Sample
from schemas.errors import ServiceError

_EVERY_S = 0.5
_BUNDLE = b'"bundle":"'


class Watch:
    """Samples a scoring job in a thread until closed. `pids` returns its processes by name."""

    def __init__(self, servers: str, topics: tuple[str, str, str], group: str, pids: Callable[[], Mapping[str, int]]):
        self._servers, self._topics, self._group, self._pids = servers, topics, group, pids
        self._stop, self._stale = threading.Event(), threading.Event()
        self._clients: list[Consumer] = []
        self._at: dict[int, int] = {}
        self.samples: list[Sample] = []
        self.answered: dict[str, float] = {}  # when the newest prediction of a bundle was written
        self.max_rss_mb: dict[str, float] = {}
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    @property
    def committed(self) -> int:
        """The sum of the committed offsets as last seen."""
        return sum(self.samples[-1].committed.values()) if self.samples else 0

    def look_again(self) -> None:
        """Ask anew which partitions there are."""
        self._stale.set()

    def wait_for(self, true: Callable[[], bool], what: str, timeout_s: float, meanwhile: Callable[[], object] = int):
        """Wait until `true()`; raises `AssertionError` naming `what` when it does not come."""
        ends = time.monotonic() + timeout_s
        while not true():
            if time.monotonic() > ends:
                raise AssertionError(f"{what}: not within {timeout_s:g} s")
            meanwhile()
            time.sleep(0.05)

    def close(self) -> None:
        """Look no more and close the clients."""
        self._stop.set()
        self._thread.join(30)
        self._hang_up()

    def _run(self) -> None:
        while not self._stop.wait(_EVERY_S):
            self._measure()
            try:
                self._look()
            except ServiceError:  # the broker is down on purpose
                self._hang_up()

    def _look(self) -> None:
        if self._stale.is_set():
            self._stale.clear()
            self._hang_up()
        if not self._clients:
            source, *written = self._topics
            for topic, group in ((source, self._group), *((one, None) for one in written)):
                self._clients.append(Consumer(self._servers, topic, group, connect_s=1))
        reader, predictions, rejected = self._clients
        at = time.time()
        committed = reader.committed(reader.partitions)
        ends = [one.end_offsets(one.partitions) for one in (predictions, rejected)]
        self.samples.append(Sample(at, committed, *ends))
        if not set(predictions.partitions) <= set(self._at):
            self._at = predictions.beginning_offsets(predictions.partitions) | self._at
        predictions.go_to(self._at)
        polled = predictions.poll(0.1, 20_000)
        for value, timestamp_ms in zip(polled.values, polled.timestamps_ms, strict=True):
            assert value is not None, "a prediction has a value"
            start = value.index(_BUNDLE) + len(_BUNDLE)
            bundle = value[start : value.index(b'"', start)].decode()
            self.answered[bundle] = max(self.answered.get(bundle, 0.0), timestamp_ms / 1000)
        self._at |= predictions.positions()

    def _measure(self) -> None:
        for name, pid in self._pids().items():
            with contextlib.suppress(OSError, ValueError, IndexError):
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
                peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
                self.max_rss_mb[name] = max(self.max_rss_mb.get(name, 0.0), peak)

    def _hang_up(self) -> None:
        for client in self._clients:
            with contextlib.suppress(ServiceError):
                client.close()
        self._clients = []
