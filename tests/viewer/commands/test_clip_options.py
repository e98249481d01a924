"""Options that say how a clip is read: which eye, from when, how large, in which raw format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from nerv360.errors import InputError
from nerv360.lab.evaluation import EvaluationOptions, prepare
from nerv360.scene import Sample, read_header
from nerv360.trajectories import read_trajectory
from nerv360.video import open_clip
from nerv360.viewer.cli import main
from nerv360.viewer.opening import DeviceChoice, compare_clip, prepare_clip, prepare_scene
from tests.support.clips import stereo
from tests.support.field_clips import LEFT, RIGHT, cards, raw, write

TINY = [
    "--preset=demo", "--device=cpu", "--set=channels=16", "--set=viewport_width=96",
    "--set=viewport_height=64", "--set=held_out=1", "--epochs=1",
]  # fmt: skip
CPU = torch.device("cpu")
HERE = ["--eye", "right", "--start", "0.08"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten pictures of both eyes, one above the other, each of 256×128."""
    pairs = zip(cards(10, LEFT, 128, 256), cards(10, RIGHT, 128, 256), strict=True)
    path = tmp_path_factory.mktemp("clip") / "both.mp4"
    return write(path, [torch.cat(pair) for pair in pairs], stereo(1))


@pytest.fixture(scope="module")
def scene(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a scene of the right eye's pictures 2 to 5, at half the sides."""
    path = tmp_path_factory.mktemp("scene") / "scene.safetensors"
    options = [*HERE, "--duration", "0.16", "--size", "128x64"]
    assert main(["train", str(clip), "-o", str(path), *options, *TINY]) == 0
    return path


@pytest.mark.slow
def test_a_part_of_one_eye_is_trained_smaller(scene: Path, clip: Path) -> None:
    header = read_header(scene).header
    assert (header.width, header.height, header.frames, header.fps) == (128, 64, 4, 25)
    same = open_clip(clip, eye="right", start=0.08, duration=0.16, size=(64, 128))
    assert header.fingerprint is not None
    assert header.fingerprint.samples == tuple(map(Sample.of, same))
    blue = [float(picture[..., 2].float().mean()) for picture in same]
    assert blue == pytest.approx([RIGHT + 8 * k for k in (2, 3, 4, 5)], abs=3)


@pytest.mark.slow
def test_the_larger_clip_is_the_scenes_if_it_is_read_alike(scene: Path, clip: Path) -> None:
    opened = open_clip(clip, eye="right", start=0.08)
    trajectories = [read_trajectory("jvet:balboa-vp0")]
    options = EvaluationOptions(scene, opened, trajectories, scene.parent / "report", device="cpu")
    plan = prepare(options)
    assert plan.sameness == "the pictures that the scene was trained on"
    assert plan.original[0].shape == (64, 128, 3)
    with pytest.raises(InputError, match="shows other pictures than"):
        prepare(EvaluationOptions(scene, open_clip(clip), trajectories, scene.parent / "other"))


@pytest.mark.slow
def test_the_larger_clip_is_put_beside_its_scene(scene: Path, clip: Path) -> None:
    from nerv360.scene import read_scene

    shown = prepare_scene(read_scene(scene), scene, DeviceChoice("cpu"))
    beside = open_clip(clip, eye="right", start=0.08).at_size(shown.size)
    assert "the pictures that the scene was trained on" in compare_clip(shown, beside)
    assert prepare_clip(beside).size == shown.size


@pytest.mark.slow
def test_raw_video_is_trained_by_its_name_and_by_a_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = raw(tmp_path / "Card_384x192_25fps_10bit_420.yuv", 192, 384)
    assert main(["info", str(named), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["clip"]
    assert (told["width"], told["height"], told["frames"], told["fps"]) == (384, 192, 6, 25)
    assert told["pixel_format"] == "yuv420p10le"
    plain = named.rename(tmp_path / "card.yuv")
    tiny = ["--preset=paper", "--device=cpu", "--set=channels=16", "--set=held_out=1", "--epochs=1"]
    target = tmp_path / "scene.safetensors"
    options = ["--raw", "384x192,25,yuv420p10le", "--frames", "1"]
    assert main(["train", str(plain), "-o", str(target), *options, *tiny]) == 0
    assert read_header(target).header.frames == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--eye", "both"], "--eye both: give left or right"),
        (["--raw", "large"], "--raw: 'large' does not describe raw video"),
        (["--start", "9"], "lasts 0.4 s: it has nothing from 9 s on"),
        (["--start", "-1"], "--start -1: give 0 to"),
        (["--duration", "0"], "--duration 0: give 0.001 to"),
        (["--size", "512x256"], "512x256 is larger than the pictures of"),
        (["--size", "big"], "--size big: give width x height"),
    ],
)
def test_what_a_clip_cannot_give_is_one_sentence(
    options: list[str],
    sentence: str,
    clip: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["train", str(clip), "-o", str(tmp_path / "s.safetensors"), *options]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_info_tells_what_is_taken(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(clip), "--eye", "right", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["clip"]
    assert (told["width"], told["height"], told["frames"], told["eye"]) == (256, 128, 10, "right")
    assert told["stereo"] == "one above the other"
    assert main(["info", str(clip)]) == 0
    assert "one above the other; the left eye is taken" in capsys.readouterr().out
