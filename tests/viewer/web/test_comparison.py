"""Two decoders side by side on the page, decoded by the server and by the browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from nerv360.scene import read_scene
from nerv360.viewer.opening import DeviceChoice
from nerv360.viewer.sharing import Live, SceneFiles, id_of, scene_page
from tests.support.browser import Browser, served
from tests.support.page import psnr
from tests.support.serving import running, shared_decoding

pytestmark = pytest.mark.slow

WIDTH, HEIGHT = 800, 500
START = "#yaw=-140&pitch=50&hfov=70&frame=1"
Pixels = npt.NDArray[np.uint8]


@pytest.fixture(params=["server", "browser"])
def url(
    request: pytest.FixtureRequest, scene: Path, exported: Path, tmp_path: Path
) -> Iterator[str]:
    """Yield the address of a page that one of the two places decodes for."""
    if request.param == "browser":
        with served(exported) as url:
            yield url
        return
    opened = scene_page(read_scene(scene), scene, tmp_path / "page", "here", DeviceChoice("cpu"))
    with shared_decoding(opened) as shared:
        live, files = Live(shared, id_of(scene), 2), SceneFiles(scene, quick=True)
        with running(tmp_path / "page", live=live, files=files) as address:
            yield address.url


def whole(page: Browser, left: str, right: str | None = None, frame: int = 1) -> None:
    """Return once these decoders show the whole view."""

    def shown() -> bool:
        names = page.shown("decoder"), page.shown("right") or None
        return names == (left, right) and page.shown("whole") == "true"

    page.wait(shown)
    page.wait(lambda: page.shown("frame") == str(frame))
    page.settle()


def alone(page: Browser, url: str, decoder: str) -> Pixels:
    """Return the view as one decoder shows it."""
    page.open(f"{url}{START}&decoder={decoder}", WIDTH, HEIGHT)
    whole(page, decoder)
    page.key("h")
    page.settle()
    return page.picture()


def place(page: Browser) -> float:
    """Return where the divider is, in columns."""
    middle = "const { left, width } = document.getElementById('divider').getBoundingClientRect();"
    return float(page.run(f"{middle} return left + width / 2"))


def drag(page: Browser, to: float) -> None:
    """Move the divider to column ``to``."""
    page.mouse("mousePressed", place(page), 100, button="left", buttons=1, clickCount=1)
    page.mouse("mouseMoved", to, 120, button="left", buttons=1)
    page.mouse("mouseReleased", to, 120, button="left", clickCount=1)
    page.settle()


def compare(page: Browser, one: Pixels, other: Pixels, divider: int) -> None:
    """Assert that the page shows one picture left of column ``divider``, the other right of it."""
    picture, around = page.picture(), 20
    left, right = slice(0, divider - around), slice(divider + around, WIDTH)
    assert psnr(picture[:, left], one[:, left]) > 38
    assert psnr(picture[:, right], other[:, right]) > 38
    assert psnr(picture[:, left], other[:, left]) < 30
    assert psnr(picture[:, right], one[:, right]) < 30


def test_each_side_shows_what_its_decoder_shows_alone(url: str, page: Browser) -> None:
    hnerv, nerv360 = (alone(page, url, name) for name in ("hnerv", "nerv360"))
    page.key("h")
    page.key("c")
    whole(page, "nerv360", "hnerv")
    assert (page.text("side-left"), page.text("side-right")) == ("nerv360", "hnerv")
    assert page.run("return document.getElementById('split').ariaPressed") == "true"
    for side in ("left", "right"):
        page.run(f"document.getElementById('side-{side}').style.display = 'none'")
    page.key("h")
    page.settle()
    assert place(page) == WIDTH / 2
    compare(page, nerv360, hnerv, WIDTH // 2)
    drag(page, 200)
    assert place(page) == 200
    compare(page, nerv360, hnerv, 200)
    drag(page, -50)
    assert place(page) == 0.05 * WIDTH, "it stays where it can be dragged back"
    page.key("c")
    whole(page, "nerv360")
    assert page.run("return document.getElementById('divider').hidden")
    assert psnr(page.picture(), nerv360) > 38


def test_both_sides_go_on_while_the_clip_plays(url: str, page: Browser) -> None:
    page.open(f"{url}{START}&decoder=nerv360", WIDTH, HEIGHT)
    whole(page, "nerv360")
    page.run("document.getElementById('split').click()")
    whole(page, "nerv360", "hnerv")
    page.run("document.getElementById('play').click()")
    seen: set[tuple[str | None, str | None]] = set()
    frames = "const { frame, rightFrame } = document.getElementById('view').dataset;"

    def both() -> bool:
        seen.add(tuple(page.run(f"{frames} return [frame, rightFrame]")))
        return all(len({each[side] for each in seen}) == 3 for side in (0, 1))

    page.wait(both)
    page.run("document.getElementById('play').click()")
    page.run("location.hash = '#yaw=-140&pitch=50&hfov=70&frame=2&decoder=nerv360'")
    whole(page, "nerv360", "hnerv", 2)
    page.wait(lambda: page.run(f"{frames} return rightFrame") == "2")


def test_a_comparison_follows_the_switch_of_the_place(
    scene: Path, page: Browser, tmp_path: Path
) -> None:
    opened = scene_page(read_scene(scene), scene, tmp_path / "page", "here", DeviceChoice("cpu"))
    with shared_decoding(opened) as shared:
        live, files = Live(shared, id_of(scene), 2), SceneFiles(scene, quick=True)
        with running(tmp_path / "page", live=live, files=files) as address:
            page.open(f"{address.url}{START}&decoder=nerv360", WIDTH, HEIGHT)
            whole(page, "nerv360")
            page.key("c")
            whole(page, "nerv360", "hnerv")
            page.key("h")
            page.settle()
            by_server = page.picture()
            page.run("document.getElementById('place').click()")
            names = "return performance.getEntriesByType('resource').map(e => e.name)"
            page.wait(
                lambda: sum(each.endswith(".safetensors") for each in page.run(names)) == 2,
            )
            page.run("location.hash = '#yaw=100&pitch=-60&hfov=70&frame=1&decoder=nerv360'")
            whole(page, "nerv360", "hnerv")
            assert psnr(page.picture(), by_server) < 20
            page.run(f"location.hash = '{START}&decoder=nerv360'")
            whole(page, "nerv360", "hnerv")
            page.wait(lambda: psnr(page.picture(), by_server) > 28)  # JPEG changes noise much
