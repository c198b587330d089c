"""What a fork server imports has all that a worker loads before its first record."""

import pathlib
import subprocess
import sys

import pytest

from beam_jobs.stream.job.worker_modules import WORKER_MODULES


def test_the_libraries_of_graph_and_model_are_loaded_before_a_worker_is_forked() -> None:
    program = (
        "import importlib, sys\n"
        "for module in sys.argv[1:]:\n"
        "    importlib.import_module(module)\n"
        "sys.exit(','.join({'apache_beam', 'tensorflow', 'xgboost'} - set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program, *WORKER_MODULES], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", ["deploy/flink/README.md", "docs/operations.md"])
def test_pages_start_a_pool_with_all_of_them(page: str) -> None:
    text = (pathlib.Path(__file__).parents[3] / page).read_text()
    assert " ".join(WORKER_MODULES) in text
