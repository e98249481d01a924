"""The view in a headset, which an emulator stands for, with a pose and eyes of its own."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from nerv360.decoding import open_engine
from nerv360.geometry import Look, sample_erp
from nerv360.networks import composite
from nerv360.scene import read_scene
from tests.support.browser import Browser, served
from tests.support.page import SUITE, psnr

pytestmark = pytest.mark.slow

EMULATOR = SUITE / "node_modules" / "iwer" / "build" / "iwer.module.js"
SET_UP = """
import { XRDevice, metaQuest3 } from "./iwer.module.js";
window.device = new XRDevice(metaQuest3);
device.installRuntime({ forceInstall: true });
device.ipd = 0.063;
device.stereoEnabled = true;
const poses = XRFrame.prototype.getViewerPose;
XRFrame.prototype.getViewerPose = function (space) {
  const pose = poses.call(this, space);
  const layer = this.session.renderState.baseLayer;
  window.eyes = pose?.views.map((view) => {
    const { x, y, width, height } = layer.getViewport(view);
    const [matrix, projection] = [view.transform.matrix, view.projectionMatrix].map((m) => [...m]);
    return { viewport: [x, y, width, height], matrix, projection };
  });
  window.frames_ = (window.frames_ ?? 0) + 1;
  return pose;
};
"""


@pytest.fixture
def folder(exported: Path, tmp_path: Path) -> Path:
    """Return the page with the emulator, which is there before its own scripts."""
    if not EMULATOR.exists():
        pytest.skip("the emulator iwer is not installed (npm ci --prefix tests/web)")
    folder = tmp_path / "page"
    shutil.copytree(exported, folder)
    shutil.copy(EMULATOR, folder / "iwer.module.js")
    (folder / "headset.js").write_text(SET_UP)
    html = (folder / "index.html").read_text()
    script = '<script type="module" src="page.js">'
    assert script in html
    (folder / "index.html").write_text(
        html.replace(script, '<script type="module" src="headset.js"></script>' + script)
    )
    return folder


def page_axes(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Vectors in a headset's axes (right, up, back) in the page's, for yaw 0 ahead."""
    right, up, back = np.moveaxis(vectors, -1, 0)
    return np.stack([-back, up, -right], -1)


def seen_by(eye: dict[str, list[float]], turn: float) -> torch.Tensor:
    """Directions of an eye's pixels, height×width×3, in the page's axes."""
    _, _, width, height = map(int, eye["viewport"])
    projection = np.reshape(eye["projection"], (4, 4)).T
    x = 2 * (np.arange(width) + 0.5) / width - 1
    y = 1 - 2 * (np.arange(height) + 0.5) / height
    plane = np.full((height, width, 3), -1.0)
    plane[..., 0] = (x[None] + projection[0, 2]) / projection[0, 0]
    plane[..., 1] = (y[:, None] + projection[1, 2]) / projection[1, 1]
    rotation = np.reshape(eye["matrix"], (4, 4)).T[:3, :3]
    x_, y_, z_ = np.moveaxis(page_axes(plane @ rotation.T), -1, 0)
    cosine, sine = math.cos(turn), math.sin(turn)
    turned = np.stack([x_ * cosine + z_ * sine, y_, z_ * cosine - x_ * sine], -1)
    return torch.from_numpy(turned).float()


def yaw_of(eye: dict[str, list[float]]) -> float:
    x, _, z = page_axes(-np.array(eye["matrix"][8:11]))
    return math.atan2(-z, x)


def turned_to(page: Browser, quaternion: str) -> list[dict[str, list[float]]]:
    """Turn the head, and return what is known of the eyes after some frames."""
    page.run(f"device.quaternion.set({quaternion}); window.frames_ = 0")
    page.wait(lambda: page.run("return window.frames_") > 3)
    eyes: list[dict[str, list[float]]] = page.run("return window.eyes")
    return eyes


def test_both_eyes_see_the_scene_from_their_pose(scene: Path, folder: Path, page: Browser) -> None:
    engine = open_engine(read_scene(scene), "hnerv", "cpu", kind="eager")
    assert engine.still is not None
    planes = engine.decode(Look(), 1).pixels.permute(2, 0, 1)[None].float() / 255
    still = engine.still.permute(2, 0, 1)[None].float() / 255
    with served(folder) as url:
        page.open(f"{url}#yaw=40&frame=1&decoder=hnerv", 640, 320)
        page.wait(lambda: page.shown("decoder") == "hnerv" and page.shown("whole") == "true")
        page.wait(lambda: not page.run("return headset.hidden"))
        page.key("h")
        page.run("device.quaternion.set(0, 0.1, 0, 0.995); headset.click()")
        turn = math.radians(40) - yaw_of(turned_to(page, "0, 0.1, 0, 0.995")[0])
        for pose in ("0.1, 0.2, 0.05, 0.97", "-0.4, -0.5, 0.1, 0.76"):
            eyes = turned_to(page, pose)
            picture = page.picture()
            assert len(eyes) == 2
            for eye in eyes:
                left, _, width, height = map(int, eye["viewport"])
                directions = seen_by(eye, turn)
                decoded = sample_erp(planes, directions)[0]
                wanted = composite(decoded[:3], decoded[3:], sample_erp(still, directions)[0])
                pixels = (255 * wanted).round().byte().permute(1, 2, 0).numpy()
                assert psnr(picture[:height, left : left + width], pixels) > 38
        page.run("headset.click()")
        page.wait(lambda: page.run("return headset.ariaPressed") == "false")
        page.key(".")
        page.wait(lambda: page.shown("frame") == "2")


def test_a_headset_decodes_all_that_both_eyes_see(folder: Path, page: Browser) -> None:
    with served(folder) as url:
        page.open(f"{url}#frame=1&decoder=nerv360", 640, 320)
        page.wait(lambda: page.shown("decoder") == "nerv360")
        page.wait(lambda: not page.run("return headset.hidden"))
        page.run("device.fovy = 2; headset.click()")
        turned_to(page, "0, 0.1, 0, 0.995")
        page.run("document.getElementById('view').dataset.whole = ''")
        page.wait(lambda: page.shown("whole") == "true")
        frame = "device.controllers.right.updateButtonValue('trigger', 1)"
        page.run(frame)
        page.wait(lambda: page.run("return document.getElementById('play').ariaLabel") == "Pause")
        page.run("headset.click()")
        page.wait(lambda: page.run("return headset.ariaPressed") == "false")
        assert page.text("message") == ""


def test_what_fails_in_a_headset_is_told_in_it(folder: Path, page: Browser) -> None:
    (folder / "nerv360.safetensors").unlink()
    with served(folder) as url:
        page.open(f"{url}#frame=1&decoder=hnerv", 640, 320)
        page.wait(lambda: page.shown("decoder") == "hnerv" and page.shown("whole") == "true")
        page.wait(lambda: not page.run("return headset.hidden"))
        page.run("headset.click()")
        eyes = turned_to(page, "0, 0.1, 0, 0.995")
        page.wait(lambda: page.shown("whole") == "true")
        before = page.picture()
        seen: list[npt.NDArray[np.uint8]] = [before]

        def told() -> bool:
            seen.append(page.picture())
            return not np.array_equal(seen[-1], before)

        page.key("n")
        page.wait(lambda: page.text("sentence") != "")
        page.wait(told)
        after = seen[-1]
        assert page.run("return headset.ariaPressed") == "true", "it goes on"
        for eye in eyes:
            left, _, width, height = map(int, eye["viewport"])
            changed = (before != after).any(-1)[:height, left : left + width]
            rows, columns = np.nonzero(changed)
            assert columns.min() > 0.1 * width
            assert columns.max() < 0.9 * width
            assert rows.min() > height / 2, "the middle of the view stays free"
            words = after[rows.min() : rows.max(), left + columns.min() : left + columns.max()]
            assert (words > 200).all(-1).mean() > 0.02
        page.run("document.getElementById('dismiss').click()")
        page.wait(lambda: np.array_equal(page.picture(), before))
        page.run("headset.click()")
