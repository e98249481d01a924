"""Initial weights that already show a blurred picture of every frame.

With random weights, training spends its first hundreds of steps on passing a frame's colours
through the network. These weights pass them from the start. The encoder adds the mean colour of
each patch to the embedding (`Encoder` with ``colour_skip``), and the first channels of every stage
hand it on to the head. All other channels keep their random weights.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from nerv360.networks import COLOUR_GAIN, OPPONENT, Architecture, SphereConv

_CARRIED = 0.5
"""Amplitude of a carried channel, small enough for a sine to be nearly linear."""
_LIFT = 2.5
"""Offset of channels in a GELU, where it is nearly the identity."""
_HEAD_NOISE = 0.05


@torch.no_grad()
def carry_colours(decoder: Architecture) -> None:
    """Let ``decoder`` pass on the colours of ``colour_skip``'s embeddings; changes it in place.

    With one embedding channel only lightness is carried, with three or more all colours.
    """
    layout = decoder.layout()
    carried = min(3, layout.stem.conv.in_channels)
    gain, lift = _CARRIED, 0.0
    for stage in (layout.stem, *layout.stages):
        copies = stage.stride**2
        _pass_through(stage.conv, carried, copies, gain)
        if not stage.sine:
            stage.conv.bias[: carried * copies] = _LIFT - lift
            lift = float(F.gelu(torch.tensor(_LIFT)))
        for block in stage.residuals:
            block.conv2.weight[:carried] = 0
            block.conv2.bias[:carried] = 0
        gain = 1.0
    head = layout.head.conv
    colours = torch.linalg.pinv(torch.tensor(OPPONENT)[:carried]) * 2 / (COLOUR_GAIN * _CARRIED)
    head.weight.mul_(_HEAD_NOISE)
    head.weight[:, :carried] = 0
    head.weight[:, :carried, 1, 1] = colours
    head.bias.copy_(-lift * colours.sum(1))


def _pass_through(conv: SphereConv, carried: int, copies: int, gain: float) -> None:
    centre = conv.kernel_size[0] // 2
    conv.weight[: carried * copies] = 0
    conv.bias[: carried * copies] = 0
    for channel in range(carried):
        rows = slice(channel * copies, (channel + 1) * copies)
        conv.weight[rows, channel, centre, centre] = gain
