"""The page, decoded by the server: what it shows, and links that stop."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from nerv360.decoding import ClipEngine, open_engine
from nerv360.geometry import Look
from nerv360.rendering import render_view
from nerv360.scene import read_scene, write_coded
from nerv360.video import VideoWriter, open_clip
from nerv360.viewer.opening import DeviceChoice, prepare_clip, prepare_scene
from nerv360.viewer.paths import DEMO
from nerv360.viewer.sharing import (
    Address,
    Live,
    SceneFiles,
    export_clip,
    export_web,
    id_of,
    live_description,
    scene_page,
)
from tests.support.browser import Browser
from tests.support.fake_engine import sphere_panorama
from tests.support.link import slow_link
from tests.support.page import psnr
from tests.support.scenes import chaptered_scene
from tests.support.serving import running, shared_decoding

pytestmark = pytest.mark.slow

WIDTH, HEIGHT = 1280, 720


@pytest.fixture(scope="module")
def folder(scene: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a page of a server that decodes at first."""
    folder = tmp_path_factory.mktemp("live") / "page"
    export_web(scene, folder, live_description(read_scene(scene), "pier", "here", False))
    return folder


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the same of the demo, whose pictures are as those of a film."""
    folder = tmp_path_factory.mktemp("demo") / "page"
    export_web(DEMO, folder, live_description(read_scene(DEMO), "pier", "here", False))
    return folder


@contextmanager
def decoding(scene: Path, folder: Path, visitors: int = 4) -> Iterator[Address]:
    """Yield the address of a server of ``folder`` that decodes ``scene``."""
    with (
        shared_decoding(prepare_scene(read_scene(scene), scene, DeviceChoice("cpu"))) as shared,
        running(folder, live=Live(shared, "pier", visitors)) as address,
    ):
        yield address


@pytest.fixture
def address(scene: Path, folder: Path) -> Iterator[Address]:
    with decoding(scene, folder) as address:
        yield address


@pytest.mark.parametrize(
    ("decoder", "look_deg"),
    [("nerv360", (0, 0, 0, 70)), ("hnerv", (0, 0, 0, 70)), ("nerv360", (30, -50, 20, 105))],
    ids=["one picture", "whole frames", "several pictures"],
)
def test_its_picture_is_the_one_that_render_makes(
    decoder: str, look_deg: tuple[float, ...], demo: Path, page: Browser
) -> None:
    yaw, pitch, roll, hfov = look_deg
    start = f"#yaw={yaw}&pitch={pitch}&roll={roll}&hfov={hfov}&frame=20&decoder={decoder}"
    with decoding(DEMO, demo) as address:
        page.open(address.url + start, WIDTH, HEIGHT)
        page.wait(lambda: page.shown("decoder") == decoder and page.shown("whole") == "true")
        page.key("h")
        page.settle()
        picture = page.picture()
    engine = open_engine(read_scene(DEMO), decoder, "cpu", kind="auto")
    look = Look.from_degrees(*look_deg)
    wanted = render_view(engine, look, 20, HEIGHT, WIDTH).numpy()
    other = render_view(engine, look, 60, HEIGHT, WIDTH).numpy()
    assert psnr(picture, wanted) > 38
    assert psnr(picture, other) < 35, "another frame is another picture"
    files = page.run("return performance.getEntriesByType('resource').map(e => e.name)")
    assert not any(name.endswith(".safetensors") for name in files), "no decoder is fetched"


def test_a_clip_is_shown_by_its_codec(page: Browser, tmp_path: Path) -> None:
    file = tmp_path / "sphere.mp4"
    with VideoWriter(file, 512, 256, 10.0) as film:
        for frame in range(4):
            film.write(sphere_panorama(256, 512, frame).to(torch.uint8))
    clip = open_clip(file)
    opened = prepare_clip(clip, planes=False)
    folder = tmp_path / "page"
    export_clip(opened, folder, live_description(None, "pier", "here", False))
    with (
        shared_decoding(opened) as shared,
        running(folder, live=Live(shared, "pier", 2)) as address,
    ):
        page.open(f"{address.url}#yaw=170&pitch=20&hfov=80&frame=2", 800, 450)
        page.wait(lambda: page.shown("whole") == "true" and page.shown("frame") == "2")
        page.key("h")
        page.settle()
        picture = page.picture()
        assert page.run("return document.getElementById('place').hidden"), "there is one place"
    look = Look.from_degrees(170, 20, 0, 80)
    assert psnr(picture, render_view(ClipEngine(clip), look, 2, 450, 800).numpy()) > 38
    assert psnr(picture, render_view(ClipEngine(clip), look, 0, 450, 800).numpy()) < 35


def test_all_chapters_of_a_scene_are_shown(page: Browser, tmp_path: Path) -> None:
    file = tmp_path / "pier.safetensors"
    write_coded(file, chaptered_scene("nerv360")[0])
    first, folder = read_scene(file, chapter=0), tmp_path / "page"
    with shared_decoding(scene_page(first, file, folder, "auto", DeviceChoice("cpu"))) as shared:
        engine, look = open_engine(file, "nerv360", "cpu"), Look.from_degrees(30, 10, 0, 50)
        views = [render_view(engine, look, frame, 450, 800).numpy() for frame in (1, 7)]
        live, files = Live(shared, id_of(file), 2), SceneFiles(file, quick=True)
        with running(folder, live=live, files=files) as address:
            page.open(f"{address.url}#yaw=30&pitch=10&hfov=50&frame=1", 800, 450)

            def view(frame: int) -> npt.NDArray[np.uint8]:
                page.run(f"location.hash = '#yaw=30&pitch=10&hfov=50&frame={frame}'")
                page.wait(lambda: page.shown("frame") == str(frame))
                page.wait(lambda: page.shown("whole") == "true")
                page.key("h")
                page.settle()
                picture = page.picture()
                page.key("h")
                return picture

            for index, frame in enumerate((1, 7)):
                picture = view(frame)
                assert psnr(picture, views[index]) > 30
                assert psnr(picture, views[1 - index]) < 25
            assert page.text("place") == "server", "this browser draws without a graphics card"


def test_a_switch_changes_the_place(address: Address, page: Browser) -> None:
    page.open(address.url, 800, 500)
    page.wait(lambda: page.shown("shown") == "decoded")
    assert page.text("place") == "server"
    page.wait(lambda: re.match(r"\d+\.\d fps, .* round trip", page.text("place-server")))
    assert page.text("place-browser") == "–"
    page.run("document.getElementById('place').click()")
    page.wait(lambda: "fps" in page.text("place-browser"))
    assert page.text("place") == "browser"
    assert "round trip" not in page.text("place-server")
    assert "fps" in page.text("place-server"), "its last rate stays"
    page.key("n")
    page.wait(lambda: page.shown("decoder") == "hnerv")
    page.run("document.getElementById('place').click()")
    page.wait(lambda: page.shown("link") == "open" and "round trip" in page.text("place-server"))
    page.key("n")
    page.wait(lambda: page.shown("decoder") == "nerv360")
    assert page.text("sentence") == ""


CARD = """
const get = WebGL2RenderingContext.prototype.getParameter;
WebGL2RenderingContext.prototype.getParameter = function (name) {
  return name === 0x9246 ? "A graphics card" : get.call(this, name);
};
"""
SLOW = """
const { fenceSync: fence, getSyncParameter: state } = WebGL2RenderingContext.prototype;
const begun = new Map();
WebGL2RenderingContext.prototype.fenceSync = function (...given) {
  const made = fence.apply(this, given);
  begun.set(made, performance.now());
  return made;
};
WebGL2RenderingContext.prototype.getSyncParameter = function (made, name) {
  if (performance.now() - begun.get(made) < 210) return this.UNSIGNALED;
  return state.call(this, made, name);
};
"""


def automatic(scene: Path, folder: Path, gpu: bool) -> None:
    export_web(scene, folder, live_description(read_scene(scene), "pier", "auto", gpu))


@pytest.mark.parametrize(("gpu", "script"), [(False, ""), (True, CARD)], ids=["software", "GPU"])
def test_auto_takes_the_server_at_once(
    scene: Path, tmp_path: Path, page: Browser, gpu: bool, script: str
) -> None:
    automatic(scene, tmp_path / "page", gpu)
    with decoding(scene, tmp_path / "page") as address, page.prepared(script):
        page.open(address.url, 800, 500)
        page.wait(lambda: page.shown("shown") == "decoded")
        assert page.text("place") == "server"
        files = page.run("return performance.getEntriesByType('resource').map(e => e.name)")
        assert not any(name.endswith(".safetensors") for name in files), "no decoder is fetched"


def test_auto_leaves_a_slow_browser_unless_the_visitor_has_chosen(
    scene: Path, tmp_path: Path, page: Browser
) -> None:
    automatic(scene, tmp_path / "page", False)
    with decoding(scene, tmp_path / "page") as address, page.prepared(CARD + SLOW):
        page.open(address.url, 800, 500)
        page.wait(lambda: page.shown("shown") == "decoded")
        page.wait(
            lambda: page.text("place") == "server" and "round trip" in page.text("place-server")
        )
        assert "fps" in page.text("place-browser"), "it began there"
        page.open(address.url, 800, 500)
        for _ in range(2):
            page.wait(lambda: page.run("return !document.getElementById('place').hidden"))
            page.run("document.getElementById('place').click()")
        frames = [page.shown("frame")]

        def another() -> bool:
            frame = page.shown("frame")
            if frame != frames[-1]:
                frames.append(frame)
            return len(frames) > 4

        page.wait(another)
        assert page.text("place") == "browser", "the visitor's choice stays"


def test_what_the_server_tells_of_a_training_is_shown(
    scene: Path, folder: Path, page: Browser
) -> None:
    whole = read_scene(scene)
    with shared_decoding(prepare_scene(whole, scene, DeviceChoice("cpu"))) as shared:
        live = Live(shared, "pier", 2)
        with running(folder, live=live) as address:
            page.open(f"{address.url}#frame=0&decoder=nerv360", 800, 500)
            page.wait(lambda: page.shown("whole") == "true")
            assert page.run("return document.getElementById('course').hidden")
            before = page.picture()
            course = {
                "step": 1500,
                "steps": 5000,
                "loss": [[1, 0.5], [1500, 0.125]],
                "psnr": [[700, 28.5]],
            }
            live.tell(course=course | {"moving": []})
            page.wait(lambda: page.text("course-steps") == "step 1,500 of 5,000")
            assert (page.text("course-loss"), page.text("course-psnr")) == (
                "loss 0.125",
                "PSNR 28.50 dB",
            )
            line = page.run(
                "return document.querySelector('#course .loss[points]').getAttribute('points')"
            )
            assert line == "0.0,0.0 60.0,72.0"
            page.run("document.getElementById('course').hidden = true")
            page.settle()
            decoder = whole.decoders["nerv360"]
            decoder.embeddings = decoder.embeddings.flip(-1)
            shared.replace(prepare_scene(whole, scene, DeviceChoice("cpu")))
            live.tell(renewed=1)
            page.wait(lambda: psnr(before, page.picture()) < 40)


def dragged(page: Browser) -> bool:
    """Whether a drag changes what is on screen."""
    before = page.picture()
    page.mouse("mousePressed", 400, 250, button="left", buttons=1, clickCount=1)
    page.mouse("mouseMoved", 300, 250, button="left", buttons=1)
    page.mouse("mouseReleased", 300, 250, button="left", clickCount=1)
    page.settle()
    return psnr(before, page.picture()) < 30


def test_a_link_that_stops_comes_back(address: Address, page: Browser) -> None:
    with slow_link(address.port) as link:
        page.open(f"http://127.0.0.1:{link.port}/#frame=0", 800, 500)
        page.wait(lambda: page.shown("shown") == "decoded")
        link.stop()
        page.wait(lambda: page.shown("link") == "lost")
        assert "does not answer" in page.text("sentence")
        assert dragged(page), "it goes on turning what it has"
        link.go()
        page.wait(lambda: page.shown("link") == "open")
        page.wait(lambda: page.text("sentence") == "")
        page.key(".")
        page.wait(lambda: page.shown("frame") == "1")


def test_a_server_that_starts_again_is_found_again(
    scene: Path, folder: Path, page: Browser
) -> None:
    # Its port could be taken meanwhile.
    with slow_link(0) as link:
        with decoding(scene, folder) as address:
            link.lead_to(address.port)
            page.open(f"http://127.0.0.1:{link.port}/#frame=0", 800, 500)
            page.wait(lambda: page.shown("shown") == "decoded")
        page.wait(lambda: page.shown("link") == "lost")
        assert dragged(page)
        with decoding(scene, folder) as address:
            link.lead_to(address.port)
            page.wait(lambda: page.shown("link") == "open")
            page.key(".")
            page.wait(lambda: page.shown("frame") == "1")
            assert page.text("sentence") == ""


def test_a_visitor_too_many_is_told_and_waits(scene: Path, folder: Path, page: Browser) -> None:
    with decoding(scene, folder, visitors=0) as address:
        page.open(address.url, 800, 500)
        page.wait(lambda: "visitors are here already" in page.text("sentence"))
        page.run("document.getElementById('place').click()")
        page.wait(lambda: page.shown("shown") == "decoded")
        assert page.text("sentence") == ""


def test_a_page_that_had_to_wait_is_decoded_for_at_last(
    scene: Path, folder: Path, page: Browser
) -> None:
    with slow_link(0) as link:
        with decoding(scene, folder, visitors=0) as address:
            link.lead_to(address.port)
            page.open(f"http://127.0.0.1:{link.port}/", 800, 500)
            page.wait(lambda: "visitors are here already" in page.text("sentence"))
        with decoding(scene, folder) as address:
            link.lead_to(address.port)
            page.wait(lambda: page.shown("shown") == "decoded")
            assert page.text("sentence") == ""
