"""How a streaming job hears that it shall end."""

import signal
import threading

import pytest

from beam_jobs.stream.job import running

BOTH = (signal.SIGTERM, signal.SIGINT)


@pytest.mark.parametrize("first", BOTH)
def test_a_second_ctrl_c_breaks_off_and_a_second_sigterm_waits_on(first: signal.Signals) -> None:
    before, stop = [signal.getsignal(number) for number in BOTH], threading.Event()
    with running._stopped_by_signals(stop) as can:
        assert can
        signal.raise_signal(first)
        assert stop.is_set()
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert [signal.getsignal(number) for number in BOTH] == before


def test_a_job_in_a_thread_leaves_signals_to_its_program() -> None:
    said: list[bool] = []

    def job() -> None:
        with running._stopped_by_signals(threading.Event()) as can:
            said.append(can)

    thread = threading.Thread(target=job)
    thread.start()
    thread.join(60)
    assert said == [False]
