"""Gaze files on the command line: what is understood of one, and how to insist."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nerv360.errors import InputError
from nerv360.scene import write_scene
from nerv360.viewer.cli import main
from nerv360.viewer.opening import DeviceChoice, open_file
from tests.support import gaze_files
from tests.support.gaze_files import turn
from tests.support.scenes import tiny_scene


def written(folder: Path, content: str, name: str = "gaze.csv") -> str:
    file = folder / name
    file.write_text(content)
    return str(file)


def test_info_prints_what_was_understood(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, gaze_files.salient360(turn()))
    assert main(["info", file]) == 0
    printed = capsys.readouterr().out
    for part in ("salient360", "by the names of its columns", "0.00° to 60.00°", "10 a second"):
        assert part in printed
    assert main(["info", file, "--json"]) == 0
    gaze = json.loads(capsys.readouterr().out)["gaze"]
    assert (gaze["format"], gaze["samples"], gaze["end"]) == ("salient360", 20, 1.9)
    assert gaze["yaw_deg"] == pytest.approx([0, 60])
    assert gaze["warnings"] == []


def test_info_tells_of_paths_without_a_file_and_of_picture_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", "jvet:balboa-vp0"]) == 0
    assert "stretched over the clip" in capsys.readouterr().out
    file = written(tmp_path, gaze_files.pictures(turn()))
    assert main(["info", file, "--gaze-format", "frame-yaw-pitch-roll"]) == 0
    assert "19 pictures" in capsys.readouterr().out


def test_info_refuses_what_it_cannot_tell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, gaze_files.radians(turn()))
    assert main(["info", file]) == 2
    said = capsys.readouterr().err
    assert "time-yaw-pitch-roll-radians" in said
    assert said.rstrip().endswith("(such as time_s,yaw_deg,pitch_deg,roll_deg) by --gaze-format")
    assert main(["info", file, "--gaze-format", "time-yaw-pitch-roll-radians"]) == 0
    assert main(["info", file, "--gaze-format", "nonsense"]) == 2
    assert "--gaze-format: 'nonsense' is not a format" in capsys.readouterr().err
    assert main(["info", "--preset", "demo", "--gaze-format", "jin2022"]) == 2
    assert "--gaze-format: there is no gaze file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("none.csv", None, "does not exist: give the file of a gaze path"),
        ("gaze.csv", "time,yaw,pitch\n0,\x1b[31mred,2\n", "is not a gaze path: it is not text"),
        ("gaze.txt", "", "is empty: give a scene, a 360° video, a photo or a folder"),
        ("recording", "time,theta,phi\n0,1,2\n", "names no yaw and no pitch"),
    ],
)
def test_info_speaks_of_gaze_where_a_gaze_file_was_meant(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: str | None,
    sentence: str,
) -> None:
    if content is not None:
        written(tmp_path, content, name)
    assert main(["info", str(tmp_path / name)]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert "\x1b" not in said


def test_a_doubtful_path_is_refused_until_it_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = tmp_path / "pier.safetensors"
    write_scene(scene, tiny_scene("nerv360", frames=2))
    file = written(tmp_path, gaze_files.quaternions(turn(), "unity", "xyzw"), "head.txt")
    film = tmp_path / "film.mp4"
    command = ["render", str(scene), "-o", str(film), "--trajectory", file]
    assert main(command) == 2
    said = capsys.readouterr().err
    assert "--trajectory: " in said
    assert "unity-xyzw or openxr-xyzw" in said
    assert said.rstrip().endswith("by --gaze-format")
    assert not film.exists()
    assert main([*command, "--gaze-format", "unity-xyzw"]) == 0
    assert film.exists()
    view = tmp_path / "view.png"
    assert main(["render", str(scene), "-o", str(view), "--gaze-format", "jin2022"]) == 2
    assert "--gaze-format: there is no gaze path" in capsys.readouterr().err


def test_what_is_doubtful_is_said_beside_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = tmp_path / "pier.safetensors"
    write_scene(scene, tiny_scene("nerv360", frames=2))
    file = written(tmp_path, gaze_files.angles(turn()))
    film = tmp_path / "film.mp4"
    assert main(["render", str(scene), "-o", str(film), "--trajectory", file]) == 0
    assert "gaze.csv: read as time-yaw-pitch-roll" in capsys.readouterr().err


def test_a_doubtful_file_that_is_dropped_names_the_way_to_insist(tmp_path: Path) -> None:
    file = written(tmp_path, gaze_files.radians(turn()))
    with pytest.raises(InputError, match=r"nerv360 view --trajectory FILE --gaze-format NAME$"):
        open_file(Path(file), DeviceChoice("cpu"))
