"""A codec's file comes out at the number of bytes that was asked for, and shows the clip."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from model.errors import InputError
from model.evaluation.codec import encode_at
from model.evaluation.metrics import psnr_8bit
from model.video import open_frames
from model.video_writers import VideoWriter
from tests.model.evaluation.spheres import smooth_sphere

FRAMES = 5


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("clip") / "clip.mp4"
    noise = torch.Generator().manual_seed(0)
    with VideoWriter(file, 192, 96, 25, crf=2) as writer:
        for index in range(FRAMES + 2):
            texture = torch.randint(0, 40, (96, 192, 3), generator=noise, dtype=torch.uint8)
            writer.write(smooth_sphere(96, 192, phase=index / 9) // 2 + texture)
    return file


@pytest.mark.parametrize("codec", ["x265", "av1"])
def test_the_bytes_are_those_asked_for(clip: Path, tmp_path: Path, codec: str) -> None:
    file, told = tmp_path / "out.mp4", []
    encoding = encode_at(clip, FRAMES, codec, 24_000, file, told.append)
    assert encoding.bytes == file.stat().st_size
    assert encoding.bytes == pytest.approx(24_000, rel=0.04 if codec == "x265" else 0.25)
    assert told
    assert [f.name for f in tmp_path.iterdir()] == ["out.mp4"]
    pictures = list(open_frames(file))
    assert len(pictures) == FRAMES
    for original, decoded in zip(open_frames(clip), pictures, strict=False):
        assert psnr_8bit(original, decoded) > 22


def test_what_cannot_be_encoded_is_refused(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--codec must be one of x265, av1"):
        encode_at(clip, FRAMES, "mpeg2", 1000, tmp_path / "out.mp4", print)
    assert not list(tmp_path.iterdir())
