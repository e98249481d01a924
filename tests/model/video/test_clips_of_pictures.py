"""Folders and photos are clips like videos: in order, upright, and with nothing left unsaid."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from nerv360.errors import InputError
from nerv360.video import ClipReader, check_equirectangular, open_clip
from nerv360.video.placement import Bounds
from tests.support.clips import ramp


def save(path: Path, index: int, **options: object) -> None:
    Image.fromarray(ramp(index).numpy()).save(path, **options)  # type: ignore[arg-type]


def in_both_ways(path: Path) -> list[Tensor]:
    """Return the clip's pictures in order, which jumping around must give as well."""
    clip = open_clip(path)
    check_equirectangular(clip)
    pictures, reader = list(clip), ClipReader(clip)
    assert len(pictures) == clip.info.frames == clip.pictures
    for index in reversed(range(clip.info.frames)):
        assert torch.equal(reader.frame(index)[..., :3], pictures[index])
        assert (reader.frame(index)[..., 3] == 255).all()
    reader.close()
    return pictures


def test_numbers_without_zeros_in_front(tmp_path: Path) -> None:
    for number in range(12):
        save(tmp_path / f"{number}.png", number)
    pictures = in_both_ways(tmp_path)
    assert all(torch.equal(picture, ramp(index)) for index, picture in enumerate(pictures))
    assert open_clip(tmp_path).notes == ()


def test_a_macs_folder_with_gaps(tmp_path: Path) -> None:
    for number in (0, 1, 3):
        save(tmp_path / f"{number:04}.png", number)
        (tmp_path / f"._{number:04}.png").write_bytes(b"\0\5\26\7\0\2\0\0Mac OS X")
    pictures = in_both_ways(tmp_path)
    assert [torch.equal(p, ramp(n)) for p, n in zip(pictures, (0, 1, 3), strict=True)] == [True] * 3
    skipped, missing = open_clip(tmp_path).notes
    assert skipped == "skipped: 3 hidden files"
    assert missing.startswith(
        "1 number is missing between 0000.png and 0003.png, the first after 1"
    )


@pytest.mark.parametrize(
    ("orientation", "turn"), [(3, Image.Transpose.ROTATE_180), (6, Image.Transpose.ROTATE_90)]
)
def test_a_photo_that_was_taken_upside_down(
    orientation: int, turn: Image.Transpose, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x112] = orientation
    stored = Image.fromarray(ramp(5).numpy()).transpose(turn)
    stored.save(tmp_path / "photo.png", exif=exif)
    (picture,) = in_both_ways(tmp_path / "photo.png")
    assert torch.equal(picture, ramp(5))
    assert open_clip(tmp_path / "photo.png").notes == ()


def test_grey_of_16_bits_and_alpha(tmp_path: Path) -> None:
    grey = np.linspace(0, 65535, 48 * 96).reshape(48, 96).astype(np.uint16)
    Image.fromarray(grey).save(tmp_path / "0.png")
    see_through = np.concatenate([ramp(1).numpy(), np.zeros((48, 96, 1), np.uint8)], -1)
    Image.fromarray(see_through).save(tmp_path / "1.png")
    scaled, black = in_both_ways(tmp_path)
    assert (scaled.float() - torch.from_numpy(grey / 257.0)[..., None]).abs().max() <= 0.51
    assert not black.any()


def test_part_of_a_sphere_is_placed(tmp_path: Path) -> None:
    crop = {
        "CroppedAreaLeftPixels": 48,
        "CroppedAreaTopPixels": 0,
        "CroppedAreaImageWidthPixels": 96,
        "CroppedAreaImageHeightPixels": 48,
        "FullPanoWidthPixels": 192,
        "FullPanoHeightPixels": 96,
        "PoseHeadingDegrees": 90,
    }
    xmp = " ".join(f'GPano:{key}="{value}"' for key, value in crop.items()).encode()
    save(tmp_path / "photo.webp", 3, xmp=xmp, lossless=True)
    clip = open_clip(tmp_path / "photo.webp")
    assert (clip.info.width, clip.info.height) == (192, 96)
    assert clip.placement.bounds == Bounds(0.25, 0, 0.25, 0.5)
    assert math.isclose(clip.placement.yaw, math.pi / 2)
    (picture,) = in_both_ways(tmp_path / "photo.webp")
    assert clip.coverage is not None
    assert torch.from_numpy(clip.coverage)[:48, 96:].all()
    assert not clip.coverage[48:].any()
    assert not clip.coverage[:, :96].any()
    assert (picture[:48, 96:].int() - ramp(3).int()).abs().max() <= 1
    assert any("covers 180°×90° of the sphere" in note for note in clip.notes)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty: give PNG, JPEG"),
        (b"no picture", "is not a picture that can be read: give PNG, JPEG"),
    ],
)
def test_a_photo_in_name_only_is_told_as_a_photo(
    content: bytes, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "photo.jpg").write_bytes(content)
    with pytest.raises(InputError, match=reason):
        open_clip(tmp_path / "photo.jpg")


def test_a_photo_of_another_shape_is_not_taken_for_a_sphere(tmp_path: Path) -> None:
    Image.new("RGB", (400, 300)).save(tmp_path / "photo.jpg")
    clip = open_clip(tmp_path / "photo.jpg")
    with pytest.raises(InputError, match="is 400x300 and does not say that it is equirectangular"):
        check_equirectangular(clip)
