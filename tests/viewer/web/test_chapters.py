"""A page of a scene with chapters: fetched one by one, a few held, and shown as `render` does."""

from __future__ import annotations

import shutil
from itertools import accumulate
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from nerv360.decoding import open_engine
from nerv360.geometry import Look
from nerv360.rendering import render_view
from nerv360.scene import read_scene
from nerv360.viewer.opening import DeviceChoice
from nerv360.viewer.sharing import (
    Live,
    SceneFiles,
    export_web,
    id_of,
    scene_page,
)
from tests.support.browser import Browser, served
from tests.support.page import LENGTHS, psnr
from tests.support.serving import running, shared_decoding

pytestmark = pytest.mark.slow

HEIGHT, WIDTH = 240, 400
FIRSTS = [0, *accumulate(LENGTHS)][:-1]
LAST = sum(LENGTHS) - 1
LOOK = "yaw=-140&pitch=50&hfov=60"
COUNTED = """
window.textures = 0;
window.programs = 0;
for (const [name, what, step] of [
  ["createTexture", "textures", 1],
  ["deleteTexture", "textures", -1],
  ["linkProgram", "programs", 1],
]) {
  const own = WebGL2RenderingContext.prototype[name];
  WebGL2RenderingContext.prototype[name] = function (...given) {
    if (given[0] !== null) window[what] += step;
    return own.apply(this, given);
  };
}
"""
FAILS = """
const own = window.fetch;
window.fails = /nothing/;
window.tried = 0;
window.fetch = async (address, ...given) => {
  if (!window.fails.test(String(address))) return own(address, ...given);
  window.tried += 1;
  throw new TypeError("network error");
};
"""


@pytest.fixture(scope="module")
def pages(chaptered: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("web") / "page"
    export_web(chaptered, folder)
    return folder


def go(page: Browser, frame: int, decoder: str = "nerv360") -> None:
    """Jump to a frame, and return once it is shown."""
    page.run(f"location.hash = '#{LOOK}&frame={frame}&decoder={decoder}'")
    wait(page, frame, decoder)


def wait(page: Browser, frame: int, decoder: str = "nerv360") -> None:
    page.wait(lambda: page.shown("frame") == str(frame) and page.shown("decoder") == decoder)
    page.wait(lambda: page.shown("whole") == "true")


def view(page: Browser) -> npt.NDArray[np.uint8]:
    """Return the page's picture without its overlay."""
    page.key("h")
    page.settle()
    picture = page.picture()
    page.key("h")
    return picture


def wanted(scene: Path, frame: int, decoder: str = "nerv360") -> npt.NDArray[np.uint8]:
    look = Look.from_degrees(-140, 50, 0, 60)
    return render_view(open_engine(scene, decoder, "cpu"), look, frame, HEIGHT, WIDTH).numpy()


def held(page: Browser) -> list[int]:
    return list(map(int, str(page.shown("held")).split()))


def fetched(page: Browser, part: str) -> list[str]:
    """Return the names of the files fetched so far that contain ``part``."""
    names = page.run("return performance.getEntriesByType('resource').map(e => e.name)")
    return [name.rpartition("/")[2] for name in names if part in name]


def test_each_chapter_is_shown_as_render_shows_it(
    chaptered: Path, pages: Path, page: Browser
) -> None:
    frames = [FIRSTS[0], FIRSTS[1], LAST, FIRSTS[2] + 1, FIRSTS[1] - 1]
    expected = [wanted(chaptered, frame) for frame in frames]
    with served(pages) as url, page.prepared(COUNTED):
        page.open(f"{url}#{LOOK}&frame=0", WIDTH, HEIGHT)
        wait(page, 0)
        programs = page.run("return programs")
        pictures = []
        for frame in frames:
            go(page, frame)
            pictures.append(view(page))
        assert page.run("return programs") == programs, "shaders are compiled once"
        assert page.text("message") == ""
    for index, (frame, picture) in enumerate(zip(frames, pictures, strict=True)):
        alike = [psnr(picture, each) for each in expected]
        assert alike[index] > 38, f"frame {frame}"
        assert max(alike[:index] + alike[index + 1 :]) < 30, "each looks different"


def test_few_chapters_are_held_while_it_plays(pages: Path, page: Browser) -> None:
    with served(pages) as url, page.prepared(COUNTED):
        page.open(f"{url}#{LOOK}&frame=0", WIDTH, HEIGHT)
        wait(page, 0)
        assert held(page) == [0], "at rest nothing is fetched ahead"
        before, most, seen = page.run("return textures"), 0, set()
        page.key(" ")

        def round_twice() -> bool:
            nonlocal most
            seen.add((page.run("return playback_laps"), page.shown("chapter")))
            assert len(held(page)) <= 5
            most = max(most, page.run("return textures"))
            return len(seen) > 2 * len(LENGTHS)

        page.run(
            "window.playback_laps = 0; let last = 0;"
            "setInterval(() => { const now = Number(timeline.value);"
            " if (now < last) playback_laps += 1; last = now; }, 5)"
        )
        page.wait(round_twice)
        page.key(" ")
        page.wait(lambda: len(held(page)) <= 3)
        assert most <= before + 6, "still panoramas, and pictures of two decoders"
        assert {f"nerv360-{k:04d}.safetensors" for k in range(len(LENGTHS))} <= set(
            fetched(page, ".safetensors")
        )
        assert fetched(page, "hnerv") == [], "of decoders that are not shown nothing is fetched"


SLOW = """
const own = window.fetch;
window.fetch = async (address, ...given) => {
  if (/nerv360-000[1-9]/.test(String(address)))
    await new Promise((done) => (window.go = done));
  return own(address, ...given);
};
"""


def test_a_jump_shows_the_still_panorama_first(chaptered: Path, pages: Path, page: Browser) -> None:
    frame = FIRSTS[3]
    with served(pages) as url, page.prepared(SLOW):
        page.open(f"{url}#{LOOK}&frame=0", WIDTH, HEIGHT)
        wait(page, 0)
        page.run(f"location.hash = '#{LOOK}&frame={frame}'")
        page.wait(lambda: page.shown("chapter") == "3")
        assert page.shown("whole") == "false"
        assert page.text("loading") == "Loading the decoder nerv360…"
        still = view(page)
        page.key(" ")
        page.wait(lambda: page.run("return document.documentElement.matches('.plays')"))
        page.settle()
        assert page.run("return timeline.value") == str(frame), "the clip waits for its chapter"
        page.key(" ")
        page.run("window.go()")
        wait(page, frame)
        picture = view(page)
    scene = read_scene(chaptered, chapter=3)
    engine = open_engine(scene, "nerv360", "cpu")
    assert engine.still is not None
    assert psnr(picture, wanted(chaptered, frame)) > 38
    assert psnr(still, picture) < 30
    with served(pages) as url:
        page.open(f"{url}#{LOOK}&frame={frame}", WIDTH, HEIGHT)
        wait(page, frame)
        page.key("p")
        page.key("p")
        share = view(page)
    bare = share.max(axis=-1) == 0  # where only the still panorama is seen
    assert bare.mean() > 0.1
    assert psnr(still[bare], picture[bare]) > 38


def test_a_failed_fetch_is_said_and_tried_again(
    chaptered: Path, pages: Path, page: Browser
) -> None:
    said = "nerv360-0001.safetensors cannot be fetched: the server does not answer."
    with served(pages) as url, page.prepared(FAILS):
        page.open(f"{url}#{LOOK}&frame=0", WIDTH, HEIGHT)
        wait(page, 0)
        page.run("window.fails = /nerv360-0001/")
        page.run(f"location.hash = '#{LOOK}&frame={FIRSTS[1]}'")
        page.wait(lambda: page.text("message"))
        assert page.text("message") == said
        page.wait(lambda: page.shown("chapter") == "1")
        go(page, FIRSTS[2])
        assert page.text("message") == "", "other chapters are shown"
        page.run(f"location.hash = '#{LOOK}&frame={FIRSTS[1]}'")
        page.wait(lambda: page.text("message") == said)
        page.key(" ")
        page.wait(lambda: page.run("return Number(timeline.value)") >= FIRSTS[2])
        page.key(" ")
        go(page, LAST)
        page.run(f"location.hash = '#{LOOK}&frame={FIRSTS[1]}'")
        page.wait(lambda: page.text("message") == said)
        page.run("window.fails = /nothing/")
        wait(page, FIRSTS[1])
        assert page.text("message") == ""
        page.run("window.fails = /still-0003/")
        go(page, FIRSTS[3])
        assert page.text("message").endswith("What stands still in it is dark.")
        dark = view(page)
        page.run("window.fails = /nothing/")
        page.wait(lambda: page.text("message") == "")
        wait(page, FIRSTS[3])
        assert psnr(view(page), dark) < 20
        assert psnr(view(page), wanted(chaptered, FIRSTS[3])) > 38


def test_a_damaged_chapter_is_one_sentence(pages: Path, page: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "page"
    shutil.copytree(pages, folder)
    for name in ("nerv360-0000.safetensors", "still-0002.avif"):
        (folder / name).write_bytes(bytes((folder / name).stat().st_size))
    with served(folder) as url:
        page.open(f"{url}#{LOOK}&frame=0", WIDTH, HEIGHT)
        page.wait(lambda: page.text("message"))
        assert (
            page.text("message") == "nerv360-0000.safetensors is damaged: its header is not JSON."
        )
        go(page, FIRSTS[1])
        assert page.text("message") == ""
        go(page, FIRSTS[2])
        assert page.text("message") == (
            "still-0002.avif is damaged: it is not an AVIF picture. "
            "What stands still in it is dark."
        )


def test_two_decoders_are_compared_across_chapters(
    chaptered: Path, pages: Path, page: Browser
) -> None:
    with served(pages) as url:
        page.open(f"{url}#{LOOK}&frame=0&decoder=nerv360", WIDTH, HEIGHT)
        wait(page, 0)
        page.key("c")
        page.wait(lambda: page.shown("right") == "hnerv")
        assert held(page) == [0]
        for frame in (FIRSTS[1], LAST):
            go(page, frame)
            page.wait(lambda frame=frame: page.shown("rightFrame") == str(frame))  # type: ignore[misc]
            for side in ("left", "right"):
                page.run(f"document.getElementById('side-{side}').style.display = 'none'")
            picture, half = view(page), WIDTH // 2 - 20
            for decoder, part in (("nerv360", np.s_[:, :half]), ("hnerv", np.s_[:, -half:])):
                assert psnr(picture[part], wanted(chaptered, frame, decoder)[part]) > 38


def test_a_lost_context_comes_back_in_its_chapter(pages: Path, page: Browser) -> None:
    with served(pages) as url:
        page.open(f"{url}#{LOOK}&frame={FIRSTS[2]}", WIDTH, HEIGHT)
        wait(page, FIRSTS[2])
        assert_ticks(page)
        before = view(page)
        page.run("window.gl = view.getContext('webgl2').getExtension('WEBGL_lose_context')")
        page.run("gl.loseContext()")
        page.wait(lambda: "has dropped the picture" in page.text("message"))
        page.run("document.getElementById('view').dataset.whole = ''; gl.restoreContext()")
        page.wait(lambda: page.shown("whole") == "true")
        np.testing.assert_allclose(view(page).astype(int), before, atol=1)


def assert_ticks(page: Browser) -> None:
    """Assert that the timeline has ticks where chapters begin."""
    path = page.run("return document.querySelector('#ticks path').getAttribute('d')")
    places = [float(each.split()[0]) for each in path[1:].split("M")]
    assert places == pytest.approx([first / LAST for first in FIRSTS[1:]])
    page.settle()
    picture = page.picture()
    left, top, width, height = page.run(
        "const box = document.getElementById('ticks').getBoundingClientRect();"
        "return [box.x, box.y, box.width, box.height]"
    )
    x, y = left + width * FIRSTS[1] / LAST, top + height / 8
    row = picture[round(y), round(x) - 3 : round(x) + 4].max(-1).astype(int)
    assert row.max() > row.min() + 20, "a line above the track"


def test_a_server_makes_the_files_of_a_chapter_when_they_are_asked_for(
    chaptered: Path, page: Browser, tmp_path: Path
) -> None:
    folder = tmp_path / "page"
    first = read_scene(chaptered, chapter=0)
    with shared_decoding(
        scene_page(first, chaptered, folder, "browser", DeviceChoice("cpu"))
    ) as shared:
        live, files = Live(shared, id_of(chaptered), 2), SceneFiles(chaptered, quick=True)
        frame = FIRSTS[3]
        expected = wanted(chaptered, frame)
        assert not list(folder.glob("*.safetensors"))
        with running(folder, live=live, files=files) as address:
            page.open(f"{address.url}#{LOOK}&frame={frame}", WIDTH, HEIGHT)
            wait(page, frame)
            assert page.text("place") == "browser"
            assert psnr(view(page), expected) > 38
            page.run("document.getElementById('place').click()")
            page.wait(
                lambda: page.shown("link") == "open" and "round trip" in page.text("place-server")
            )
            go(page, FIRSTS[1])
            assert psnr(view(page), wanted(chaptered, FIRSTS[1])) > 28  # JPEG changes noise much
            assert fetched(page, "nerv360-0001") == [], "the server decodes"
            page.run("document.getElementById('place').click()")
            go(page, FIRSTS[2])
            assert psnr(view(page), wanted(chaptered, FIRSTS[2])) > 38
