"""`nerv360 make-clip` writes what was asked for and refuses what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from nerv360.errors import InputError
from nerv360.sound import clip_sound
from nerv360.video import open_clip
from nerv360.viewer.cli import main
from nerv360.viewer.commands.make_clip import make_clip


@pytest.mark.slow
def test_a_clip_and_a_folder(tmp_path: Path) -> None:
    for name in ("clip.mp4", "pictures"):
        make_clip(tmp_path / name, "64x32", 2, 25.0, "cpu", 12, False)
        info = open_clip(tmp_path / name).info
        assert (info.width, info.height, info.frames) == (64, 32, 2)
    clip = open_clip(tmp_path / "clip.mp4")
    assert clip.info.fps == 25.0
    sound = clip_sound(clip)
    assert sound is not None
    assert sound.is_ambisonic


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("--size", it) for it in ("wide", "2048", "-64x-32", "640x322", "66x33", "32x16")),
        ("--size", "16384x8192"),
        ("--frames", "0"),
        ("--fps", "0"),
        ("--fps", "nan"),
        ("--quality", "52"),
    ],
)
def test_options_are_refused_by_name(
    tmp_path: Path, option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "clip.mp4"
    assert main(["make-clip", "-o", str(output), f"{option}={value}"]) == 2
    assert option in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.slow
def test_an_existing_file_is_kept_unless_told_otherwise(tmp_path: Path) -> None:
    kept = tmp_path / "clip.mp4"
    kept.write_text("precious")
    with pytest.raises(InputError, match="--overwrite"):
        make_clip(kept, "64x32", 1, 30.0, "cpu", 12, False)
    assert kept.read_text() == "precious"
    make_clip(kept, "64x32", 1, 30.0, "cpu", 12, True)
    assert open_clip(kept).info.frames == 1


def test_an_unknown_ending_is_refused_before_rendering(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"clip\.gif"):
        make_clip(tmp_path / "clip.gif", "64x32", 1, 30.0, "cpu", 12, False)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_device_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--device: the device must be auto"):
        make_clip(tmp_path / "clip.mp4", "64x32", 1, 30.0, "abacus", 12, False)
    assert list(tmp_path.iterdir()) == []
