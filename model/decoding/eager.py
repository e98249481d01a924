"""The engine that needs no compiler: torch as it stands, on any device."""

from __future__ import annotations

import time as clock

import torch
from torch import Tensor

from model.config import ModelConfig
from model.decoding.engine import Picture
from model.decoding.folded.expansion import FoldedExpansion
from model.decoding.folded.feature_rows import RowPlan, sampled_rows
from model.decoding.folded.stages import FoldedViewport
from model.devices import float64_device
from model.geometry import Look, viewport_grid
from model.networks.nerv360 import NeRV360
from model.networks.registry import architecture_of, build_decoder, frame_times
from model.scene import Decoder


def hfov_range(config: ModelConfig) -> tuple[float, float]:
    """The fields of view, radians, that a decoder was trained for."""
    hfov = Look.from_degrees(0, 0, 0, config.hfov_deg).hfov
    return hfov * (1 - config.hfov_jitter), hfov * (1 + config.hfov_jitter)


def picture_look(look: Look, limits: tuple[float, float]) -> Look:
    """The look that is decoded for a requested one: level, its field of view within ``limits``."""
    return Look(look.yaw, look.pitch, 0.0, min(max(look.hfov, limits[0]), limits[1]))


def look_tensor(look: Look, device: torch.device | str = "cpu") -> Tensor:
    """Float64 1×4: yaw, pitch, roll, horizontal field of view."""
    values = [[look.yaw, look.pitch, look.roll, look.hfov]]
    return torch.tensor(values, dtype=torch.float64, device=device)


def to_rgba(picture: Tensor) -> Tensor:
    """1×3×H×W in [0, 1] → contiguous H×W×4 uint8, alpha 255."""
    colours = picture[0].permute(1, 2, 0).float().mul(255).add_(0.5).clamp_(0, 255)
    pixels = torch.full((*colours.shape[:2], 4), 255, dtype=torch.uint8, device=picture.device)
    pixels[..., :3] = colours
    return pixels


class EagerEngine:
    """Decodes operator by operator; what depends on the frame alone is kept until it changes."""

    name = "eager"
    ring = 1 << 30  # every picture has pixels of its own

    def __init__(
        self,
        decoder: Decoder,
        device: torch.device,
        size: tuple[int, int],
        dtype: torch.dtype | None = None,
    ) -> None:
        self.device, self.size = device, size
        self.dtype = dtype or (torch.float16 if device.type == "cuda" else torch.float32)
        self.precision = self.dtype
        self.config = decoder.config
        self.hfov_range = hfov_range(decoder.config)
        self.full_frame = architecture_of(decoder.config).full_frame
        network = build_decoder(decoder.config)
        network.load_state_dict(decoder.weights)
        self.network = network.to(device).eval().requires_grad_(False)
        self.embeddings = decoder.embeddings.to(device)
        self.times = frame_times(self.embeddings.shape[0]).to(float64_device(device))
        self._features: tuple[int, Tensor] | None = None

    def decode(self, look: Look, frame: int) -> Picture:
        """See `Engine.decode`."""
        if not 0 <= frame < self.embeddings.shape[0]:
            raise IndexError(f"there is no frame {frame}, only {self.embeddings.shape[0]}")
        start = clock.perf_counter()
        actual = Look() if self.full_frame else picture_look(look, self.hfov_range)
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not torch.float32),
        ):
            pixels = self._decode(actual, frame)
        ready = None
        if self.device.type == "cuda":
            # Without it a reader in another stream would wait for the next picture, too.
            ready = torch.cuda.Event()  # type: ignore[no-untyped-call]
            ready.record(torch.cuda.current_stream(self.device))
            ready.synchronize()
        return Picture(pixels, actual, frame, self.full_frame, clock.perf_counter() - start, ready)

    def _decode(self, look: Look, frame: int) -> Tensor:
        embedding, time = self._code(frame)
        network = self.network
        if self._features is None or self._features[0] != frame:
            self._features = frame, network.expand(embedding, time)
        looks = look_tensor(look, self.times.device)
        return to_rgba(network.decode(self._features[1], time, looks, self._projected_size))

    def _code(self, frame: int) -> tuple[Tensor, Tensor]:
        return self.embeddings[frame : frame + 1], self.times[frame : frame + 1]

    @property
    def _projected_size(self) -> tuple[int, int]:
        scale = self.config.scale
        return self.size[0] // scale, self.size[1] // scale


class FoldedEngine(EagerEngine):
    """Decodes viewports by `FoldedExpansion` and `FoldedViewport`, operator by operator."""

    name = "folded"

    def __init__(
        self,
        decoder: Decoder,
        device: torch.device,
        size: tuple[int, int],
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Fold the decoder; its convolutions run in ``dtype``, float32 or bfloat16."""
        super().__init__(decoder, device, size, torch.float32)
        assert isinstance(self.network, NeRV360)
        if dtype is torch.bfloat16:
            self.name = "folded-bfloat16"
        self.precision = dtype
        self._plan = RowPlan(decoder.config.embedding_size[0])
        with torch.inference_mode():
            self._folded = FoldedViewport(self.network, dtype)
            before = decoder.config.expand_before_projection
            self._expansion = FoldedExpansion(self.network, dtype) if before else None

    def _decode(self, look: Look, frame: int) -> Tensor:
        network = self.network
        assert isinstance(network, NeRV360)
        height, width = self.config.embedding_size
        looks = look_tensor(look, self.times.device)
        grid = viewport_grid(looks, self._projected_size, (height + 2, width + 2))
        embedding, time = self._code(frame)
        expansion = self._expansion
        if expansion is None:
            return self._folded(network.expand(embedding, time), time, looks, grid)
        missing = self._plan.missing(frame, sampled_rows(grid, height))
        if missing is not None:
            try:
                expansion(embedding, time, missing)
            except BaseException:
                self._plan.forget()
                raise
        return self._folded(expansion.features, time, looks, grid)
