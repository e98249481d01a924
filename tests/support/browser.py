"""Chromium without a screen, its WebGL drawn by the processor, and pages of a plain server."""

from __future__ import annotations

import base64
import contextlib
import io
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

PATIENCE_S = 120.0
"""For anything that a page is to do: two cores that others use too take their time."""
_PROGRAMS = {
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
    "chromedriver": ("chromedriver", "chromium.chromedriver"),
}
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-sync",
)
DRAWS = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")
"""Flags with which there is WebGL 2 without a graphics card."""
NO_WEBGL = ("--disable-3d-apis",)


class Browser:
    """One browser with one page.

    Attributes:
        driver: selenium's.
    """

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, url: str, width: int, height: int) -> None:
        """Load a page anew, its picture of this size."""
        self.driver.get("about:blank")
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        self.driver.get(url)

    def devtools(self, command: str, **given: object) -> Any:
        """Do what the DevTools protocol calls so."""
        return self.driver.execute_cdp_cmd(command, given)

    @contextlib.contextmanager
    def prepared(self, script: str) -> Iterator[None]:
        """Run a script in every page that is loaded inside, before its own."""
        added = self.devtools("Page.addScriptToEvaluateOnNewDocument", source=script)
        try:
            yield
        finally:
            self.devtools("Page.removeScriptToEvaluateOnNewDocument", **added)

    def run(self, script: str) -> Any:
        """Return the result of a function's body."""
        return self.driver.execute_script(script)

    def text(self, element: str) -> str:
        """Return the text of an element of the page."""
        return str(self.run(f"return document.getElementById('{element}').textContent"))

    def shown(self, name: str) -> str | None:
        """Return a property of the picture on the page: shown, frame or decoder."""
        value: str | None = self.run(f"return document.getElementById('view').dataset.{name}")
        return value

    def wait(self, condition: Callable[[], object]) -> None:
        """Return once ``condition`` holds."""
        end = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < end, (
                f"it never came to be; the page says {self.text('message')}"
            )
            time.sleep(0.05)

    def settle(self) -> None:
        """Return after what has happened is drawn."""
        self.run(
            "return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )

    def mouse(self, kind: str, x: float, y: float, **given: object) -> None:
        """Send an event of the mouse: mousePressed, mouseMoved, mouseReleased, mouseWheel."""
        self.devtools("Input.dispatchMouseEvent", type=kind, x=x, y=y, **given)

    def touch(self, kind: str, *places: tuple[float, float]) -> None:
        """Send an event of fingers at these places: touchStart, touchMove, touchEnd."""
        points = [{"x": x, "y": y, "id": k} for k, (x, y) in enumerate(places)]
        self.devtools("Input.dispatchTouchEvent", type=kind, touchPoints=points)

    def key(self, text: str) -> None:
        """Press and release a key that types ``text``."""
        code = f"Key{text.upper()}" if text.isalpha() else ""
        self.devtools("Input.dispatchKeyEvent", type="keyDown", key=text, code=code, text=text)
        self.devtools("Input.dispatchKeyEvent", type="keyUp", key=text, code=code)

    def picture(self) -> npt.NDArray[np.uint8]:
        """Return the screen, height×width×3."""
        data = self.devtools("Page.captureScreenshot", format="png")["data"]
        with Image.open(io.BytesIO(base64.b64decode(data))) as image:
            return np.array(image.convert("RGB"))


@contextlib.contextmanager
def browser(folder: Path, *flags: str) -> Iterator[Browser]:
    """Yield a browser with a new profile; skip the test if there is none."""
    webdriver = pytest.importorskip("selenium.webdriver")
    found = {}
    for program, names in _PROGRAMS.items():
        found[program] = next(filter(None, map(shutil.which, names)), None)
        if found[program] is None:
            pytest.skip(
                f"there is no {program} here (Debian: apt-get install chromium chromium-driver)"
            )
    options = webdriver.ChromeOptions()
    options.binary_location = found["chromium"]
    for flag in (*_FLAGS, *flags, f"--user-data-dir={folder}"):
        options.add_argument(flag)
    service = webdriver.ChromeService(found["chromedriver"])
    driver = webdriver.Chrome(options=options, service=service)
    driver.set_script_timeout(PATIENCE_S)
    try:
        yield Browser(driver)
    finally:
        driver.quit()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Yield the address of a folder that a plain file server serves."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()
