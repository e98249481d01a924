"""Conditions of a network's residual blocks, from time and look, as a plan's host computes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from nerv360.networks import Affine, Architecture, frame_times

Array = npt.NDArray[np.float32]
_AddArray = Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class _Block:
    """One affine: where its vectors begin, and whether it sees only the time."""

    affine: Affine
    first: int
    time_alone: bool

    @property
    def channels(self) -> int:
        return cast(nn.Linear, self.affine.gamma[2]).out_features


class Conditions:
    """Scales and shifts of every affine, in the form of the passes' uniform ``affine``.

    Attributes:
        vectors: number of vectors of four numbers. Every four channels have two: the scales 1 + γ
            and the shifts β.
        sees_look: whether they depend on the look.
    """

    def __init__(self, network: Architecture, frames: int) -> None:
        """Collect conditions of ``network`` for a clip of ``frames``."""
        self._network, self._blocks = network, list[_Block]()
        self._times = frame_times(frames)
        self.vectors = 0
        look = torch.zeros(1, 4, dtype=torch.float64)
        with torch.inference_mode():
            self.sees_look = bool(network.look_conditions(look))

    def add(self, affine: Affine, *, time_alone: bool) -> tuple[int, int]:
        """Add an affine; return its first vector and its number of vectors."""
        block = _Block(affine, self.vectors, time_alone)
        count = 2 * -(-block.channels // 4)
        self._blocks.append(block)
        self.vectors += count
        return block.first, count

    def of(self, frame: int, look: Sequence[float] = (0.0, 0.0, 0.0, 1.0)) -> Array:
        """Compute vectors×4 for a frame and a look: yaw, pitch, roll, horizontal field of view."""
        result = np.zeros((self.vectors, 4), np.float32)
        with torch.inference_mode():
            time = self._network.time_condition(self._times[frame : frame + 1])
            looks = torch.tensor([list(look)], dtype=torch.float64)
            both = torch.cat([time, *self._network.look_conditions(looks)], -1)
            for block in self._blocks:
                pair = block.affine.parameters_for(time if block.time_alone else both)
                groups = -(-block.channels // 4)
                for offset, values in enumerate(pair):
                    padded = np.zeros(4 * groups, np.float32)
                    padded[: block.channels] = values.flatten().numpy()
                    rows = slice(block.first + offset, block.first + 2 * groups, 2)
                    result[rows] = padded.reshape(groups, 4)
        return result

    def to_json(self, add: _AddArray, *, half: bool) -> dict[str, Any]:
        """Describe how a host computes the conditions; see `ShaderPlan.to_json`.

        - ``times``: embeddings of all frames' times, frames×c.
        - ``looks``: two networks that embed yaw and pitch, each to c channels, with a sine after
          both layers; empty if looks are not used. ``encoding`` names the function of
          `nerv360.networks` that encodes the angle first.
        - ``affines``: ``gamma`` and ``beta`` are two-layer heads with a ReLU in between, for 1 + γ
          and β of ``channels``. Their input is the time's embedding (``time_alone``), or the
          embeddings of time, yaw and pitch. The result starts at vector ``first``, scales and
          shifts alternating.

        Args:
            add: stores an array and returns its description.
        """
        config = self._network.config
        with torch.inference_mode():
            times = self._network.time_condition(self._times).numpy()

        def layers(modules: nn.Sequential) -> list[dict[str, Any]]:
            linear = [module for module in modules if isinstance(module, nn.Linear)]
            return [
                {"weight": add(_array(m.weight), half=half), "bias": add(_array(m.bias), half=half)}
                for m in linear
            ]

        looks: list[dict[str, Any]] = []
        if self.sees_look:
            periodic = config.look_encoding == "periodic"
            encoding = {
                "kind": "periodic" if periodic else "positional",
                "base": config.encoding_base,
                "levels": config.look_levels if periodic else config.encoding_levels,
            }
            looks = [
                {
                    "of": angle,
                    "encoding": encoding,
                    "layers": layers(getattr(self._network, f"{angle}_embedding")),
                }
                for angle in ("yaw", "pitch")
            ]
        return {
            "vectors": self.vectors,
            "times": add(times, half=False),
            "looks": looks,
            "affines": [
                {
                    "first": block.first,
                    "channels": block.channels,
                    "time_alone": block.time_alone,
                    "gamma": layers(block.affine.gamma),
                    "beta": layers(block.affine.beta),
                }
                for block in self._blocks
            ],
        }


def _array(parameter: torch.Tensor) -> Array:
    return cast(Array, parameter.detach().float().numpy())
