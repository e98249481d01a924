"""The ConvNeXt encoder that turns a frame into its embedding; needed to train, not to view."""

from __future__ import annotations

from math import ceil, prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nerv360.config import ModelConfig
from nerv360.geometry import pad_erp, without_autocast

LAYER_SCALE = 0.1
COLOUR_GAIN = 2.0
DETAIL_GAIN = 0.05
FINER_GAIN = 0.3
OPPONENT = ((1 / 3, 1 / 3, 1 / 3), (0.5, 0.0, -0.5), (-0.25, 0.5, -0.25))


_DEPTHWISE = 7


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of N×C×H×W, in the type of its input.

    CUDA sums in float32 anyway; autocast would write the result in float32 too.
    """

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = (parameter.to(x.dtype) for parameter in (self.weight, self.bias))
        with without_autocast(x.device):
            y = F.layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, weight, bias, self.eps)
        return y.permute(0, 3, 1, 2)


class ConvNeXtBlock(nn.Module):
    """7×7 depthwise convolution, normalisation, 1×1 to 4c, GELU, 1×1 back, added to the input."""

    def __init__(self, channels: int, *, wrap: bool) -> None:
        super().__init__()
        self.wrap = wrap
        around = 0 if wrap else _DEPTHWISE // 2
        self.depthwise = nn.Conv2d(channels, channels, _DEPTHWISE, padding=around, groups=channels)
        self.norm = ChannelNorm(channels, eps=1e-6)
        self.widen = nn.Conv2d(channels, 4 * channels, 1)
        self.narrow = nn.Conv2d(4 * channels, channels, 1)
        self.layer_scale = nn.Parameter(torch.full((channels, 1, 1), LAYER_SCALE))

    def forward(self, x: Tensor) -> Tensor:
        y = self.depthwise(pad_erp(x, _DEPTHWISE // 2) if self.wrap else x)
        y = self.narrow(F.gelu(self.widen(self.norm(y))))
        return x + self.layer_scale * y


class Encoder(nn.Module):
    """Encoder from frames N×3×H×W in [0, 1] to embeddings N×d×h×w (paper, section 2.1).

    The last stage's block keeps c1 channels and a 1×1 convolution narrows them to d, because layer
    normalisation over the paper's single channel would erase it. With ``colour_skip`` the patches'
    mean colours are added: the normalisations remove them, and they would have to be relearned.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.encoder_channels
        wrap = config.erp_padding == "wrap"
        stages: list[nn.Module] = []
        channels = 3
        for stride in config.encoder_strides:
            if stages:
                stages.append(ChannelNorm(channels, eps=1e-6))
            stages.append(nn.Conv2d(channels, width, stride, stride))
            if channels == 3:
                stages.append(ChannelNorm(width, eps=1e-6))
            stages.append(ConvNeXtBlock(width, wrap=wrap))
            channels = width
        self.stages = nn.Sequential(*stages)
        self.narrow = nn.Conv2d(width, config.embedding_channels, 1)
        self.factor = prod(config.encoder_strides)
        self.colour: nn.Conv2d | None = None
        if config.colour_skip:
            self.colour = _colour_skip(config.embedding_channels)
            self.narrow.weight.data.mul_(DETAIL_GAIN)
            nn.init.zeros_(_bias(self.narrow))

        self.finer = nn.ModuleList(
            FinerEncoder(config, config.level_channels[stage], prod(config.strides[: stage + 1]))
            for stage in config.level_stages
        )

    def forward(self, frame: Tensor) -> Tensor:
        embedding: Tensor = self.narrow(self.stages(frame))
        if self.colour is not None:
            embedding = embedding + self.colour(F.avg_pool2d(frame, self.factor))
        return embedding

    def embeddings(self, frame: Tensor) -> tuple[Tensor, ...]:
        """Return all embeddings of a frame, coarsest first: N × ``embedding_shapes``."""
        return (self(frame), *(finer(frame) for finer in self.finer))


class FinerEncoder(nn.Sequential):
    """Encoder of a finer embedding: normalised patches, then a layer of four times their width."""

    def __init__(self, config: ModelConfig, channels: int, finer: int) -> None:
        """Build the encoder of an embedding ``finer`` times as fine as the coarsest."""
        width = config.encoder_channels // 2
        patch = prod(config.encoder_strides) // finer
        narrow = nn.Conv2d(4 * width, channels, 1)
        narrow.weight.data.mul_(FINER_GAIN)
        nn.init.zeros_(_bias(narrow))
        super().__init__(
            nn.Conv2d(3, width, patch, patch),
            ChannelNorm(width, eps=1e-6),
            nn.Conv2d(width, 4 * width, 1),
            nn.GELU(),
            narrow,
        )


def smallest_embedding(config: ModelConfig) -> int:
    """Return the fewest rows and columns that the coarsest embedding can have.

    Rows that are padded across a pole come from the other side of the frame.
    """
    return _DEPTHWISE // 2 if config.erp_padding == "wrap" else 1


def encoder_reach(config: ModelConfig) -> int:
    """Return the radius of the encoder's receptive field, in coarsest embedding pixels, rounded up.

    Finer embeddings depend only on their own patches.
    """
    strides = config.encoder_strides
    coarser = [prod(strides[stage + 1 :]) for stage in range(len(strides))]
    return ceil(sum(_DEPTHWISE // 2 / scale for scale in coarser))


def _colour_skip(channels: int) -> nn.Conv2d:
    """Build the skip: lightness and two colour differences around mid grey, as channels allow."""
    skip = nn.Conv2d(3, channels, 1)
    rows = COLOUR_GAIN * torch.tensor(OPPONENT)[:channels]
    with torch.no_grad():
        skip.weight.zero_()
        skip.weight[: len(rows), :, 0, 0] = rows
        _bias(skip).copy_(-0.5 * skip.weight.sum((1, 2, 3)))
    return skip


def _bias(conv: nn.Conv2d) -> Tensor:
    assert conv.bias is not None
    return conv.bias
