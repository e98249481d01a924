"""The judgement of a training: what it costs, and that the looks of one frame share their work."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import pytest
import torch
from torch import Tensor

from nerv360.geometry import Look
from nerv360.metrics.similarity import cut_viewport, psnr_8bit
from nerv360.networks import frame_times
from nerv360.training.autoencoder import Autoencoder
from nerv360.training.dataset import ClipFrames, held_out_looks
from nerv360.training.quality import held_out_quality
from nerv360.video.reading import VideoInfo
from tests.support.scenes import CONFIGS
from tests.support.spheres import smooth_sphere

LOOKS = 12
TRIO = {n: c.replace(frame_height=96, frame_width=192) for n, c in CONFIGS.items()}


def moving_frames(count: int) -> ClipFrames:
    """Return a sphere with a square that moves."""
    pictures = [smooth_sphere(96, 192) for _ in range(count)]
    for index, picture in enumerate(pictures):
        picture[20:60, 16 * index : 16 * index + 16] = 255
    return ClipFrames(torch.stack(pictures), VideoInfo(192, 96, 30.0, count))


@dataclass
class Calls:
    """Runs of the parts of a network."""

    encoder: int = 0
    expansion: int = 0
    head: int = 0


def counted(network: Autoencoder) -> Calls:
    calls = Calls()

    def count(name: str) -> None:
        setattr(calls, name, getattr(calls, name) + 1)

    network.encoder.register_forward_hook(lambda *_: count("encoder"))
    for name, module in network.decoder.named_children():
        if name in ("expansion", "head"):
            module.register_forward_hook(partial(lambda name, *_: count(name), name))
    return calls


@pytest.mark.parametrize(
    ("name", "wanted"), [("nerv360", Calls(4, 4, LOOKS)), ("hnerv", Calls(4, 0, 4))]
)
def test_the_looks_of_a_frame_share_its_work(name: str, wanted: Calls) -> None:
    torch.manual_seed(0)
    network, frames = Autoencoder(TRIO[name]).eval(), moving_frames(10)
    calls = counted(network)
    held_out_quality(network, frames, frame_times(10), LOOKS)
    assert calls == wanted


@pytest.mark.parametrize("name", ["nerv360", "hnerv"])
def test_the_numbers_are_those_of_each_look_by_itself(name: str) -> None:
    torch.manual_seed(0)
    config = TRIO[name]
    network, frames, times = Autoencoder(config).eval(), moving_frames(10), frame_times(10)
    quality = held_out_quality(network, frames, times, LOOKS)
    indices, looks = held_out_looks(config, 10, LOOKS)
    still, ratios = frames.bytes.median(0).values, []
    square, pixels = 0.0, 0
    for index, look in zip(indices, looks, strict=True):
        frame = frames.frame(index, torch.device("cpu"))
        with torch.no_grad():
            decoded = network(frame, times[index : index + 1], look[None])[0].permute(1, 2, 0)
        at = Look(*look.tolist())
        shown: Tensor = decoded if name == "nerv360" else cut_viewport(decoded, at, 24, 48)
        wanted, there = (cut_viewport(p, at, 24, 48) for p in (frames.bytes[index], still))
        ratios.append(psnr_8bit(shown, wanted))
        moves = (wanted - there).abs().amax(-1) > 0.06
        square += float(((shown * 255).round() / 255 - wanted).square().mean(-1)[moves].sum())
        pixels += int(moves.sum())
    assert quality.psnr_db == pytest.approx(sum(ratios) / LOOKS, abs=1e-3)
    assert quality.moving_db is not None
    assert 10 ** (-quality.moving_db / 10) == pytest.approx(square / pixels, rel=1e-3)
    assert quality.ms_ssim is None
