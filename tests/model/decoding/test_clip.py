"""A clip behind the protocol of an engine."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nerv360.decoding import Engine
from nerv360.decoding.clip import ClipEngine
from nerv360.errors import InputError
from nerv360.geometry import Look
from nerv360.video import open_clip
from tests.support.clips import encode, ramp


def test_pictures_are_those_that_training_sees(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mp4", [ramp(index) for index in range(20)])
    known = list(open_clip(path))
    engine: Engine = ClipEngine(open_clip(path))
    assert (engine.size, engine.full_frame) == ((48, 96), True)
    assert "h264" in engine.name
    pictures = [engine.decode(Look(1.0, 0.5), frame) for frame in (13, 2, 14)]
    for frame, picture in zip((13, 2, 14), pictures, strict=True):
        assert (picture.frame, picture.look, picture.equirectangular) == (frame, Look(), True)
        assert torch.equal(picture.pixels[..., :3], known[frame])
        assert picture.pixels.is_contiguous()
        assert (picture.pixels[..., 3] == 255).all()
        assert picture.decode_s > 0
    with pytest.raises(IndexError):
        engine.decode(Look(), 20)


def test_a_clip_that_is_gone_is_one_sentence(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mp4", [ramp(index) for index in range(3)])
    index = open_clip(path)
    path.unlink()
    with pytest.raises(InputError, match=r"clip\.mp4 cannot be read as a video"):
        ClipEngine(index)
