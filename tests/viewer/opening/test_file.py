"""Sentences about dropped files: of the file, and of nothing that was not asked for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from nerv360.errors import InputError
from nerv360.scene import write_scene
from nerv360.trajectories.trajectory import Trajectory
from nerv360.video import Clip
from nerv360.viewer.decode.open_scene import OpenScene
from nerv360.viewer.opening import DeviceChoice, open_file
from tests.support.clips import encode, ramp
from tests.support.scenes import tiny_scene

CPU = torch.device("cpu")


def said_of(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        open_file(path, DeviceChoice("cpu"))
    return str(caught.value)


def test_scenes_and_paths_are_told_apart_however_their_names_are_written(tmp_path: Path) -> None:
    scene, path = tmp_path / "HARBOUR.SAFETENSORS", tmp_path / "gaze.CSV"
    write_scene(tmp_path / "scene.safetensors", tiny_scene())
    shutil.move(tmp_path / "scene.safetensors", scene)
    path.write_text("time_s,yaw_deg,pitch_deg\n0,1,2\n1,2,3\n")
    assert isinstance(open_file(scene, DeviceChoice("cpu")), OpenScene)
    assert isinstance(open_file(path, DeviceChoice("cpu")), Trajectory)


def test_a_clip_is_one_however_its_name_is_written(tmp_path: Path) -> None:
    clip = encode(tmp_path / "clip.mp4", [ramp(index) for index in range(5)])
    opened = open_file(clip.rename(tmp_path / "HOLIDAY.MP4"), DeviceChoice("cpu"))
    assert isinstance(opened, Clip)
    assert opened.info.frames == 5


def test_what_is_none_of_these_is_said_to_be_so(tmp_path: Path) -> None:
    clip = tmp_path / "holiday.MP4"
    clip.write_bytes(bytes(range(256)))
    assert said_of(clip).startswith(f"{clip} cannot be read as a video")
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear all,\n")
    assert said_of(letter) == (
        "letter.txt is neither a scene (.safetensors), a video, a photo nor a gaze path"
    )


@pytest.mark.parametrize("name", ["gone.csv", "gone.safetensors"])
def test_a_file_that_is_gone_is_named_without_an_option(name: str, tmp_path: Path) -> None:
    said = said_of(tmp_path / name)
    assert said.startswith(f"{tmp_path / name} does not exist")
    assert "--" not in said


def test_a_broken_path_is_a_path(tmp_path: Path) -> None:
    path = tmp_path / "gaze.csv"
    path.write_text("0,1,2,3\n1,2,3\n")
    assert said_of(path) == f"{path}, line 2: 4 finite numbers are expected here"
