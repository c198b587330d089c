"""A real Chromium without a window, driven over its pipe: what it shows of a page, and what it asked for to do so."""

import base64
import contextlib
import dataclasses
import io
import json
import os
import pathlib
import subprocess
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

_NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND"
_FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-sync")


@dataclasses.dataclass(frozen=True)
class Shown:
    """A page as it was shown: a picture (PNG), how wide its content is, and every address that was asked for.

    `told` is the value of the script that was run in it, None without one.
    """

    picture: bytes
    content_width: int
    height: int
    asked: list[str]
    errors: list[str]
    told: Any = None


class Chromium:
    """A running browser; commands and events are JSON objects over two pipes (`--remote-debugging-pipe`)."""

    def __init__(self, to_browser: int, from_browser: int):
        self._to, self._from = to_browser, from_browser
        self._read = b""
        self._next = 0
        self._events: list[dict[str, Any]] = []

    def show(self, page: pathlib.Path, width: int, height: int = 900, script: str | None = None) -> Shown:
        """Open a file in a window of a size, the whole of it in the picture; `script` is run in it before that."""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Network", "Page", "Log", "Runtime"):
            self._call(f"{domain}.enable", session)
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._call("Emulation.setDeviceMetricsOverride", session, **metrics)
        self._events.clear()
        self._call("Page.navigate", session, url=page.resolve().as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self._events):
            self._events.append(self._message())
        told = None if script is None else self._evaluated(session, script)
        size = self._call("Page.getLayoutMetrics", session)["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": width, "height": size["height"], "scale": 1}
        picture = self._call("Page.captureScreenshot", session, format="png", clip=clip, captureBeyondViewport=True)[
            "data"
        ]
        wide = self._evaluated(session, "Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)")
        asked = [
            event["params"]["request"]["url"]
            for event in self._events
            if event["method"] == "Network.requestWillBeSent"
        ]
        errors = [event["params"]["entry"]["text"] for event in self._events if event["method"] == "Log.entryAdded"]
        self._call("Target.closeTarget", targetId=target)
        return Shown(base64.b64decode(picture), int(wide), int(size["height"]), asked, errors, told)

    def _evaluated(self, session: str, script: str) -> Any:
        return self._call("Runtime.evaluate", session, expression=script, returnByValue=True)["result"].get("value")

    def close(self) -> None:
        """Ask the browser to end."""
        self._call("Browser.close")

    def _call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        self._next += 1
        call = {"id": self._next, "method": method, "params": parameters}
        data = json.dumps(call if session is None else {**call, "sessionId": session}).encode() + b"\0"
        while data:
            data = data[os.write(self._to, data) :]
        while True:
            message = self._message()
            if message.get("id") == self._next:
                assert "error" not in message, f"{method}: {message['error']}"
                return message["result"]
            if "method" in message:
                self._events.append(message)

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._read:
            part = os.read(self._from, 1 << 20)
            assert part, "the browser ended"
            self._read += part
        message, _, self._read = self._read.partition(b"\0")
        return json.loads(message)


def check_page(chromium: Chromium, page: pathlib.Path, width: int, colours: Iterable[tuple[int, int, int]]) -> None:
    """Fail unless a page fits a width, has errors of no kind, fetches nothing and is drawn to its end, in colours too.

    `colours` are those of series of charts, red, green and blue of 255.
    """
    import matplotlib.image  # here, since conftest imports this module in every run

    shown = chromium.show(page, width)
    assert shown.asked == [page.resolve().as_uri()]
    assert shown.errors == []
    assert shown.content_width == width
    picture = matplotlib.image.imread(io.BytesIO(shown.picture), format="png")[:, :, :3]
    assert picture.shape[:2] == (shown.height, width)
    inked = (np.abs(picture - 1.0).max(axis=2) > 0.2).mean(axis=1)
    for band in np.array_split(inked, 8):  # something is drawn from its top to its end
        assert band.max() > 0.02
    found = {tuple(one) for one in (picture.reshape(-1, 3) * 255).astype(int).tolist()}
    assert set(colours) <= found


@contextlib.contextmanager
def running(program: str, folder: pathlib.Path) -> Iterator[Chromium]:
    """Start a browser that finds no host, with its profile in `folder`; it ends with the block."""
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    command = [program, *_FLAGS, _NO_NETWORK, "--remote-debugging-pipe", f"--user-data-dir={folder}", "about:blank"]
    shell = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
    process = subprocess.Popen(
        ["bash", "-c", shell, "chromium", *command],
        pass_fds=(theirs_in, theirs_out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        browser = Chromium(ours_out, ours_in)
        yield browser
        browser.close()
    finally:
        os.close(ours_out)
        os.close(ours_in)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
