"""Runner names and Beam's options."""

import re

import pytest
from apache_beam.options.pipeline_options import FlinkRunnerOptions, SetupOptions, StandardOptions

from beam_jobs.runners import runners
from beam_jobs.runners.flink_options import FLINK_OPTIONS
from schemas.errors import UsageError


@pytest.mark.parametrize(
    ("name", "beams"),
    [
        ("local", "FnApiRunner"),
        ("flink", "FlinkRunner"),
        ("dataflow", "DataflowRunner"),
        ("DirectRunner", "DirectRunner"),
        ("portablerunner", "PortableRunner"),
    ],
)
def test_names(name, beams):
    options = runners.pipeline_options(name, streaming=True, job_name="job")
    assert options.view_as(StandardOptions).runner == beams
    assert options.view_as(StandardOptions).streaming
    assert options.view_as(SetupOptions).save_main_session is False


def test_an_unknown_runner():
    with pytest.raises(UsageError, match=r"--runner spark: no such runner; known: local, prism, flink, dataflow"):
        runners.pipeline_options("spark")


def test_flink_behind_a_job_server_is_portable():
    options = runners.pipeline_options("flink", ["--job_endpoint=localhost:8099", "--checkpointing_interval=3000"])
    assert options.view_as(StandardOptions).runner == "PortableRunner"
    assert options.get_all_options(retain_unknown_options=True)["checkpointing_interval"] == "3000"


@pytest.mark.parametrize("args", [["--projet=x"], ["stray"], ["--read-budget=3"], ["--flink_master=x", "--parallel"]])
def test_options_that_nobody_has(args):
    with pytest.raises(UsageError, match=rf"unknown option {re.escape(args[-1])}"):
        runners.pipeline_options("local", args)


def test_beams_own_options_pass():
    args = ["--flink_master=localhost:8081", "--project", "p", "--experiments=a", "--parallelism=2"]
    assert runners.pipeline_options("flink", args).view_as(FlinkRunnerOptions).flink_master == "localhost:8081"


def test_flinks_list_names_only_what_beam_does_not_register():
    assert not FLINK_OPTIONS & set(vars(FlinkRunnerOptions([])._visible_options))


def test_which_runners_have_their_workers_in_this_process():
    names = ("local", "prism", "flink", "dataflow", "directrunner")
    assert [name for name in names if runners.in_this_process(name)] == ["local", "prism", "directrunner"]
    assert runners.is_flink("flink")
    assert not runners.is_flink("local")
