"""A page says what goes wrong, and goes on with what works."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.support.browser import Browser, served

pytestmark = pytest.mark.slow

HEIGHT, WIDTH = 240, 400
COUNTED = """
window.textures = 0;
for (const [name, step] of [["createTexture", 1], ["deleteTexture", -1]]) {
  const own = WebGL2RenderingContext.prototype[name];
  WebGL2RenderingContext.prototype[name] = function (...given) {
    if (given[0] !== null) window.textures += step;
    return own.apply(this, given);
  };
}
const ask = WebGL2RenderingContext.prototype.getProgramParameter;
WebGL2RenderingContext.prototype.getProgramParameter = function (program, name) {
  return window.refuses && name === this.LINK_STATUS ? false : ask.call(this, program, name);
};
"""


def opened(page: Browser, url: str, decoder: str = "nerv360") -> None:
    page.open(url, WIDTH, HEIGHT)
    page.wait(lambda: page.shown("decoder") == decoder and page.shown("whole") == "true")


def is_shown(page: Browser, element: str) -> bool:
    return bool(page.run(f"return document.getElementById('{element}').checkVisibility()"))


def test_decoders_come_and_go_without_a_leak(exported: Path, page: Browser) -> None:
    with served(exported) as url, page.prepared(COUNTED):
        opened(page, f"{url}#frame=0")
        before = page.run("return textures")
        for decoder in ("hnerv", "nerv360", "hnerv", "nerv360"):
            page.key("n")
            page.wait(lambda decoder=decoder: page.shown("decoder") == decoder)  # type: ignore[misc]
        page.key(".")
        page.wait(lambda: page.shown("frame") == "1" and page.shown("whole") == "true")
        assert page.run("return textures") <= before + 1, "at most one more picture"


def test_a_refused_decoder_leaves_the_one_in_use(exported: Path, page: Browser) -> None:
    with served(exported) as url, page.prepared(COUNTED):
        opened(page, f"{url}#frame=0")
        before = page.run("return textures")
        page.run("window.refuses = true")
        page.key("n")
        page.wait(lambda: page.text("message"))
        assert "refuses a shader" in page.text("message")
        assert page.text("decoder-name") == "nerv360"
        assert page.run("return textures") == before
        page.key(".")
        page.wait(lambda: page.shown("frame") == "1")
        assert page.shown("decoder") == "nerv360"
        page.run("window.refuses = false")
        page.key("n")  # asks for the next one, the first
        page.key("n")
        page.wait(lambda: page.shown("decoder") == "hnerv")
        assert page.text("message") == "", "another choice hides it"


@pytest.fixture
def broken(exported: Path, tmp_path: Path) -> Path:
    """Return a page whose second decoder of three is damaged."""
    folder = tmp_path / "page"
    shutil.copytree(exported, folder)
    scene = json.loads((folder / "scene.json").read_text())
    files = scene["chapters"][0]["decoders"]
    scene["decoders"].append({**scene["decoders"][0], "name": "third"})
    files["third"] = files["nerv360"]
    (folder / "scene.json").write_text(json.dumps(scene))
    file = folder / files["hnerv"]["file"]
    file.write_bytes(bytes(file.stat().st_size))
    return folder


def test_a_message_neither_blocks_nor_is_lost(broken: Path, page: Browser) -> None:
    with served(broken) as url:
        opened(page, f"{url}#frame=0")
        page.key("n")
        page.wait(lambda: page.text("message"))
        assert page.text("message") == "hnerv.safetensors is damaged: its header is not JSON."
        page.key("l")
        assert page.text("note") == "Loop off"
        page.key("i")
        assert page.text("note") == "Inertia off"
        assert is_shown(page, "message"), "a note does not replace it"
        x, y = page.run(
            "const box = sentence.getBoundingClientRect();"
            "return [box.x + box.width / 2, box.y + box.height / 2]"
        )
        page.mouse("mousePressed", x, y, button="left", buttons=1, clickCount=1)
        page.mouse("mouseMoved", x - 60, y, button="left", buttons=1)
        page.mouse("mouseReleased", x - 60, y, button="left", clickCount=1)
        page.wait(lambda: not page.text("look").startswith("yaw 0.0°"))
        page.run("dismiss.click()")
        assert not is_shown(page, "message")
        page.key("n")
        page.wait(lambda: page.shown("decoder") == "third")


def test_a_link_to_a_decoder_names_it_on_its_button(exported: Path, page: Browser) -> None:
    with served(exported) as url:
        opened(page, f"{url}#frame=0")
        page.run("location.hash = '#frame=0&decoder=hnerv'")
        page.wait(lambda: page.shown("decoder") == "hnerv")
        assert page.text("decoder-name") == "hnerv"
        assert "Decoder hnerv" in page.run("return flip.ariaLabel")


def test_a_lost_context_comes_back(exported: Path, page: Browser) -> None:
    with served(exported) as url:
        opened(page, f"{url}#frame=1")
        page.key("h")
        page.settle()
        before = page.picture()
        lost = "window.gl = view.getContext('webgl2').getExtension('WEBGL_lose_context')"
        page.run(f"{lost}; gl.loseContext()")
        page.wait(lambda: "has dropped the picture" in page.text("message"))
        page.wait(lambda: page.run("return flat.querySelector('img').naturalWidth") == 128)
        page.settle()
        box = page.run(
            "const b = message.getBoundingClientRect(); return [b.x, b.y, b.right, b.bottom]"
        )
        left, top, right, bottom = map(round, box)
        assert np.median(page.picture()[top:bottom, left:right]) < 40, "the reason is on top"
        page.run("document.getElementById('view').dataset.whole = ''; gl.restoreContext()")
        page.wait(lambda: page.shown("whole") == "true")
        assert not is_shown(page, "message")
        page.settle()
        np.testing.assert_allclose(page.picture().astype(int), before, atol=1)
        page.key(".")
        page.wait(lambda: page.shown("frame") == "2")


def test_without_its_still_panorama_a_page_decodes(
    exported: Path, page: Browser, tmp_path: Path
) -> None:
    folder = tmp_path / "page"
    shutil.copytree(exported, folder)
    (folder / "still.avif").unlink()
    with served(folder) as url:
        opened(page, f"{url}#frame=0")
        said = page.text("message")
    assert said.startswith("still.avif cannot be fetched: the server answers 404.")
    assert said.endswith("What stands still in it is dark.")


@pytest.mark.parametrize("how", ["from a file", "without a module"])
def test_words_are_there_before_scripts(
    how: str, exported: Path, page: Browser, tmp_path: Path
) -> None:
    folder = tmp_path / "page"
    shutil.copytree(exported, folder)
    (folder / "look.js").unlink()
    with served(folder) as url:
        page.open(
            url if how == "without a module" else f"file://{folder}/index.html", WIDTH, HEIGHT
        )
        assert page.text("loading").startswith("Loading…")
        page.wait(lambda: page.run("return getComputedStyle(late).visibility") == "visible")
        assert "not as a file" in page.text("loading")
        assert is_shown(page, "loading")


BROKEN_CONNECTION = """
const own = window.fetch;
window.fetch = async (address) => {
  if (!String(address).endsWith(".safetensors")) return own(address);
  const error = new TypeError("network error");
  return new Response(new ReadableStream({ pull: (it) => it.error(error) }));
};
"""
NO_WORKER = "window.Worker = function () { throw new Error('x'); };"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (BROKEN_CONNECTION, "nerv360.safetensors cannot be fetched: the connection has broken."),
        (NO_WORKER, "cannot be unpacked: this browser does not run the page's worker."),
    ],
    ids=["a broken connection", "no worker"],
)
def test_messages_are_sentences_of_the_page(
    script: str, said: str, exported: Path, page: Browser
) -> None:
    with served(exported) as url, page.prepared(script):
        page.open(url, WIDTH, HEIGHT)
        page.wait(lambda: page.text("message"))
        assert said in page.text("message")


NO_FULL_SCREEN = "delete Element.prototype.requestFullscreen;"
NO_PERMISSION = """
Object.defineProperty(navigator, "maxTouchPoints", { get: () => 5 });
DeviceOrientationEvent.requestPermission = () => Promise.reject(new Error("no gesture"));
"""
NO_SENSOR = "Object.defineProperty(navigator, 'maxTouchPoints', { get: () => 5 });"


@pytest.mark.parametrize(
    ("script", "deed", "said"),
    [
        (NO_FULL_SCREEN, "full.click()", "This browser refuses full screen here."),
        (NO_PERMISSION, "device.click()", "does not let the page follow the device"),
        (NO_SENSOR, "device.click()", "does not report how it is turned"),
    ],
    ids=["full screen", "permission", "sensor"],
)
def test_what_a_browser_cannot_do_is_said(
    script: str, deed: str, said: str, exported: Path, page: Browser
) -> None:
    with served(exported) as url, page.prepared(script):
        opened(page, f"{url}#frame=0")
        page.run(deed)
        page.wait(lambda: said in page.text("note"))
        assert page.run("return device.ariaPressed") == "false"


def test_a_release_that_never_arrives_ends_a_drag(exported: Path, page: Browser) -> None:
    with served(exported) as url:
        opened(page, f"{url}#frame=0")
        page.key("i")
        page.mouse("mousePressed", 200, 120, button="left", buttons=1, clickCount=1)
        page.mouse("mouseMoved", 250, 120, button="left", buttons=1)
        page.wait(lambda: not page.text("look").startswith("yaw 0.0°"))
        page.mouse("mouseMoved", 260, 120)
        page.wait(lambda: page.text("display") == "at rest")
        place = page.text("look")
        page.mouse("mouseMoved", 100, 60)
        page.settle()
        page.wait(lambda: page.text("display") == "at rest")
        assert page.text("look") == place
        page.mouse("mouseReleased", 100, 60, button="left", clickCount=1)


def test_keys_and_controls_are_within_reach(exported: Path, page: Browser) -> None:
    with served(exported) as url:
        page.open(f"{url}#frame=0", 640, 360)
        page.wait(lambda: page.shown("whole") == "true")
        assert is_shown(page, "help"), "at twice the size of a 1280 px wide window"
        sizes = "return [...document.querySelectorAll('#bar button')].filter(b => !b.hidden)"
        sizes += ".map(b => Math.min(b.clientWidth, b.clientHeight))"
        assert min(page.run(sizes)) >= 44
        assert not page.run("return document.querySelector('output, #clock[aria-live]')")
        page.key("?")
        page.wait(lambda: page.run("return keys.open"))
        assert page.run("return keys.scrollTop") == 0
        close = "const b = keys.querySelector('button').getBoundingClientRect();"
        assert page.run(f"{close} return b.top >= 0 && b.bottom <= innerHeight")
        page.key(".")
        page.settle()
        assert page.text("frame").startswith("0 of"), "keys do nothing behind the dialog"
        page.key("?")
        page.wait(lambda: not page.run("return keys.open"))
        page.key(" ")
        page.wait(lambda: not page.run("return timeline.ariaValueText").startswith("frame 0 of"))


def test_pinching_on_the_bar_does_not_enlarge_the_page(exported: Path, page: Browser) -> None:
    emulated = {"width": 390, "height": 700, "deviceScaleFactor": 1, "mobile": True}
    with served(exported) as url:
        opened(page, f"{url}#frame=0")
        page.devtools("Emulation.setDeviceMetricsOverride", **emulated)
        page.devtools("Emulation.setTouchEmulationEnabled", enabled=True)
        try:
            page.settle()
            y = page.run("const box = clock.getBoundingClientRect(); return box.y + box.height / 2")
            for k in range(10):
                spread = 8 * k
                page.touch("touchMove" if k else "touchStart", (150 - spread, y), (200 + spread, y))
                page.settle()
            page.touch("touchEnd")
            page.settle()
            assert page.run("return visualViewport.scale") == 1
        finally:
            page.devtools("Emulation.setTouchEmulationEnabled", enabled=False)
