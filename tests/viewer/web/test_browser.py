"""The exported page in a real browser, from a plain file server."""

from __future__ import annotations

import math
import re
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from nerv360.decoding import open_engine
from nerv360.geometry import Look
from nerv360.rendering import render_view
from nerv360.scene import read_scene, write_scene
from nerv360.shaders import Limits
from nerv360.trajectories import read_trajectory
from nerv360.viewer.sharing import decoder_file, export_web
from tests.support.browser import NO_WEBGL, Browser, browser, served
from tests.support.page import FRAMES, SMALL, plain_scene, psnr
from tests.support.scenes import lively_decoder

pytestmark = pytest.mark.slow

HEIGHT, WIDTH = 240, 400


def look_of(page: Browser) -> tuple[float, ...]:
    """Yaw, pitch and width of the view that the page names, degrees."""
    return tuple(map(float, re.findall(r"-?\d+\.\d", page.text("look"))))


def test_hands_and_keys_move_what_a_page_decodes(exported: Path, page: Browser) -> None:
    with served(exported) as url:
        page.open(f"{url}#frame=0", WIDTH, HEIGHT)
        assert page.driver.title == "Pier <1>"
        page.wait(lambda: page.shown("shown") == "decoded")
        marks = "return ['still', 'decoded'].map(n => performance.getEntriesByName(n)[0].startTime)"
        still, decoded = page.run(marks)
        assert still < decoded, "the still panorama is there first"
        assert page.shown("decoder") == "nerv360"
        page.wait(lambda: look_of(page) == (0.0, 0.0, 78.1))

        before = page.picture()
        page.key("i")  # what is let go of stays where it is
        page.mouse("mousePressed", 200, 120, button="left", buttons=1, clickCount=1)
        page.mouse("mouseMoved", 100, 120, button="left", buttons=1)
        page.mouse("mouseReleased", 100, 120, button="left", clickCount=1)
        turned = math.degrees(math.atan(0.5 * math.tan(math.radians(78.1 / 2))))
        page.wait(lambda: look_of(page)[:2] == (round(turned, 1), 0.0))
        assert psnr(before, page.picture()) < 25
        page.wait(lambda: page.text("display") == "at rest")
        page.wait(lambda: page.text("decode").startswith("at rest, "))

        page.touch("touchStart", (180, 120), (220, 120))
        page.touch("touchMove", (160, 120), (240, 120))
        page.touch("touchEnd")
        near = 2 * math.degrees(math.atan(math.tan(math.radians(78.1 / 2)) / 2))
        page.wait(lambda: abs(look_of(page)[2] - near) < 0.2)
        page.mouse("mouseWheel", 200, 120, deltaX=0, deltaY=300)
        page.wait(lambda: look_of(page)[2] > near + 5)

        for key, frame in ((".", "1"), (".", "2"), (",", "1")):
            page.key(key)
            page.wait(lambda frame=frame: page.shown("frame") == frame)  # type: ignore[misc]
        page.key("n")
        page.wait(lambda: page.shown("decoder") == "hnerv")
        assert page.shown("frame") == "1"
        assert "hnerv" in page.text("decoder-name")
        assert page.run("return document.getElementById('play').ariaLabel") == "Play"
        page.key("?")
        page.wait(lambda: page.run("return document.getElementById('keys').open"))
        assert page.text("message") == ""


def test_a_gaze_path_is_recorded_and_saved(exported: Path, page: Browser, tmp_path: Path) -> None:
    page.devtools("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    with served(exported) as url:
        page.open(f"{url}#yaw=170&frame=1", WIDTH, HEIGHT)
        page.wait(lambda: page.shown("shown") == "decoded")
        page.key("r")
        page.wait(lambda: page.text("recorded") not in ("", "0:00"))
        page.run("location.hash = '#yaw=-175&frame=2'")
        page.wait(lambda: page.shown("frame") == "2")
        page.key("r")
        file = tmp_path / "nerv360-path.csv"
        page.wait(file.exists)
        page.wait(lambda: page.run("return document.getElementById('record').hidden"))
    path = read_trajectory(str(file))
    assert path.frame is not None
    assert [path.frame[0], path.frame[-1]] == [1, 2]
    assert path.time_s[-1] >= 1
    np.testing.assert_allclose([path.yaw_deg[0], path.yaw_deg[-1]], [170, 185], atol=1e-4)


@pytest.mark.parametrize(("decoder", "layers"), [("nerv360", 256), ("hnerv", 256), ("nerv360", 5)])
def test_its_picture_is_the_one_that_render_makes(
    decoder: str, layers: int, scene: Path, exported: Path, page: Browser, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if layers < 256:
        monkeypatch.setattr(decoder_file, "Limits", partial(Limits, layers=layers))
        exported = tmp_path / "page"
        export_web(scene, exported)
    look, frame = Look.from_degrees(150, 20, 0, 60), 2  # both decode it wider, and cut it
    with served(exported) as url:
        start = f"#yaw=150&pitch=20&hfov=60&frame={frame}&decoder={decoder}"
        page.open(url + start, WIDTH, HEIGHT)
        page.wait(lambda: page.shown("decoder") == decoder)
        page.key("h")
        page.settle()
        picture = page.picture()
    engine = open_engine(read_scene(scene), decoder, "cpu", kind="eager")
    wanted = render_view(engine, look, frame, HEIGHT, WIDTH).numpy()
    assert psnr(picture, wanted) > 40
    flat = render_view(engine, look, 0, HEIGHT, WIDTH).numpy()
    assert psnr(picture, flat) < 35, "another frame is another picture"


@pytest.mark.parametrize("project_after", [1, 2])
def test_stages_on_the_sphere_are_drawn_in_crops(
    project_after: int, page: Browser, tmp_path: Path
) -> None:
    config = SMALL.replace(
        frame_height=384, frame_width=768, encoder_strides=(8,), level_channels=(2,),
        project_after=project_after,
    )  # fmt: skip
    made, file = plain_scene(), tmp_path / "pier.safetensors"
    made.decoders["nerv360"] = lively_decoder(config, FRAMES)
    write_scene(file, replace(made, width=768, height=384))
    export_web(file, tmp_path / "page")
    engine = open_engine(read_scene(file), "nerv360", "cpu", kind="eager")
    with served(tmp_path / "page") as url:
        page.open(f"{url}#yaw=170&frame=1", WIDTH, HEIGHT)
        page.wait(lambda: page.shown("shown") == "decoded")
        page.key("h")
        # In turn: the same crop, one across the seam, those of the poles, and another frame.
        for yaw, pitch, frame in (
            *((170, 0, 1), (171, 0, 1), (-175, 5, 1), (30, 89, 1), (-90, -89, 1), (180, 0, 2)),
        ):
            page.run(f"location.hash = '#yaw={yaw}&pitch={pitch}&hfov=60&frame={frame}'")
            page.settle()
            page.wait(lambda: page.shown("whole") == "true")
            page.settle()
            look = Look.from_degrees(yaw, pitch, 0, 60)  # both decode it wider, and cut it
            wanted = render_view(engine, look, frame, HEIGHT, WIDTH).numpy()
            assert psnr(page.picture(), wanted) > 50, (yaw, pitch)


def spoil(file: Path, how: str) -> None:
    content = bytearray(file.read_bytes())
    if how == "longer":
        content += b"more"
    elif how == "oversized":  # the size that the AVIF declares
        place = content.index(b"ispe") + 8
        content[place : place + 4] = (60000).to_bytes(4, "big")
    else:
        place = content.rindex(b"}") - 40
        content[place : place + 200] = bytes(200)
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "how", "said"),
    [
        ("scene.json", "spoilt", "scene.json is damaged"),
        ("still.avif", "oversized", "still.avif is damaged: it has 60000×64 pixels"),
        ("nerv360.safetensors", "longer", "has more than its"),
        ("nerv360.safetensors", "spoilt", "nerv360.safetensors is damaged"),
    ],
)
def test_what_is_damaged_or_oversized_is_a_sentence(
    name: str, how: str, said: str, exported: Path, page: Browser, tmp_path: Path
) -> None:
    folder = tmp_path / "page"
    shutil.copytree(exported, folder)
    spoil(folder / name, how)
    with served(folder) as url:
        page.open(url, WIDTH, HEIGHT)
        page.wait(lambda: page.text("message"))
        assert said in page.text("message")
        if name == "nerv360.safetensors":
            # What stands still is shown all the same.
            page.wait(lambda: page.shown("shown") == "still")


def test_without_webgl_the_still_panorama_is_shown_flat(exported: Path, tmp_path: Path) -> None:
    with served(exported) as url, browser(tmp_path / "profile", *NO_WEBGL) as page:
        page.open(url, WIDTH, HEIGHT)
        page.wait(lambda: page.text("message"))
        assert "no WebGL 2" in page.text("message")
        width = "return document.querySelector('#flat img').naturalWidth"
        page.wait(lambda: page.run(width) == 128)
        assert np.ptp(page.picture()) > 100, "there is something on it"


NO_FLOAT_TARGETS = """
const ask = WebGL2RenderingContext.prototype.getExtension;
WebGL2RenderingContext.prototype.getExtension = function (name) {
  return name.startsWith("EXT_color_buffer_") ? null : ask.call(this, name);
};
"""


@pytest.mark.parametrize("still", [True, False], ids=["over the still panorama", "alone"])
def test_without_float_targets_a_sentence_is_shown(
    still: bool, exported: Path, page: Browser, tmp_path: Path
) -> None:
    folder = exported
    if not still:
        file, folder = tmp_path / "pier.safetensors", tmp_path / "page"
        write_scene(file, plain_scene())
        export_web(file, folder)
    with served(folder) as url, page.prepared(NO_FLOAT_TARGETS):
        page.open(url, WIDTH, 2 * HEIGHT)
        page.wait(lambda: page.text("message"))
        said = page.text("message")
        page.wait(lambda: page.shown("shown") == ("still" if still else None))
        picture = page.picture()[:HEIGHT, WIDTH // 2 :]
        files = page.run("return performance.getEntriesByType('resource').map(e => e.name)")
    assert "cannot draw into textures of half floats" in said
    assert said.endswith(" What stands still in it is shown.") == still
    assert (float(picture.std()) > 20) == still
    assert not any(name.endswith(".safetensors") for name in files), "what is of no use stays away"
