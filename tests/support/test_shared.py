"""What the processes of a run share is made once, and stopped by the last that uses it. Here threads stand for them."""

import concurrent.futures
import contextlib
import threading
import time

import pytest

from tests.support import shared


def together(count, work):
    with concurrent.futures.ThreadPoolExecutor(count) as threads:
        return [future.result(20) for future in [threads.submit(work, number) for number in range(count)]]


def test_files_are_made_once_and_found_whole_by_all(tmp_path):
    made = []

    def make(folder):
        made.append(folder)
        (folder / "half").touch()
        time.sleep(0.1)
        (folder / "whole").touch()

    found = together(4, lambda _: sorted(path.name for path in shared.made_once(tmp_path, "files", make).iterdir()))
    assert found == [["half", "whole"]] * 4
    assert made == [tmp_path / "files"]


def test_what_failed_is_tried_again_from_the_start(tmp_path):
    def fail(folder):
        (folder / "half").touch()
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        shared.made_once(tmp_path, "files", fail)
    assert list(shared.made_once(tmp_path, "files", lambda folder: None).iterdir()) == []


class Service:
    """Notes its starts and stops."""

    def __init__(self):
        self.events: list[str] = []

    def start(self, folder):
        self.events.append("start")
        return {"port": len(self.events)}

    def stop(self, folder):
        self.events.append("stop")


def test_a_service_is_started_by_the_first_and_stopped_by_the_last(tmp_path):
    service, inside = Service(), threading.Barrier(3)

    def use(_):
        with shared.service(tmp_path, "service", service.start, service.stop) as about:
            inside.wait(20)  # all three have it at the same time
            return about

    assert together(3, use) == [{"port": 1}] * 3
    assert service.events == ["start", "stop"]
    with shared.service(tmp_path, "service", service.start, service.stop) as about:
        assert about == {"port": 3}, "users that come later find it started again"
    assert service.events == ["start", "stop"] * 2


def test_a_service_that_does_not_start_is_stopped_and_leaves_nothing_to_the_next(tmp_path):
    service = Service()

    def fail(folder):
        raise OSError("no port")

    with contextlib.ExitStack() as stack:
        with pytest.raises(OSError, match="no port"):
            stack.enter_context(shared.service(tmp_path, "service", fail, service.stop))
        assert service.events == ["stop"]
        assert stack.enter_context(shared.service(tmp_path, "service", service.start, service.stop)) == {"port": 2}
