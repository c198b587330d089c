"""A real MLflow server on this machine's loopback, with its database and files in a folder."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

from beam_jobs.process.loopback import free_port
from tests.support.waiting import wait_until


@contextlib.contextmanager
def mlflow_server(folder: pathlib.Path) -> Iterator[str]:
    """Run a server until the context ends; give its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/server.db", "--artifacts-destination", f"{folder}/files"]
    environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, env=environment, cwd=folder, start_new_session=True
        )

    def answers() -> bool:
        assert server.poll() is None, (folder / "server.log").read_text()
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=2) as answer:
            return bool(answer.status == 200)
        return False

    try:
        wait_until(answers, "the MLflow server answers")
        yield address
    finally:
        os.killpg(server.pid, signal.SIGKILL)  # a group of its own: the server's workers too
        server.wait()
