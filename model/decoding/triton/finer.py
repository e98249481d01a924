"""Launch of the kernel that adds finer embeddings to the results of stages."""

from __future__ import annotations

import torch.nn.functional as F
import triton
from torch import Tensor

from nerv360.decoding.triton import pixel_kernels
from nerv360.networks import SphereConv

_BLOCK = 32


class FusedFiner:
    """The 1×1 convolution of a finer embedding, whose result is added to features."""

    def __init__(self, conv: SphereConv, channels: int) -> None:
        """Rearrange ``conv``, on its device, for features filled up to ``channels``."""
        spare = channels - conv.out_channels
        self.weight = F.pad(conv.weight.detach().flatten(1).T, (0, spare)).contiguous()
        self.bias = F.pad(conv.bias.detach(), (0, spare))

    def __call__(self, embedding: Tensor, features: Tensor) -> None:
        """Add the result for ``embedding``, h×w×c, to ``features``, h×w×c'; both contiguous."""
        pixels, (channels, outputs) = embedding.shape[0] * embedding.shape[1], self.weight.shape
        pixel_kernels.add_finer[(-(-pixels // _BLOCK),)](
            features,
            embedding,
            self.weight,
            self.bias,
            pixels,
            CHANNELS=channels,
            COUT=outputs,
            N=triton.next_power_of_2(outputs),
            BLOCK=_BLOCK,
        )
