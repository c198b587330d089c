"""A service in Dataflow's place that runs the jobs it is sent, each in a process of its own.

The process gets the job's staged graph alone, in an empty folder, with temporary files in another one, and runs it with
Beam's own runner. As Dataflow's workers it shares an object store with the submitting one, and `--temp_location`, a
folder here, since TensorFlow can be taught no object store.
`python -m tests.support.dataflow_stand_in GRAPH` is such a process.
"""

import contextlib
import http.server
import importlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

from beam_jobs.process.installation import ROOT

_DONE, _FAILED = "JOB_STATE_DONE", "JOB_STATE_FAILED"


class StandIn(http.server.ThreadingHTTPServer):
    """Listens on loopback; `graphs` are the staged graphs of the jobs that came."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Requests)
        self.graphs: list[pathlib.Path] = []
        self.messages: dict[str, str] = {}

    @property
    def endpoint(self) -> str:
        """What `--dataflow_endpoint` names."""
        return f"http://localhost:{self.server_address[1]}"

    def run(self, graph: pathlib.Path) -> str:
        """Run a job to its end; return its id."""
        job = f"job-{len(self.graphs)}"
        self.graphs.append(graph)
        with tempfile.TemporaryDirectory() as empty, tempfile.TemporaryDirectory() as temporary:
            environment = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": temporary}
            command = [sys.executable, "-m", __name__, str(graph)]
            ended = subprocess.run(command, cwd=empty, env=environment, capture_output=True, text=True, check=False)
            self.messages[job] = ended.stderr if ended.returncode else ""
        return job


class _Requests(http.server.BaseHTTPRequestHandler):
    server: StandIn

    def do_POST(self) -> None:
        posted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        options = posted["environment"]["sdkPipelineOptions"]["options"]
        job = self.server.run(pathlib.Path(options["pipelineUrl"]))
        self._answer({"id": job, "name": posted["name"], "projectId": "p"})

    def do_GET(self) -> None:
        job, _, of = self.path.partition("?")[0].partition("/jobs/")[2].partition("/")
        said = self.server.messages[job]
        if of == "messages":
            error = {"id": "1", "time": "2026-11-30T00:00:00Z", "messageText": said}
            self._answer({"jobMessages": [{**error, "messageImportance": "JOB_MESSAGE_ERROR"}] if said else []})
        elif of == "metrics":
            self._answer({"metrics": []})
        else:
            self._answer({"id": job, "currentState": _FAILED if said else _DONE})

    def _answer(self, value: Any) -> None:
        answer = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def stand_in() -> Iterator[StandIn]:
    """Serve within the block."""
    with StandIn() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def run_graph(path: pathlib.Path) -> None:
    """Run a staged graph to its end in this process, whatever image it names."""
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.portability import python_urns
    from apache_beam.portability.api import beam_runner_api_pb2
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    importlib.import_module("tests.support.object_store")  # which registers it
    graph = beam_runner_api_pb2.Pipeline.FromString(path.read_bytes())
    for environment in graph.components.environments.values():
        environment.urn = python_urns.EMBEDDED_PYTHON
        environment.ClearField("payload")
        del environment.dependencies[:]
    FnApiRunner().run_via_runner_api(graph, PipelineOptions([])).wait_until_finish()


if __name__ == "__main__":
    run_graph(pathlib.Path(sys.argv[1]))
