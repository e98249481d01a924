"""A clip is known again in another container and encoded again, and told from every other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import pytest
import torch
from torch import Tensor

from nerv360.clip_pictures import ClipPictures
from nerv360.errors import InputError
from nerv360.scene import (
    SAME,
    UNCHECKED,
    Fingerprint,
    FingerprintMaker,
    Sample,
    Scene,
    check_clip,
    likeness,
    read_header,
    read_scene,
    sampled_frames,
    write_scene,
)
from nerv360.training.dataset import read_clip
from nerv360.training.export import check_same_clip
from nerv360.video import open_clip
from nerv360.video.writing import VideoWriter
from tests.support.scenes import tiny_scene
from tests.support.spheres import smooth_sphere

FRAMES = 12


def picture(index: int, phase: float = 0.0) -> Tensor:
    """Return a sphere that stands still, and a bright square that crosses it."""
    frame = smooth_sphere(128, 256, phase)
    frame[40:56, 20 * index : 20 * index + 16] = 250
    return frame


def write(path: Path, first: int = 0, phase: float = 0.0, crf: int = 12) -> Path:
    with VideoWriter(path, 256, 128, 25.0, crf=crf) as writer:
        for index in range(first, min(first + FRAMES, 12)):
            writer.write(picture(index, phase))
        for _ in range(first):
            writer.write(picture(11, phase))
    return path


def fingerprint(clip: Path) -> Fingerprint:
    maker = FingerprintMaker(FRAMES)
    for index, frame in enumerate(open_clip(clip)):
        maker.see(index, frame)
    return maker.fingerprint


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("clip") / "clip.mp4")


@pytest.fixture
def scene(clip: Path, tmp_path: Path) -> Path:
    """Return a scene of the clip, in a file."""
    scene = tiny_scene(frames=FRAMES)
    scene.width, scene.height, scene.fingerprint = 256, 128, fingerprint(clip)
    write_scene(tmp_path / "scene.safetensors", scene)
    return tmp_path / "scene.safetensors"


def check(clip: Path, scene: Path) -> str:
    pictures = ClipPictures(clip)
    header = read_header(scene).header
    return check_clip(pictures.info, pictures.__getitem__, clip, header, scene)


def test_the_first_and_the_last_picture_are_samples() -> None:
    assert sampled_frames(1) == [0]
    assert sampled_frames(3) == [0, 1, 2]
    assert sampled_frames(300) == [0, 42, 85, 128, 170, 213, 256, 299]


def test_the_clip_itself_fits_in_another_container_too(
    clip: Path, scene: Path, tmp_path: Path
) -> None:
    remuxed = tmp_path / "clip.mkv"
    with av.open(str(clip)) as source, av.open(str(remuxed), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    for same in (clip, remuxed):
        assert check(same, scene) == SAME


@pytest.mark.parametrize("crf", [20, 30])
def test_encoded_again_it_is_told_as_such(scene: Path, tmp_path: Path, crf: int) -> None:
    assert check(write(tmp_path / "again.mp4", crf=crf), scene).startswith("encoded again, or")


@pytest.mark.parametrize(("first", "phase"), [(0, 0.5), (1, 0.0), (4, 0.0)])
def test_another_clip_and_another_part_of_it_are_refused(
    scene: Path, tmp_path: Path, first: int, phase: float
) -> None:
    other = write(tmp_path / "other.mp4", first, phase)
    with pytest.raises(InputError, match=r"other\.mp4 shows other pictures than .*scene"):
        check(other, scene)


def test_what_is_another_clip_at_its_first_picture_is_read_no_further(clip: Path) -> None:
    known, read = fingerprint(clip), []

    def samples() -> Any:
        for index in range(FRAMES):
            read.append(index)
            yield Sample.of(picture(index, 2.0))

    assert not likeness(known, samples()).alike
    assert read == [0]


def test_a_scene_without_a_fingerprint_says_that_it_cannot_be_checked(
    clip: Path, tmp_path: Path
) -> None:
    scene = tiny_scene(frames=FRAMES)
    scene.width, scene.height = 256, 128
    write_scene(tmp_path / "old.safetensors", scene)
    assert check(clip, tmp_path / "old.safetensors") == UNCHECKED


def test_a_decoder_of_another_clip_is_not_added(scene: Path, tmp_path: Path) -> None:
    existing = read_scene(scene)
    again = read_clip(open_clip(write(tmp_path / "again.mp4", crf=25)), (128, 256))
    check_same_clip(existing.header, again.info, again.fingerprint)
    other = read_clip(open_clip(write(tmp_path / "other.mp4", phase=1.0)), (128, 256))
    with pytest.raises(InputError, match="the scene was trained on another clip"):
        check_same_clip(existing.header, other.info, other.fingerprint)


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": []},
        {"sha256": ["z" * 64] * 3},
        {"thumbnails": ["%"] * 3},
        {"thumbnails": ["AAAA"] * 3},
        {"thumbnails": 7},
        {"more": 1},
    ],
)
def test_a_damaged_fingerprint_is_one_sentence(change: dict[str, Any]) -> None:
    sample = Sample.of(torch.zeros(32, 64, 3, dtype=torch.uint8))
    values = Fingerprint((sample,) * 3).to_json()
    assert Fingerprint.from_json(values, 3).samples == (sample,) * 3
    with pytest.raises(InputError, match="its fingerprint"):
        Fingerprint.from_json({**values, **change}, 3)


def test_it_is_kept_in_the_file(scene: Path, clip: Path) -> None:
    read: Scene = read_scene(scene)
    assert read.fingerprint == read_header(scene).header.fingerprint == fingerprint(clip)
