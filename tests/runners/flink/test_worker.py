"""A worker process ends with its pool; what it does for a runner: `test_worker_processes`."""

import subprocess
import sys

_CODE = """
import threading
from beam_jobs.runners.flink import worker
threading.Thread(target=worker.main, args=("127.0.0.1:1", "1-1"), daemon=True).start()
print("began", flush=True)
threading.Event().wait()
"""


def test_a_worker_whose_standard_input_ends_has_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", _CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"began\n"
        process.stdin.close()
        assert process.wait(240) == 1
