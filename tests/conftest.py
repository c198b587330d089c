"""What the tests share: a real broker, topics, the public data sets, Prism.

Tests marked `needs_data`, `needs_prism`, `needs_chromium`, `needs_flink` or `needs_time` are left out, and counted,
unless `--data DIR`, `--prism BINARY`, `--chromium PROGRAM`, `--flink` or `--long` is given. With the option they run,
and fail if the thing is missing.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # read when TensorFlow is imported
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ["ONEGRAPH_STRICT"] = "1"  # a measure that nobody declared raises, here and in the processes that tests start

import itertools
import pathlib
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from beam_jobs.kafka.kafka_python import decoding, outage
from beam_jobs.process.loopback import free_port
from beam_jobs.services import local_flink, local_kafka
from beam_jobs.stream.job.worker_modules import WORKER_MODULES
from tests.support import job_processes, secure_broker, shared
from tests.support.artifact_fixtures import (  # noqa: F401 - fixtures
    built,
    candidate,
    registry,
    registry_of_two,
    scorers,
    second_bundle,
    second_candidate,
    small_training_set,
    taxi,
    taxi_graph,
    trials,
    trip_files,
    trip_lines,
    trips,
)
from tests.support.chromium import Chromium, running
from tests.support.secure_broker import SecureBroker

_OPTIONAL = {
    "needs_data": ("--data", "tests on the public data sets"),
    "needs_prism": ("--prism", "tests on Prism"),
    "needs_chromium": ("--chromium", "tests in a browser"),
    "needs_flink": ("--flink", "tests on a Flink cluster"),
    "needs_time": ("--long", "tests that take long"),
}


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes that are no plain text by their argument: gzip's hold the time, and every worker must name alike."""
    return argname if isinstance(val, bytes) and not (val.isascii() and val.decode().isprintable()) else None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--data", metavar="DIR", help="folder of the public data sets: adds the tests that need them")
    parser.addoption("--prism", metavar="BINARY", help="Prism's binary: adds the tests that need it")
    parser.addoption("--chromium", metavar="PROGRAM", help="Chromium: adds the tests that look at pages in it")
    parser.addoption("--fuzz-bundles", type=int, default=100, metavar="N", help="hostile bundles that a follower meets")
    what = "start a Flink cluster of real processes and add the tests that need it"
    parser.addoption("--flink", action="store_const", const=True, help=what)
    parser.addoption(
        "--long",
        action="store_const",
        const=True,
        help="add the tests that take long, and the cases of others that one stands for",
    )


def pytest_configure(config: pytest.Config) -> None:
    for marker, (option, what) in _OPTIONAL.items():
        config.addinivalue_line("markers", f"{marker}: {what}; left out without {option}")
    # fixtures are torn down, and the broker with them, when the run is told to end
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("stopped by SIGTERM", returncode=143))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out: dict[str, list[pytest.Item]] = {
        marker: [item for item in items if item.get_closest_marker(marker)]
        for marker, (option, _) in _OPTIONAL.items()
        if config.getoption(option) is None
    }
    config.stash[_LEFT_OUT] = {marker: len(found) for marker, found in left_out.items()}
    gone = [item for item in items if any(item in found for found in left_out.values())]
    if gone:
        config.hook.pytest_deselected(items=gone)
        items[:] = [item for item in items if item not in gone]
    # a file goes to one process: those that may take minutes are begun first, so that no process is left alone with one
    times: dict[pathlib.Path, float] = {}
    for item in items:
        if (most := item.get_closest_marker("timeout")) is not None:
            times[item.path] = max(times.get(item.path, 0), *most.args)
    items.sort(key=lambda item: -times.get(item.path, 0))


_LEFT_OUT = pytest.StashKey[dict[str, int]]()


def pytest_sessionfinish(session: pytest.Session) -> None:
    if (told := getattr(session.config, "workeroutput", None)) is not None:  # one of several processes, of xdist's
        told["left_out"] = session.config.stash.get(_LEFT_OUT, {})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[_LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for marker, count in config.stash.get(_LEFT_OUT, {}).items():
        option, what = _OPTIONAL[marker]
        if count:
            terminalreporter.write_line(f"left out: {count} {what} (give {option})")


@pytest.fixture(scope="session", autouse=True)
def mended_clients() -> None:
    """The clients of kafka-python that tests make themselves are mended as a job's are, whichever test comes first."""
    decoding.install()
    outage.install()


@pytest.fixture(scope="session")
def data_folder(request: pytest.FixtureRequest) -> pathlib.Path:
    """The folder of the public data sets; only for tests marked `needs_data`."""
    folder = pathlib.Path(request.config.getoption("--data"))
    if not folder.is_dir():
        pytest.fail(f"--data {folder}: no such folder")
    return folder.resolve()


@pytest.fixture(scope="session")
def prism_binary(request: pytest.FixtureRequest) -> pathlib.Path:
    """Prism's binary; only for tests marked `needs_prism`."""
    binary = pathlib.Path(request.config.getoption("--prism"))
    if not os.access(binary, os.X_OK) or not binary.is_file():
        pytest.fail(f"--prism {binary}: no such program")
    return binary.resolve()


@pytest.fixture(scope="session")
def chromium(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A running browser; only for tests marked `needs_chromium`."""
    program = request.config.getoption("--chromium")
    if not os.access(program, os.X_OK):
        pytest.fail(f"--chromium {program}: no such program")
    with running(program, tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[str]:
    """Bootstrap servers of a real Kafka that lives as long as the test run, one for all of its processes."""
    if any("jobs" in getattr(item, "fixturenames", ()) for item in request.session.items):
        job_processes.prepare()

    def start(folder: pathlib.Path) -> str:
        return local_kafka.start(free_port(), folder, controller_port=free_port()).bootstrap_servers

    with shared.service(shared.shared_folder(tmp_path_factory), "kafka", start, local_kafka.stop) as servers:
        yield servers


@pytest.fixture(scope="session")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureBroker]:
    """A real Kafka with TLS, logins and access lists, one for all processes of the run; it has no topics yet."""
    common = shared.shared_folder(tmp_path_factory)
    with shared.service(common, "secure", secure_broker.start, local_kafka.stop) as servers:
        yield SecureBroker(**servers, folder=common / "secure")


@pytest.fixture
def jobs(tmp_path: pathlib.Path) -> Iterator[Callable[[str, Sequence[str]], job_processes.JobProcess]]:
    """Starts a process: `jobs("beam_jobs.cli.command_line:main", argv)`; those that still run at the end are killed."""
    started: list[job_processes.JobProcess] = []

    def start(function: str, argv: Sequence[str]) -> job_processes.JobProcess:
        started.append(job_processes.JobProcess(function, argv, tmp_path / f"job-{len(started)}"))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture(scope="session")
def flink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pathlib.Path]:
    """What `--services-folder` names where a real Flink cluster runs; only for tests marked `needs_flink`."""
    folder = tmp_path_factory.mktemp("services")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(pathlib.Path(__file__).resolve().parent.parent))
        try:
            local_flink.start(folder / "flink", worker_modules=WORKER_MODULES)
            yield folder
        finally:
            local_flink.stop(folder / "flink")


@pytest.fixture(scope="session")
def topics(broker: str) -> Iterator[Callable[..., str]]:
    """Makes a topic of a fresh name and returns the name: `topics("events", partitions=4, **settings)`.

    Settings are Kafka's own with underscores for dots: `message_timestamp_type="LogAppendTime"`.
    """
    from kafka import KafkaAdminClient

    admin = KafkaAdminClient(bootstrap_servers=broker)
    numbers = itertools.count(1)

    def make(name: str = "topic", partitions: int = 1, **settings: object) -> str:
        fresh = f"{name}-{shared.process_name()}{next(numbers)}"
        # Records of tests are as old as 1970; the broker would remove them at its next look at retention.
        configs = {"retention.ms": "-1"} | {key.replace("_", "."): str(value) for key, value in settings.items()}
        wanted = {"num_partitions": partitions, "replication_factor": 1, "configs": configs}
        admin.create_topics({fresh: wanted}, wait_for_metadata=True)
        return fresh

    yield make
    admin.close()


@pytest.fixture
def own_job_files(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Files of jobs in a folder of the test's own, here and in its processes: no other job of this machine is met."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield
    monkeypatch.setattr(tempfile, "tempdir", None)
