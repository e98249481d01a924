"""Training, the window, `info` and `evaluate` see the same clip, as its file declares it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from nerv360.clip_pictures import ClipPictures
from nerv360.errors import InputError
from nerv360.geometry import Look
from nerv360.training import read_clip
from nerv360.video import Clip, open_clip
from nerv360.viewer.cli import main
from nerv360.viewer.commands.description import describe_clip
from nerv360.viewer.decode import ORIGINAL
from nerv360.viewer.opening import DeviceChoice, open_file, prepare_clip
from tests.support.clips import stereo
from tests.support.field_clips import ACCEPTED, LEFT, REFUSED, RIGHT, Expected, both_eyes, write

FIELD = Path(__file__).parents[3] / "shared" / "data" / "field"
CPU = torch.device("cpu")


def check_agreement(path: Path) -> Clip:
    """Check that all who read the clip get the same pictures; return it."""
    clip = open_clip(path)
    height, width = clip.info.height, clip.info.width
    trained = read_clip(clip, (height, width), 4)
    dropped = open_file(path, DeviceChoice("cpu"))
    assert isinstance(dropped, Clip)
    scene = prepare_clip(dropped, planes=False)
    engine = scene.source(ORIGINAL).engines[0]()
    judged = ClipPictures(path)
    described = describe_clip(clip)[0]["clip"]
    assert (scene.frames, scene.fps, scene.size) == (
        clip.info.frames,
        clip.info.fps,
        (height, width),
    )
    assert judged.info == clip.info
    assert (described["width"], described["height"]) == (width, height)
    assert described["frames"] == clip.info.frames == len(clip.shown)
    assert described["notes"] == list(clip.notes)
    for at in {0, min(3, clip.info.frames - 1), clip.info.frames - 1}:
        shown = engine.decode(Look(), at).pixels
        assert torch.equal(shown[..., :3], judged[at])
        assert bool((shown[..., 3] == 255).all())
        if at < 4:
            frame = trained.frame(at, CPU)[0].permute(1, 2, 0) * 255
            assert torch.equal(frame.round().byte(), judged[at])
    return clip


@pytest.mark.parametrize("name", ACCEPTED)
def test_all_commands_see_what_the_file_declares(name: str, tmp_path: Path) -> None:
    make, expected = ACCEPTED[name]
    clip = check_agreement(make(tmp_path / name))
    check(clip, expected)


def check(clip: Clip, expected: Expected) -> None:
    assert (clip.info.width, clip.info.height) == expected.size
    assert (clip.info.frames, clip.pictures) == (expected.frames, expected.pictures)
    assert clip.eye == expected.eye
    assert any(expected.note in note for note in clip.notes) or not expected.note, clip.notes
    covered = 1.0 if clip.coverage is None else clip.coverage.mean()
    assert covered == pytest.approx(expected.covered, abs=0.02)
    first = next(clip.read()).float()
    for (x, y), colour in expected.points.items():
        seen = first[int(y * clip.info.height), int(x * clip.info.width)]
        assert (seen - torch.tensor(colour)).abs().max() < 10, (x, y, seen.tolist(), colour)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_applied_is_refused_by_name(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, sentence = REFUSED[name]
    path = make(tmp_path / name)
    for command in (
        ["view", str(path)],
        ["info", str(path)],
        ["train", str(path), "-o", str(tmp_path / "scene.safetensors")],
    ):
        assert main(command) == 2
        said = capsys.readouterr().err
        assert sentence in said
        assert name in said
        assert said.count("\n") == 1


def test_the_other_eye_can_be_chosen(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.mp4", both_eyes(0), stereo(1))
    for eye, blue in (("left", LEFT), ("right", RIGHT)):
        clip = open_clip(path, eye="left" if eye == "left" else "right")
        assert float(next(clip.read())[..., 2].float().mean()) == pytest.approx(blue, abs=4)
        assert f"the {eye} eye's are taken" in clip.notes[0]


def test_a_list_of_files_a_pipe_and_an_empty_file_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "plain.mp4")
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile plain.mp4\n")
    (tmp_path / "empty.mp4").touch()
    os.mkfifo(tmp_path / "pipe.mp4")
    for name, sentence in (
        ("list.mp4", "is a list of other files"),
        ("pipe.mp4", "is not a file"),
        ("empty.mp4", "cannot be read as a video"),
    ):
        with pytest.raises(InputError, match=f"{name} {sentence}"):
            open_clip(tmp_path / name)


SIZES = {
    "f_unpadded": (256, 128, 12), "f_exif180": (256, 128, 4), "f_exif90": (256, 128, 4),
    "f_grey16": (256, 128, 4), "f_alpha": (256, 128, 4), "f_mac": (256, 128, 4),
    "f_gaps": (256, 128, 9), "pano_exif180.jpg": (256, 128, 1), "cut_tail.mp4": (512, 256, 10),
    "gap60.mp4": (512, 256, 620), "hdr_pq.mp4": (256, 128, 4), "hdr_hlg.mp4": (256, 128, 4),
    "p169_sar98.mp4": (576, 288, 20), "tb_sei.mp4": (512, 256, 6),
}  # fmt: skip
HANDED = [
    "base.mp4", "cbmp_2to1.mp4", "crop_bounds_2to1.mp4", "crop_v1_2to1.mp4", "cut_copyts.ts",
    "og.ts", "pose_pitch45.mp4", "pose_roll180.mp4", "pose_yaw90.mp4", "sar2.mp4",
    "sbs_half_st3d.mp4", "tb_half_st3d.mp4", "tb_mode.mkv", "thumb_first.mp4",
    "two_eac_streams.360", "vflip.mp4", "vr180_bounds.mp4", *SIZES,
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", HANDED)
def test_handed_files_are_read_alike(name: str) -> None:
    if not (FIELD / name).exists():
        pytest.skip(f"{FIELD / name} is not there")
    clip = check_agreement(FIELD / name)
    assert (clip.info.width, clip.info.height, clip.info.frames) == SIZES.get(name, (512, 256, 20))


def test_a_handed_mesh_is_refused() -> None:
    path = FIELD / "eac_mshp.mp4"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    with pytest.raises(InputError, match=r"eac_mshp\.mp4 says that its projection is mesh"):
        open_clip(path)
