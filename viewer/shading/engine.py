"""The gl engine: decodes by drawing a decoder's plan."""

from __future__ import annotations

import time

import numpy as np
import torch

from nerv360.decoding import Picture, covered_still, decoded_look, hfov_range
from nerv360.geometry import Look
from nerv360.networks import KeptCrop
from nerv360.scene import Decoder
from nerv360.shaders import shader_plan
from nerv360.viewer.shading.context import ShaderContext
from nerv360.viewer.shading.drawn_plan import RING, DrawnPlan
from nerv360.viewer.shading.failure import graphics_errors
from nerv360.viewer.shading.picture import TexturePicture


class ShaderEngine:
    """Engine that decodes by fragment shaders in its own context.

    Attributes:
        renderer: OpenGL's name of what draws.
    """

    name = "gl"
    device = torch.device("cpu")
    ring = RING
    precision = torch.float32

    def __init__(
        self, context: ShaderContext, decoder: Decoder, size: tuple[int, int], *, shares: bool
    ) -> None:
        """Plan and compile.

        Args:
            context: not held by another thread for long.
            size: height and width of pictures.
            shares: pictures are `TexturePicture`, for a window whose context shares textures with
                this one; otherwise their pixels are read back.

        Raises:
            RuntimeError: it cannot be drawn here.
        """
        self.size, self.renderer, self._shares = size, context.renderer, shares
        self.hfov_range = hfov_range(decoder.config)
        self.still = covered_still(decoder, self.device)
        self._context, self._decoder = context, decoder
        self._plan = shader_plan(decoder, size, context.limits)
        self.full_frame = self._plan.full_frame
        self._frame: int | None = None
        self._crop = KeptCrop()
        self._next = 0
        with context.current(), graphics_errors():
            self._drawn = DrawnPlan(context, self._plan)
            if self.still is not None:
                self._drawn.give("still", self.still.numpy())

    def decode(self, look: Look, frame: int) -> Picture:
        """Decode a picture; it is finished when this returns. See `Engine.decode`."""
        if not 0 <= frame < self._decoder.frames:
            raise IndexError(f"there is no frame {frame}, only {self._decoder.frames}")
        started = time.perf_counter()
        actual = Look() if self.full_frame else decoded_look(look, self.hfov_range)
        conditions, affines = self._plan.conditions, np.zeros((0, 4), np.float32)
        if conditions is not None:
            affines = conditions.of(frame, actual.angles)
        index, self._next = self._next, (self._next + 1) % RING
        with self._context.current(), graphics_errors():
            new = frame != self._frame
            if new:
                self._frame = None  # In case of a failure midway.
                self._give(frame)
            if (crops := self._plan.crops) is not None:
                seen = crops.seen(actual)
                self._crop.covering(frame, seen, lambda _: self._drawn.draw_crop(seen, affines))
            texture = self._drawn.draw(index, actual, affines, frame_is_new=new)
            self._frame = frame
            pixels = torch.empty(0, 0, 4, dtype=torch.uint8)
            if not self._shares:
                pixels = torch.from_numpy(self._drawn.read(index).copy())
        seconds = time.perf_counter() - started
        if not self._shares:
            return Picture(pixels, actual, frame, self.full_frame, seconds)
        return TexturePicture(
            pixels, actual, frame, self.full_frame, seconds, texture=texture, extent=self.size
        )

    def _give(self, frame: int) -> None:
        decoder = self._decoder
        coarsest, *finer = decoder.maps(slice(frame, frame + 1))
        self._drawn.give("embedding", coarsest[0].numpy())
        for number, level in enumerate(finer):
            self._drawn.give(f"finer{number}", level[0].numpy())
        if self.still is not None and decoder.still is not None:
            self._drawn.give("motion", decoder.still.motion[frame].numpy())
