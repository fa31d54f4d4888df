"""A real browser without a window, driven over a pipe with nothing but the standard library.

Chromium reads DevTools messages from its file descriptor 3 and writes them to 4, each ended by a NUL byte.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
ABSENT = (
    "no browser: install one (Debian: apt-get install chromium), or name one in the environment variable "
    "PACKSPLIT_BROWSER"
)
LONGEST_WAIT_S = 60.0
"""Only for a browser that hangs; no test waits for it otherwise."""

# Moves the two ends to 3 and 4 by way of numbers that cannot be in the way, then becomes the browser.
_LAUNCH = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(each), fcntl.F_DUPFD, 100) for each in sys.argv[1:3]]
for place, end in zip((3, 4), ends):
    os.dup2(end, place)
os.execv(sys.argv[3], sys.argv[3:])
"""


def find_browser() -> str | None:
    """The browser to use; None where there is none."""
    named = os.environ.get("PACKSPLIT_BROWSER")
    if named:
        return shutil.which(named)
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Page:
    """One tab, with all that the browser said about it."""

    def __init__(self, read_end: int, write_end: int) -> None:
        self._read, self._write = read_end, write_end
        self._buffer = b""
        self._sent = 0
        self._session = ""
        self.events: list[dict[str, object]] = []
        target = self._ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        attached = self._ask("Target.attachToTarget", {"targetId": target, "flatten": True})
        self._session = str(attached["sessionId"])
        for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
            self._ask(f"{domain}.enable")

    def look(
        self, *, dark: bool = False, width: int = 1280, height: int = 900, media: str = "screen"
    ) -> None:
        """Set what the page is shown on."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask("Emulation.setEmulatedMedia", {"media": media, "features": [scheme]})
        size: dict[str, object] = {
            "width": width,
            "height": height,
            "deviceScaleFactor": 1,
            "mobile": width < 600,
        }
        self._ask("Emulation.setDeviceMetricsOverride", size)

    def open(self, path: Path) -> None:
        """Load a file and wait until it has loaded."""
        self.events.clear()
        self._ask("Page.navigate", {"url": path.resolve().as_uri()})
        self._until(lambda event: event.get("method") == "Page.loadEventFired")

    def evaluate(self, expression: str) -> object:
        """What a script of ours makes of the page; it is no script of the page's, so no policy stops it."""
        asked = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        answer = self._ask("Runtime.evaluate", asked)
        assert "exceptionDetails" not in answer, answer
        result = answer["result"]
        assert isinstance(result, dict)
        return result.get("value")

    def picture(self, path: Path, *, whole: bool = True) -> bytes:
        """Save what is seen as PNG, the whole page by default."""
        shot = self._ask("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": whole})
        found = base64.b64decode(str(shot["data"]))
        path.write_bytes(found)
        return found

    def complaints(self) -> list[object]:
        """All that the browser objected to: console messages, blocked content, errors."""
        self.evaluate("1")  # what was said before this is read by now
        wanted = (
            "Log.entryAdded",
            "Runtime.consoleAPICalled",
            "Runtime.exceptionThrown",
            "Audits.issueAdded",
        )
        return [event for event in self.events if event.get("method") in wanted]

    def requested(self) -> list[str]:
        """Addresses that were asked for."""
        self.evaluate("1")
        sent = [
            event["params"] for event in self.events if event.get("method") == "Network.requestWillBeSent"
        ]
        return [str(each["request"]["url"]) for each in sent]  # type: ignore[index]  # as DevTools says it

    def _ask(self, method: str, params: dict[str, object] | None = None) -> dict[str, object]:
        self._sent += 1
        number = self._sent
        message: dict[str, object] = {"id": number, "method": method, "params": params or {}}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        answer = self._until(lambda event: event.get("id") == number)
        assert "error" not in answer, (method, answer)
        result = answer["result"]
        assert isinstance(result, dict)
        return result

    def _until(self, wanted: Callable[[dict[str, object]], bool]) -> dict[str, object]:
        while True:
            event = self._next()
            if "method" in event:
                self.events.append(event)
            if wanted(event):
                return event

    def _next(self) -> dict[str, object]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], LONGEST_WAIT_S)
            assert ready, f"the browser said nothing for {LONGEST_WAIT_S} s"
            read = os.read(self._read, 1 << 20)
            assert read, "the browser has gone"
            self._buffer += read
        message, _, self._buffer = self._buffer.partition(b"\0")
        found = json.loads(message)
        assert isinstance(found, dict)
        return found


@contextmanager
def browser_page(binary: str, profile: Path) -> Iterator[Page]:
    """Start a browser with a profile of its own, and end it."""
    to_browser, write_end = os.pipe()
    read_end, from_browser = os.pipe()
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        "--remote-debugging-pipe",
        f"--user-data-dir={profile}",
    ]
    launch = [sys.executable, "-c", _LAUNCH, str(to_browser), str(from_browser), binary, *options]
    quiet = subprocess.DEVNULL
    started = subprocess.Popen(launch, pass_fds=(to_browser, from_browser), stdout=quiet, stderr=quiet)
    os.close(to_browser)
    os.close(from_browser)
    try:
        page = Page(read_end, write_end)
        yield page
        page._session = ""
        os.write(write_end, json.dumps({"id": 0, "method": "Browser.close"}).encode() + b"\0")
        started.wait(LONGEST_WAIT_S)
    finally:
        started.kill()
        started.wait()
        os.close(read_end)
        os.close(write_end)
