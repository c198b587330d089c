"""What local services share, with small programs in place of Kafka and Flink."""

import concurrent.futures
import dataclasses
import os
import pathlib
import socket
import sys
import time

import pytest

from beam_jobs.services import background_process, local_service
from beam_jobs.services.local_service import ServiceProcess
from schemas.errors import ServiceError

PATIENCE_S = 60


@pytest.fixture
def process(tmp_path: pathlib.Path) -> ServiceProcess:
    return ServiceProcess(tmp_path, "store", "The store", ("the-store", str(tmp_path)))


def command(process: ServiceProcess, code: str) -> list[str]:
    return [sys.executable, "-c", code, *process.words]


def test_one_life(process: ServiceProcess) -> None:
    ready = process.folder / "ready"
    code = "import pathlib, sys, time; pathlib.Path(sys.argv[2], 'ready').touch(); time.sleep(600)"
    assert process.pid is None
    local_service.bring_up({process: command(process, code)}, {process: lambda _: ready.exists()}, PATIENCE_S)
    assert process.pid is not None
    local_service.bring_up({}, {process: lambda _: ready.exists()}, PATIENCE_S)
    assert local_service.stop(process.folder, [process], PATIENCE_S)
    assert process.pid is None
    assert not local_service.stop(process.folder, [process], PATIENCE_S)
    assert not local_service.stop(process.folder / "missing", [process], PATIENCE_S)


def test_what_ends_while_it_starts_says_its_last_error(process: ServiceProcess) -> None:
    code = "print('an ERROR of ours'); print('bye')"
    with pytest.raises(ServiceError, match=r"The store ended while it started: an ERROR of ours; see .*store\.log"):
        local_service.bring_up({process: command(process, code)}, {process: lambda _: False}, PATIENCE_S)


def test_what_does_not_answer_in_time_is_ended(process: ServiceProcess) -> None:
    code = "import time; time.sleep(600)"
    with pytest.raises(ServiceError, match=r"The store does not answer after 0\.2 s; see .*store\.log"):
        local_service.bring_up({process: command(process, code)}, {process: lambda _: False}, 0.2)
    assert process.pid is None


def test_what_answers_for_a_process_that_has_ended_is_another(process: ServiceProcess) -> None:
    process.launch(command(process, "print('address in use')"))
    pid = process.pid
    assert pid is None or background_process.ended(pid, 1000 * PATIENCE_S)
    with pytest.raises(ServiceError, match="The store ended while it started: address in use"):
        process.wait_for(lambda _: True, time.monotonic() + PATIENCE_S, PATIENCE_S)


def test_an_answer_may_take_the_time_that_is_left_and_the_port_is_named(process: ServiceProcess) -> None:
    given: list[float] = []

    def answers(left_s: float) -> bool:
        given.append(left_s)
        return len(given) == 3

    process.launch(command(process, "import time; time.sleep(600)"))
    try:
        process.wait_for(answers, time.monotonic() + PATIENCE_S, PATIENCE_S)
        assert given == sorted(given, reverse=True)
        assert PATIENCE_S >= given[0] > given[2] > 0
        at_port = dataclasses.replace(process, port=9092)
        with pytest.raises(ServiceError, match=r"The store on port 9092 does not answer after 7 s; see .*store\.log"):
            at_port.wait_for(lambda _: False, time.monotonic(), 7)
    finally:
        process.end(PATIENCE_S)


def test_last_error(process: ServiceProcess) -> None:
    for text, words in (("", "it said nothing"), ("a\nb\n", "b"), ("x Exception: y\nb\n", "x Exception: y")):
        process.log.write_text(text)
        assert process.last_error() == f"{words}; see {process.log}"


def test_one_command_at_a_time(process: ServiceProcess) -> None:
    def when_it_is_my_turn() -> float:
        with local_service.one_at_a_time(process.folder):
            return time.monotonic()

    with concurrent.futures.ThreadPoolExecutor() as threads:
        with local_service.one_at_a_time(process.folder):
            other = threads.submit(when_it_is_my_turn)
            done, _ = concurrent.futures.wait([other], timeout=0.2)
            assert not done
            before = time.monotonic()
        assert other.result(PATIENCE_S) >= before


def test_a_taken_port_is_named_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            ServiceError, match=f"port {port} on 127.0.0.1 cannot be used: address .* in use by process {os.getpid()} "
        ):
            local_service.check_free([port], "move")


def test_a_port_that_is_given_back_in_time_is_free() -> None:
    with concurrent.futures.ThreadPoolExecutor() as threads, socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        checked = threads.submit(local_service.check_free, [port], "move", PATIENCE_S)
        done, _ = concurrent.futures.wait([checked], timeout=0.3)
        assert not done
        taken.close()
        checked.result(PATIENCE_S)
