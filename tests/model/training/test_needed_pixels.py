"""Embeddings that are not kept change no pixel that is seen."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nerv360.config import ModelConfig
from nerv360.geometry import Look
from nerv360.networks import ARCHITECTURES, frame_times
from nerv360.scene import FINE, StillPanorama
from nerv360.training.autoencoder import Autoencoder
from nerv360.training.export.embeddings import TrainedEmbeddings, needed_pixels

HEIGHT, WIDTH = 128, 256
PLACES = [(30, 60), (64, 252), (3, 150), (100, 120)]
"""Row and column of what moves, in each frame; one is on the seam and one at the pole."""

NETWORKS = [("nerv360", 0), ("nerv360", 1), ("nerv360", 3), ("hnerv", 0), ("hnerv-boost", 0)]


def config_of(architecture: str, project_after: int) -> ModelConfig:
    base = ARCHITECTURES[architecture].presets["demo"]
    return base.replace(
        frame_height=HEIGHT,
        frame_width=WIDTH,
        viewport_height=56,
        viewport_width=96,
        still_panorama=True,
        level_channels=(2, 1),
        project_after=project_after,
    )


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    """Return noise that stands still, and a small square that does not; frames×H×W×3."""
    generator = torch.Generator().manual_seed(0)
    shape = (HEIGHT, WIDTH, 3)
    still = torch.randint(0, 255, shape, generator=generator, dtype=torch.uint8)
    frames = still.repeat(len(PLACES), 1, 1, 1)
    for frame, (row, column) in zip(frames, PLACES, strict=True):
        frame[row - 3 : row + 4, column - 4 : column + 4] ^= 128
    return frames


@pytest.mark.parametrize(("architecture", "project_after"), NETWORKS)
def test_other_values_where_nothing_moves_change_no_picture(
    pictures: torch.Tensor, architecture: str, project_after: int
) -> None:
    config = config_of(architecture, project_after)
    still = StillPanorama.of(pictures.median(0).values, iter(pictures))
    torch.manual_seed(1)
    network = Autoencoder(config, still=still).eval()
    for parameter in network.decoder.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    times = frame_times(len(PLACES))
    shown, left_out = 0, 0
    for index, (row, column) in enumerate(PLACES):
        embeddings = network.encode(pictures[index].permute(2, 0, 1)[None].float() / 255)
        needed = needed_pixels(config, still.motion[index])
        changed = [
            torch.where(kept, each, torch.randn_like(each))
            for kept, each in zip(needed, embeddings, strict=True)
        ]
        left_out += sum(int((~each).sum()) for each in needed)
        yaw, pitch = 360 * column / WIDTH - 180, 90 - 180 * row / HEIGHT
        for turn, lift in ((0, 0), (25, 10), (-30, -12)):
            look = Look.from_degrees(yaw + turn, np.clip(pitch + lift, -90, 90), 0, 85)
            looks = torch.tensor([look.angles], dtype=torch.float64)
            before, after = (
                network.decode(each, times[index : index + 1], looks)
                for each in (embeddings, changed)
            )
            alpha, same = (network.alpha(each, looks, index) for each in (before, after))
            torch.testing.assert_close(same, alpha, rtol=0, atol=1e-6)
            torch.testing.assert_close(after * same, before * alpha, rtol=0, atol=1e-6)
            shown += int((alpha > 0).sum())
    assert shown > 0
    assert left_out > 0


def test_what_is_not_needed_costs_no_bytes() -> None:
    config = config_of("nerv360", 3)
    generator = torch.Generator().manual_seed(0)
    whole, held = (TrainedEmbeddings(config, 6) for _ in range(2))
    corner = [torch.zeros(shape[1:], dtype=torch.bool) for shape in config.embedding_shapes]
    for each in corner:
        each[:4, :4] = True
    frames = [
        [torch.rand(1, *shape, generator=generator) for shape in config.embedding_shapes]
        for _ in range(6)
    ]
    for index, embeddings in enumerate(frames):
        whole.put(index, embeddings)
        held.put(index, embeddings, corner)
    print(config.embedding_shapes)
    sizes = [sum(map(len, kept.coded(FINE, range(6)))) for kept in (whole, held)]

    assert sizes[1] < 0.1 * sizes[0]
    for level, (kept, wanted) in enumerate(
        zip(held.rounded(FINE, (5,))[5], frames[5], strict=True)
    ):
        torch.testing.assert_close(
            kept[..., :4, :4], wanted[..., :4, :4], rtol=0, atol=0.01, msg=f"level {level}"
        )
