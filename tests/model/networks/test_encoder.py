"""The encoder turns with the sphere."""

from __future__ import annotations

import torch

from model.networks.encoder import Encoder
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
