"""A streaming job in a process of its own: started, awaited until it answers, stopped by SIGTERM."""

import json
import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from beam_jobs.process import installation
from schemas.errors import ServiceError


class StreamProcess:
    """`python -m beam_jobs score_stream` with the given options; its log goes to a file.

    Use it as a context manager: whatever happens inside, the process ends with it.
    """

    def __init__(self, options: Sequence[str], log: pathlib.Path):
        self._log = log
        with log.open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "beam_jobs", "score_stream", "--json", *options],
                env=os.environ | installation.child_environment(),
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def __enter__(self) -> "StreamProcess":
        return self

    def __exit__(self, *exception: Any) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def check_running(self) -> None:
        """Raise `ServiceError` with the last line of its log if the job has ended."""
        if self._process.poll() is not None:
            lines = self._log.read_text().strip().splitlines()
            raise ServiceError(
                f"the streaming job ended with exit code {self._process.returncode}: {lines[-1] if lines else 'no log'}"
            )

    def stop(self, timeout_s: float = 60) -> dict[str, Any]:
        """Send SIGTERM and return the job's own summary; raises `ServiceError` if it does not end well."""
        self.check_running()
        self._process.send_signal(signal.SIGTERM)
        return self.summary(timeout_s)

    def summary(self, timeout_s: float = 60) -> dict[str, Any]:
        """Wait for the job's end and return its own summary; raises `ServiceError` if it does not end well."""
        try:
            summary, _ = self._process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise ServiceError(f"the streaming job did not stop within {timeout_s:g} s; see {self._log}") from None
        if self._process.returncode:
            raise ServiceError(f"the streaming job ended with exit code {self._process.returncode}; see {self._log}")
        return json.loads(summary)
