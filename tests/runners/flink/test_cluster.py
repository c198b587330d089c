"""Flink's defaults, what people say instead, and which cluster is meant."""

import pytest

from beam_jobs.runners.flink import cluster
from beam_jobs.runners.flink.key_groups import MAX_PARALLELISM
from schemas.errors import ServiceError, UsageError


def test_defaults():
    assert cluster.given_options(cluster.streaming_args([])) == {
        "parallelism": "1",
        "max_parallelism": str(MAX_PARALLELISM),
        "max_bundle_time_mills": "1",
        "checkpointing_interval": "5000",
        "sdk_worker_parallelism": "2",
        "experiments": "disable_logging_submission_environment",
    }


@pytest.mark.parametrize("name", [*cluster.DEFAULTS, "sdk_worker_parallelism", "shutdown_sources_after_idle_ms"])
def test_peoples_own_option_wins(name):
    for spelling in ([f"--{name}=7"], [f"--{name}", "7"]):
        assert name not in cluster.given_options(cluster.streaming_args(spelling, until_caught_up=True))


def test_workers_follow_the_parallelism():
    assert "--sdk_worker_parallelism=6" in cluster.streaming_args(["--parallelism=3"])


@pytest.mark.parametrize("text", ["0", "-1", "two"])
def test_a_parallelism_that_makes_no_sense(text):
    with pytest.raises(UsageError, match=f"--parallelism={text}: wanted a whole number"):
        cluster.streaming_args([f"--parallelism={text}"])


def test_sources_end_only_when_the_job_shall_end():
    assert "--shutdown_sources_after_idle_ms=1" in cluster.streaming_args([], until_caught_up=True)
    assert not any("shutdown_sources" in arg for arg in cluster.streaming_args([]))


def test_a_savepoint_must_be_there_if_it_is_local(tmp_path):
    with pytest.raises(UsageError, match="no savepoint there; it is a folder that holds _metadata"):
        cluster.streaming_args([], savepoint=str(tmp_path))
    (tmp_path / "_metadata").touch()
    wanted = f"--savepoint_path=file://{tmp_path}"
    for given in (str(tmp_path), f"file://{tmp_path}", f"file:{tmp_path}"):
        assert wanted in cluster.streaming_args([], savepoint=given)
    assert "--savepoint_path=s3://b/k" in cluster.streaming_args([], savepoint="s3://b/k")


def test_two_savepoints_are_one_too_many(tmp_path):
    with pytest.raises(UsageError, match="give one of them"):
        cluster.streaming_args(["--savepoint_path=x"], savepoint=str(tmp_path))


def none() -> cluster.Cluster:
    raise ServiceError("none is up")


def test_the_local_cluster_is_meant_where_no_other_is_named():
    local = cluster.Cluster(("--job_endpoint=here:1", "--environment_type=EXTERNAL"), None)
    assert cluster.find(["--parallelism=2"], lambda: local) == local
    given = cluster.find(["--environment_type", "DOCKER"], lambda: local)
    assert given.beam_args == ("--job_endpoint=here:1",), "people's own option wins"
    with pytest.raises(ServiceError, match="none is up"):
        cluster.find([], none)


@pytest.mark.parametrize("option", ["--flink_master=127.0.0.1:1", "--flink_master=http://127.0.0.1:1"])
def test_a_master_that_does_not_answer(option):
    with pytest.raises(ServiceError, match=r"Flink at 127.0.0.1:1 does not answer: .*refused"):
        cluster.find([option], none)


def test_a_job_server_that_does_not_answer():
    with pytest.raises(ServiceError, match=r"no job server .* answers at --job_endpoint=127.0.0.1:1"):
        cluster.find(["--job_endpoint=127.0.0.1:1"], none, job_server_s=0.1)


def test_a_master_that_beam_starts_itself_is_not_looked_for():
    assert cluster.find(["--flink_master=[auto]"], none) == cluster.Cluster((), None)
