"""Encoder and decoder in training."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from nerv360.config import ModelConfig
from nerv360.geometry import (
    erp_grid,
    pad_erp,
    sample_padded,
    viewport_angles,
    without_autocast,
)
from nerv360.networks import (
    Encoder,
    FrameCrop,
    architecture_of,
    build_decoder,
    compared_panorama,
    encoder_reach,
    to_channels_last,
)
from nerv360.scene import StillPanorama
from nerv360.training.crops import Crop, crop_at
from nerv360.training.encoder_crop import encoded_crop, widened_crop
from nerv360.training.initialisation import carry_colours


class Autoencoder(nn.Module):
    """Network from a frame to viewports at given looks, or for full-frame decoders to the frame.

    Attributes:
        panorama: the still panorama behind its pictures, 1×3×H×W in [0, 1]; None without one.
        motion: of all frames that are learned, n×1×h×w uint8; see `nerv360.networks.motion_map`.
    """

    panorama: Tensor | None
    motion: Tensor | None
    _compared: Tensor | None

    def __init__(
        self, config: ModelConfig, *, crops: bool = False, still: StillPanorama | None = None
    ) -> None:
        """Create it with random weights.

        Args:
            crops: a full-frame decoder in training mode decodes only the part of the frame around
                the first look.
            still: the still panorama, if the configuration has one.

        Raises:
            ValueError: the configuration has a still panorama, and none is given.
        """
        super().__init__()
        if config.still_panorama and still is None:
            raise ValueError("pictures are to cover a still panorama, and none is given")
        self.config = config
        self.crops = crops and architecture_of(config).full_frame
        self.encoder = Encoder(config)
        to_channels_last(self.encoder)
        self.decoder = build_decoder(config)
        if config.colour_skip:
            carry_colours(self.decoder)
        covered = still if config.still_panorama else None
        panorama = motion = compared = None
        if covered is not None:
            panorama = covered.pixels.permute(2, 0, 1)[None].float() / 255
            motion = covered.motion[:, None]
            compared = compared_panorama(covered.pixels)
            if self.decoder.full_frame and self.decoder.coverage is not None:
                compared = self.decoder.coverage.compared_frame(panorama)
        self.register_buffer("panorama", panorama, persistent=False)
        self.register_buffer("motion", motion, persistent=False)
        self.register_buffer("_compared", compared, persistent=False)

    def add_motion(self, motion: Tensor) -> None:
        """Add the motion maps, n×h×w uint8, of further frames."""
        assert self.motion is not None
        self.motion = torch.cat([self.motion, motion[:, None]])

    def forward(self, frame: Tensor, time: Tensor, looks: Tensor) -> Tensor:
        """Decode pictures N×3×h×w, or 1×3×H×W, of a frame.

        Args:
            frame: 1×3×H×W, in [0, 1] or uint8.
            time: float64, 1.
            looks: N×4.
        """
        crop = self._crop(looks)
        if crop is not None:
            wide = widened_crop(self.config, crop)
            embeddings = [wide.paste(part) for part in self.encode(_unit(wide.cut(frame)))]
            return crop.inner(self.decode(crop.embeddings(embeddings), time, looks))
        seen = self._encoded_crop(looks)
        if seen is None:
            return self.decode(self.encode(_unit(frame)), time, looks)
        inner = seen.inner(encoder_reach(self.config))
        encoded = self.encode(_unit(seen.cut(frame)))
        coarsest, *finer = (seen.part(inner, each) for each in encoded)
        features = self.decoder.expand(coarsest, time, finer, inner)
        return self.decoder.decode(features, time, looks, finer, inner)

    def _encoded_crop(self, looks: Tensor) -> FrameCrop | None:
        """Return the part of the frame encoded in training mode for viewports at ``looks``."""
        return encoded_crop(self.config, looks) if self.training else None

    def decode(self, embeddings: Sequence[Tensor], time: Tensor, looks: Tensor) -> Tensor:
        """Decode a frame's embeddings, coarsest first."""
        coarsest, *finer = embeddings
        return self.decoder(coarsest, time, looks, finer=finer)

    def encode(self, frame: Tensor) -> tuple[Tensor, ...]:
        """Encode a frame 1×3×H×W to embeddings 1×d×h×w, coarsest first.

        On the CPU it runs without autocast, because its depthwise convolutions are slower in half
        precision.
        """
        on_cpu = frame.device.type == "cpu"
        with without_autocast(frame.device) if on_cpu else nullcontext():
            embeddings: tuple[Tensor, ...] = self.encoder.embeddings(frame)
        return embeddings

    def alpha(self, decoded: Tensor, looks: Tensor, index: int) -> Tensor:
        """Return alpha N×1×h×w of the result of `forward` for frame ``index``."""
        coverage, compared, motion = self.decoder.coverage, self._compared, self.motion
        assert coverage is not None
        assert compared is not None
        assert motion is not None
        there = motion[index : index + 1].float() / 255
        with without_autocast(decoded.device):
            if not self.decoder.full_frame:
                size = (decoded.shape[-2], decoded.shape[-1])
                compared = coverage.compared_viewports(compared, looks, size)
                there = coverage.compared_viewports(pad_erp(there, 1), looks, size)
            else:
                there = coverage.frame_motion(there, (compared.shape[-2], compared.shape[-1]))
                if (crop := self._crop(looks)) is not None:
                    compared = crop.cells(compared, coverage.cell)
                    there = crop.cells(there, coverage.cell)
            alpha: Tensor = coverage(decoded, compared, there)
        return alpha

    @property
    def target_size(self) -> tuple[int, int]:
        """Height and width of `target` in training mode, pixels."""
        config = self.config
        whole = not self.crops or crop_at(config, torch.zeros(4)) is None
        if self.decoder.full_frame and whole:
            return config.frame_height, config.frame_width
        return config.viewport_height, config.viewport_width

    def target(self, frame: Tensor, looks: Tensor) -> Tensor:
        """Return the picture that `forward` should yield: N×3×h×w or 1×3×H×W."""
        return self.targets([frame], looks)[0]

    def targets(self, pictures: Sequence[Tensor], looks: Tensor) -> list[Tensor]:
        """Return `target` of several frames 1×3×H×W, in [0, 1] or uint8."""
        if self.decoder.full_frame:
            crop = self._crop(looks)
            return [_unit(each if crop is None else crop.frame(each)) for each in pictures]
        size = (self.config.viewport_height, self.config.viewport_width)
        seen = self._encoded_crop(looks)
        if seen is None:
            return [cut_viewports(_unit(each), looks, *size) for each in pictures]
        angles = _angles(looks, size, pictures[0].device)
        return seen.sample([_unit(pad_erp(seen.cut(each), 1)) for each in pictures], *angles)

    def _crop(self, looks: Tensor) -> Crop | None:
        return crop_at(self.config, looks[0]) if self.crops and self.training else None


def _unit(picture: Tensor) -> Tensor:
    """Convert uint8 to float32 in [0, 1]; other pictures stay."""
    return picture.float().div_(255) if picture.dtype == torch.uint8 else picture


def cut_viewports(frame: Tensor, looks: Tensor, height: int, width: int) -> Tensor:
    """Cut viewports N×3×height×width from one ERP frame 1×3×H×W at float64 looks N×4, bilinear.

    The result is at least float32, also under autocast.
    """
    padded, size = pad_erp(frame, 1), (height, width)
    angles = (_angles(look[None], size, frame.device) for look in looks)
    grids = (erp_grid(*each, frame.shape[-2], frame.shape[-1]) for each in angles)
    return torch.cat([sample_padded(padded, grid) for grid in grids])


def _angles(looks: Tensor, size: tuple[int, int], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return longitudes and latitudes, N×size, of pixel centres; float32 is exact enough."""
    return viewport_angles(looks.float().to(device), size)
