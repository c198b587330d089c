"""Work that hangs is named once; work that ends in time is left alone. How a process ends: `test_batch_marker`."""

import threading

from beam_jobs.process.watchdog import Watchdog


def test_only_what_takes_too_long_is_named_and_once() -> None:
    lines: list[str] = []
    named = threading.Event()

    def end(line: str) -> None:
        lines.append(line)
        named.set()

    watchdog = Watchdog(0.2, end)
    with watchdog.watching("quick"):
        pass
    with watchdog.watching("slow"):
        assert named.wait(30)
    watchdog.close()
    (line,) = lines
    assert line.startswith("onegraph: slow has been in work for over 0.2 s; this process ends")
