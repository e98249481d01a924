"""Clips whose bytes look like text are clips, on the window and for ``info``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from nerv360.errors import InputError
from nerv360.scene import write_scene
from nerv360.video import Clip
from nerv360.viewer.cli import main
from nerv360.viewer.commands.description import is_gaze
from nerv360.viewer.commands.info import info
from nerv360.viewer.opening import DeviceChoice, open_file
from nerv360.viewer.opening.content import is_gaze_path, is_scene
from tests.support.clips import encode, ramp
from tests.support.scenes import tiny_scene

SIZE = 64, 32


def raw(path: Path) -> Path:
    path.write_bytes(bytes([120]) * (64 * 32 * 3 // 2 * 2))
    return path


def y4m(path: Path) -> Path:
    frame = b"FRAME\n" + bytes([120]) * (64 * 32 * 3 // 2)
    path.write_bytes(b"YUV4MPEG2 W64 H32 F25:1 Ip A1:1 C420jpeg\n" + 2 * frame)
    return path


def bright(path: Path) -> Path:
    Image.new("RGB", SIZE, (120, 130, 140)).save(path)
    return path


CLIPS = [
    (raw, "clip_64x32_25fps_8bit_420.yuv", 2),
    (y4m, "clip.y4m", 2),
    (bright, "photo.ppm", 1),
]


@pytest.mark.parametrize(("write", "name", "frames"), CLIPS)
def test_clips_without_a_control_byte(
    write: object, name: str, frames: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(write)
    path = write(tmp_path / name)
    assert not is_gaze_path(path)
    assert not is_gaze(str(path))
    opened = open_file(path, DeviceChoice("cpu"))
    assert isinstance(opened, Clip)
    assert opened.info.frames == frames
    info(str(path), as_json=True)
    assert json.loads(capsys.readouterr().out)["clip"]["frames"] == frames


def test_text_is_a_gaze_path(tmp_path: Path) -> None:
    for name, text in (("gaze.csv", "P6 yaw,pitch\n0,1\n"), ("gaze.txt", "0 1 2 3\n")):
        (tmp_path / name).write_text(text)
        assert is_gaze_path(tmp_path / name)
        assert is_gaze(str(tmp_path / name))


def test_a_raw_file_that_is_not_described_is_refused_with_the_option(tmp_path: Path) -> None:
    raw(tmp_path / "clip.yuv")
    with pytest.raises(InputError, match=r"^--raw: the name of .*clip\.yuv does not say its size"):
        info(str(tmp_path / "clip.yuv"))
    with pytest.raises(InputError, match=r"^nothing\.yuv does not exist"):
        info("nothing.yuv")


@pytest.mark.parametrize(
    ("content", "clause"),
    [(b"", "is empty"), (b"<!doctype html><p>hi", "is text"), (b"dear all\n", "is text")],
)
def test_what_is_no_clip_is_told_what_would_be(
    content: bytes, clause: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = "a 360° video, a photo or a folder of pictures"
    for name in ("clip.mp4", "page.html", "none"):
        path = tmp_path / name
        path.write_bytes(content)
        assert main(["train", str(path), "-o", str(tmp_path / "s.safetensors")]) == 2
        assert f": {path} {clause}: give {pictures}\n" in capsys.readouterr().err
        assert main(["view", str(path)]) == 2
        said = f": {path} {clause}: give a scene, {pictures}, and gaze paths by --trajectory\n"
        assert said in capsys.readouterr().err
        with pytest.raises(InputError, match=f"give .*a scene, {pictures}"):
            info(str(path))


def test_a_scene_and_a_video_under_each_other_s_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene, video = tmp_path / "clip.mp4", tmp_path / "scene.safetensors"
    write_scene(tmp_path / "s.safetensors", tiny_scene())
    (tmp_path / "s.safetensors").rename(scene)
    encode(tmp_path / "v.mp4", [ramp(k) for k in range(2)]).rename(video)
    assert is_scene(scene)
    assert not is_scene(video)
    for path, kind in ((scene, "scene"), (video, "clip")):
        info(str(path), as_json=True)
        assert kind in json.loads(capsys.readouterr().out)
    assert isinstance(open_file(video, DeviceChoice("cpu")), Clip)
    assert main(["train", str(scene), "-o", str(tmp_path / "t.safetensors")]) == 2
    assert "clip.mp4 is a scene: give a 360° video, a photo or a" in capsys.readouterr().err
