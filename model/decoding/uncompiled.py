"""Base of the engines that run torch's operators one by one, on any device."""

from __future__ import annotations

import time as clock
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from nerv360.decoding.engine import Picture, engine_repr
from nerv360.decoding.looks import decoded_look, hfov_range
from nerv360.decoding.lowering import covered_still
from nerv360.devices import float64_device
from nerv360.geometry import Look
from nerv360.networks import build_decoder, frame_times, shows_frames
from nerv360.scene import Decoder


class UncompiledEngine(ABC):
    """Engine that computes a picture while `decode` is called.

    Attributes:
        network: the decoder's, in evaluation mode on the engine's device.
        times: float64 n, of all frames.
    """

    name: str
    ring = 1 << 30  # every picture has its own pixels
    __repr__ = engine_repr

    def __init__(
        self,
        decoder: Decoder,
        device: torch.device,
        size: tuple[int, int],
        precision: torch.dtype,
    ) -> None:
        """Build the network on ``device``, for pictures of ``size``, height and width."""
        config = decoder.config
        self.device, self.size, self.precision = device, size, precision
        self.hfov_range = hfov_range(config)
        if not shows_frames(config):
            config = config.replace(viewport_height=size[0], viewport_width=size[1])
        network = build_decoder(config)
        network.load_state_dict(decoder.weights)
        self.network = network.to(device).eval().requires_grad_(False)
        self.full_frame = network.shows_frames
        self.frames = decoder.frames
        self._maps = decoder.maps  # on the CPU: of a long clip they are gigabytes
        self._latest: tuple[int, tuple[Tensor, ...]] | None = None
        self.still = covered_still(decoder, device)
        self.times = frame_times(self.frames).to(float64_device(device))

    def decode(self, look: Look, frame: int) -> Picture:
        """Decode a picture; it is finished when this returns. See `Engine.decode`."""
        if not 0 <= frame < self.frames:
            raise IndexError(f"there is no frame {frame}, only {self.frames}")
        start = clock.perf_counter()
        actual = Look() if self.full_frame else decoded_look(look, self.hfov_range)
        with torch.inference_mode():
            pixels, share = self._pixels(actual, frame)
        ready = None
        if self.device.type == "cuda":
            # Otherwise a reader in another stream would wait for the next picture too.
            ready = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
            ready.record(torch.cuda.current_stream(self.device))
            ready.synchronize()
        seconds = clock.perf_counter() - start
        return Picture(pixels, actual, frame, self.full_frame, seconds, ready, share)

    def _code(self, frame: int) -> tuple[Tensor, list[Tensor], Tensor]:
        """Return a frame's embedding, 1×d×h×w, its finer embeddings, and its time, float64 1."""
        if self._latest is None or self._latest[0] != frame:
            codes = self._maps(slice(frame, frame + 1))
            self._latest = frame, tuple(each.to(self.device) for each in codes)
        coarsest, *finer = self._latest[1]
        return coarsest, finer, self.times[frame : frame + 1]

    @abstractmethod
    def _pixels(self, look: Look, frame: int) -> tuple[Tensor, float]:
        """Compute a picture, contiguous height×width×4 uint8, and its `Picture.share`."""
