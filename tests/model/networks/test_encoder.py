"""The encoder turns with the sphere."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from nerv360.networks.encoder import ChannelNorm, Encoder
from tests.support.scenes import TINY


def test_the_encoder_turns_with_the_sphere_and_gives_the_embeddings_shape() -> None:
    torch.manual_seed(5)
    config = TINY.replace(
        frame_height=96, frame_width=192, encoder_strides=(2, 2), embedding_channels=2
    )
    encoder = Encoder(config)
    frame = torch.rand(1, 3, 96, 192)
    with torch.no_grad():
        embedding = encoder(frame)
        turned = encoder(frame.roll(40, -1))
    assert embedding.shape == (1, 2, 24, 48)
    torch.testing.assert_close(embedding.roll(10, -1), turned, atol=1e-5, rtol=1e-4)


def test_normalisation_stays_in_the_type_of_its_input_where_autocast_would_widen_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """CUDA's autocast computes it in float32, which writes and keeps twice as many bytes."""
    plain = F.layer_norm

    def as_on_cuda(x: torch.Tensor, shape: Any, weight: Any, bias: Any, eps: float) -> torch.Tensor:
        if torch.is_autocast_enabled("cpu"):
            x = x.float()
        else:
            assert weight.dtype == bias.dtype == x.dtype, "CUDA takes one type"
        return plain(x, shape, weight.to(x.dtype), bias.to(x.dtype), eps)

    norm, x = ChannelNorm(8, eps=1e-6), torch.randn(1, 8, 4, 4)
    expected = norm(x)
    monkeypatch.setattr(F, "layer_norm", as_on_cuda)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = norm(x.bfloat16())
    assert half.dtype == torch.bfloat16
    assert (half.float() - expected).abs().max() < 0.05
    assert torch.equal(norm(x), expected)
