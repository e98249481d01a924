"""The folded stem gives the features of the network that it was folded from."""

from __future__ import annotations

import pytest
import torch

from nerv360.config import ModelConfig
from nerv360.decoding.folded.feature_crop import FeatureCrop
from nerv360.decoding.folded.stem import FoldedStem, wrap_rim
from nerv360.geometry import pad_erp
from nerv360.networks import Architecture, build_decoder
from tests.support.scenes import TINY


def network(config: ModelConfig) -> Architecture:
    """Return a random decoder whose affines are far from the identity."""
    torch.manual_seed(0)
    built = build_decoder(config).eval().requires_grad_(False)
    for name, weight in built.named_parameters():
        if "gamma.2" in name or "beta.2" in name:
            weight.normal_(std=0.3)
    return built


def folded_stem(network: Architecture) -> FoldedStem:
    stem = network.layout().stem
    assert FoldedStem.fits(stem)
    return FoldedStem(stem, network.config.embedding_size, torch.float32)


@pytest.mark.parametrize("padding", ["wrap", "zeros"])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_features_are_the_networks(padding: str, channels: int) -> None:
    config = TINY.replace(
        erp_padding=padding, embedding_channels=channels, frame_height=96, frame_width=192
    )
    decoder = network(config)
    with torch.inference_mode():
        folded = folded_stem(decoder)
        for index in range(2):
            embedding = torch.randn(1, channels, *config.embedding_size)
            time = torch.tensor([0.3 * index], dtype=torch.float64)
            features = folded(embedding, decoder.time_condition(time))
            expected = decoder.expand(embedding, time)
            torch.testing.assert_close(features, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        ((4, 6), (0, 24)),
        ((0, 3), (5, 9)),
        ((1, 5), (5, 9)),
        ((2, 10), (5, 9)),
        ((8, 12), (3, 4)),
        ((4, 6), (1, 9)),
        ((4, 6), (0, 9)),
        ((4, 6), (16, 24)),
        ((4, 6), (20, 29)),
        ((4, 6), (2, 23)),
    ],
)
def test_what_is_wanted_is_the_networks_whatever_the_rest_holds(
    rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    decoder = network(TINY.replace(frame_height=96, frame_width=192, encoder_strides=(8,)))
    assert decoder.config.embedding_size == (12, 24)
    crop = FeatureCrop.of((12, 24), rows, columns)
    embedding, time = torch.randn(1, 1, 12, 24), torch.tensor([0.3], dtype=torch.float64)
    with torch.inference_mode():
        folded, condition = folded_stem(decoder), decoder.time_condition(time)
        folded(torch.full_like(embedding, torch.nan), condition)
        features = folded(embedding, condition, crop)
        expected = decoder.expand(embedding, time)
    first, end = rows[0] + (rows[0] > 0), rows[1] + 1 + (rows[1] == 12)
    wanted = [1 + column % 24 for column in range(*crop.columns)]
    wanted += [0] * (24 in wanted) + [25] * (1 in wanted)  # what is wrapped from them
    torch.testing.assert_close(
        features[..., first:end, wanted], expected[..., first:end, wanted], rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("size", [(4, 8), (3, 7), (1, 2)])
def test_the_rim_is_what_padding_puts_there(size: tuple[int, int]) -> None:
    inside = torch.randn(1, 2, *size)
    padded = torch.full((1, 2, size[0] + 2, size[1] + 2), torch.nan)
    padded[..., 1:-1, 1:-1] = inside
    wrap_rim(padded)
    assert torch.equal(padded, pad_erp(inside, 1))
