"""HNeRV and HNeRV-Boost as their authors published them."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nerv360.config import ModelConfig
from nerv360.networks.registry import build_decoder, frame_times


def test_published_hnerv_shapes_load() -> None:
    config = ModelConfig(
        architecture="hnerv",
        frame_height=640,
        frame_width=1280,
        encoder_strides=(5, 4, 4, 2, 2),
        embedding_channels=16,
        strides=(5, 4, 4, 2, 2),
        kernels=(1, 3, 5, 5, 5),
        blocks=(0, 0, 0, 0, 0),
        channels=68,
        erp_padding="zeros",
    )
    shapes = {
        "stem": (68, 16, 1),
        "stages.0.conv": (57 * 25, 68, 1),
        "stages.1.conv": (48 * 16, 57, 3),
        "stages.2.conv": (40 * 16, 48, 5),
        "stages.3.conv": (33 * 4, 40, 5),
        "stages.4.conv": (28 * 4, 33, 5),
        "head.conv": (3, 28, 3),
    }
    state = {}
    for name, (after, before, kernel) in shapes.items():
        state[f"{name}.weight"] = torch.randn(after, before, kernel, kernel) * 0.01
        state[f"{name}.bias"] = torch.zeros(after)
    decoder = build_decoder(config)
    decoder.load_state_dict(state)
    with torch.no_grad():
        picture = decoder(torch.randn(1, 16, 2, 4), frame_times(1))
    assert picture.shape == (1, 3, 640, 1280)


class PublishedTime(nn.Module):
    """Encoding of time with float32 bases, and two 1×1 convolutions with sines."""

    def __init__(self, base: float, levels: int, channels: int) -> None:
        super().__init__()
        self.bases = base ** torch.arange(int(levels)) * math.pi
        self.first = nn.Conv2d(2 * levels, 2 * channels, 1)
        self.second = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, position: Tensor) -> Tensor:
        values = position[:, None] * self.bases
        code = torch.cat([torch.sin(values), torch.cos(values)], -1).view(len(position), -1, 1, 1)
        return torch.sin(self.second(torch.sin(self.first(code))))


class PublishedAffine(nn.Module):
    """Temporal affine: scale and shift, each by two 1×1 convolutions of the time's embedding."""

    def __init__(self, condition: int, channels: int) -> None:
        super().__init__()
        self.scale, self.shift = (
            nn.Sequential(
                nn.Conv2d(condition, condition, 1), nn.ReLU(), nn.Conv2d(condition, channels, 1)
            )
            for _ in range(2)
        )

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return x * (self.scale(t) + 1) + self.shift(t)


class PublishedBlock(nn.Module):
    """TAT residual block."""

    def __init__(self, condition: int, channels: int) -> None:
        super().__init__()
        self.affine0 = PublishedAffine(condition, channels)
        self.conv0 = nn.Conv2d(channels, channels, 3, 1, 1)
        self.affine1 = PublishedAffine(condition, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, 1, 1)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        out = F.gelu(self.conv0(self.affine0(x, t)))
        return x + self.conv1(self.affine1(out, t))


class PublishedBoost(nn.Module):
    """HNeRV-Boost's decoder as its authors describe it, with zeros around its features."""

    def __init__(self, widths: tuple[int, ...], strides: tuple[int, ...], kernels: tuple[int, ...],
                 d: int) -> None:  # fmt: skip
        super().__init__()
        self.strides = strides
        self.t = PublishedTime(1.25, 80, 32)
        self.stem, self.block = nn.Conv2d(d, widths[0], 1), PublishedBlock(32, widths[0])
        self.layers = nn.ModuleList()
        for i, (stride, kernel) in enumerate(zip(strides, kernels, strict=True)):
            out = widths[i + 1]
            self.layers.append(nn.Conv2d(widths[i], out * stride**2, kernel, 1, kernel // 2))
            self.layers.append(PublishedBlock(32, out))
        self.head = nn.Conv2d(widths[-1], 3, 3, 1, 1)

    def forward(self, embedding: Tensor, position: Tensor) -> Tensor:
        t = self.t(position)
        x = self.block(torch.sin(self.stem(embedding)), t)
        for i, stride in enumerate(self.strides):
            x = torch.sin(F.pixel_shuffle(self.layers[2 * i](x), stride))
            x = self.layers[2 * i + 1](x, t)
        return torch.tanh(self.head(x)) * 0.5 + 0.5


def test_a_published_hnerv_boost_decodes_here() -> None:
    config = ModelConfig(
        architecture="hnerv-boost",
        frame_height=96,
        frame_width=192,
        encoder_strides=(3, 2, 2),
        embedding_channels=2,
        strides=(3, 2, 2),
        kernels=(1, 3, 3),
        blocks=(1, 1, 1),
        channels=30,
        erp_padding="zeros",
        time_encoding="published",
    )
    torch.manual_seed(0)
    published = PublishedBoost(config.widths, config.strides, config.kernels, 2)
    for parameter in published.parameters():  # so that pictures depend on every layer
        nn.init.normal_(parameter, std=1 / math.sqrt(max(parameter[0].numel(), 16)))
    decoder = build_decoder(config)
    weights = decoder.state_dict()
    theirs = published.state_dict().values()
    pairs = zip(weights.items(), theirs, strict=True)
    decoder.load_state_dict({name: one.reshape(own.shape) for (name, own), one in pairs})
    exact = build_decoder(config.replace(time_encoding="exact"))
    exact.load_state_dict(decoder.state_dict())
    embedding, frames = torch.randn(1, 2, 8, 16), 7
    apart = []
    with torch.no_grad():
        for index in range(frames):
            time = (index + 1) / frames
            expected = published(embedding, torch.tensor([time]))
            here = torch.tensor([time], dtype=torch.float64)
            torch.testing.assert_close(decoder(embedding, here), expected, atol=1e-5, rtol=0)
            apart.append(float((exact(embedding, here) - expected).abs().max()))
    assert max(apart) > 0.01, "the exact encoding would not decode it"
