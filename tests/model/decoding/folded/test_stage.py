"""The folded stages give the picture of the layers that they were folded from."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from nerv360.config import ModelConfig
from nerv360.decoding.folded.stage import FoldedHead, FoldedStages, ShuffledHead
from nerv360.decoding.lowering import shuffle
from nerv360.networks import build_decoder
from tests.support.scenes import CONFIGS, TINY

BARE = TINY.replace(blocks=(1, 1, 1, 0))


def untouched(features: Tensor, size: tuple[int, int]) -> Tensor:
    return features


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (4, 2)])
def test_the_head_before_the_shuffle_gives_the_same_picture_up_to_its_borders(
    size: tuple[int, int],
) -> None:
    torch.manual_seed(0)
    head = build_decoder(BARE).requires_grad_(False).layout().head
    cells = torch.randn(1, 4 * BARE.widths[-1], *size)
    cells = cells.contiguous(memory_format=torch.channels_last)
    picture = ShuffledHead(head, torch.float32)(cells)
    assert picture.shape == (1, 4, 2 * size[0], 2 * size[1])
    expected = FoldedHead(head, torch.float32)(shuffle(cells, 2))
    torch.testing.assert_close(picture, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "config",
    [
        BARE,
        TINY,
        BARE.replace(strides=(2, 2, 2, 3)),
        BARE.replace(strides=(3, 2, 2, 1)),
        BARE.replace(level_channels=(0, 0, 2)),
        CONFIGS["hnerv"],
        CONFIGS["hnerv"].replace(erp_padding="wrap"),
    ],
)
def test_every_layout_gives_the_picture_of_its_layers(config: ModelConfig) -> None:
    torch.manual_seed(0)
    layout = build_decoder(config).eval().requires_grad_(False).layout()
    bare = [replace(stage, residuals=()) for stage in layout.stages]
    x = torch.randn(1, config.widths[0], 6, 12)
    levels, expected = [], x
    for stage in bare:
        expected = stage.conv(expected)
        expected = expected.sin() if stage.sine else torch.nn.functional.gelu(expected)
        expected = torch.nn.functional.pixel_shuffle(expected, stage.stride)
        if stage.finer is not None:
            levels.append(torch.randn(1, 2, *expected.shape[-2:]))
            expected = expected + stage.finer(levels[-1])
    expected = 2 * layout.head.conv(expected)
    picture = FoldedStages(bare, layout.head, torch.float32)(x, x, levels, untouched)
    torch.testing.assert_close(picture[:, :3], expected, rtol=1e-4, atol=1e-4)
