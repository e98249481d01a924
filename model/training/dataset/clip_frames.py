"""Data set of a training: one clip in memory, at the size of its configuration."""

from __future__ import annotations

import bisect
import functools
import hashlib
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor

from nerv360.config import ModelConfig
from nerv360.errors import InputError
from nerv360.memory import release_pages
from nerv360.metrics import median_frames, temporal_median
from nerv360.networks import architecture_of, checked, smallest_embedding
from nerv360.progress import track
from nerv360.scene import Fingerprint, FingerprintMaker, sampled_frames
from nerv360.video import Clip, VideoInfo

ASPECT_TOLERANCE = 0.02
WHOLE = 0.999
"""Share of a pixel above which the clip shows it."""


@dataclass(frozen=True)
class StillShares:
    """Shares of the sphere, and of a band around the horizon, that show the temporal median."""

    sphere: float
    horizon: float


class ClipFrames:
    """Pictures of a clip in memory, as bytes; only the picture in use is converted to floats.

    A picture that several frames show is held once.

    Attributes:
        bytes: pictures×H×W×3 uint8; 300 pictures of 3072×6144 take 15.8 GiB.
        shown: number of the picture that each frame shows, rising from 0.
        info: of the clip, at its own size.
        fingerprint: of the clip's frames; None if unknown.
        coverage: H×W bool mask of the pixels that the clip shows, others are black; None for the
            whole sphere.
        beside: pictures of frames before and after the clip's, by their number counted from its
            first, which are learned but not stored. As frames they come after the clip's own.
        still_shares: how much stands still; None before `still_shares` measured it.
    """

    def __init__(
        self,
        pictures: Tensor,
        info: VideoInfo,
        fingerprint: Fingerprint | None = None,
        *,
        shown: Sequence[int] | None = None,
        coverage: Tensor | None = None,
        beside: Mapping[int, Tensor] = MappingProxyType({}),
    ) -> None:
        """Hold ``pictures``, each shown by one frame if ``shown`` is None."""
        self.bytes = pictures
        self.info = info
        self.fingerprint = fingerprint
        self.shown = list(range(len(pictures)) if shown is None else shown)
        self.coverage = coverage
        self.beside = beside
        self.still_shares: StillShares | None = None
        self._still: Tensor | None = None
        self._forgotten: set[int] = set()

    def __len__(self) -> int:
        return len(self.shown)

    @property
    def pictures(self) -> int:
        """Number of different pictures."""
        return self.bytes.shape[0]

    @property
    def learned(self) -> int:
        """Number of pictures to learn, those beside the clip's included."""
        return self.pictures + len(self.beside)

    def forget(self, picture: int) -> None:
        """Free the memory of a picture that no frame needs any more, where the system can.

        What follows from all pictures stays known.
        """
        self.still_bytes()
        _ = self.digest
        release_pages(self.bytes[picture].data_ptr(), self.bytes[picture].nbytes)
        self._forgotten.add(picture)

    def picture(self, index: int) -> Tensor:
        """Return the picture of frame ``index``, H×W×3 uint8.

        Raises:
            ValueError: it is forgotten.
        """
        if index >= len(self):
            return list(self.beside.values())[index - len(self)]
        picture = self.shown[index]
        if picture in self._forgotten:
            raise ValueError(f"picture {picture} is forgotten")
        return self.bytes[picture]

    def frame(self, index: int, device: torch.device) -> Tensor:
        """Return frame ``index`` as 1×3×H×W floats in [0, 1], channels-last."""
        return _floats(self.picture(index), device)

    def planes(self, index: int, device: torch.device) -> Tensor:
        """Return frame ``index`` as 1×3×H×W uint8, channels-last."""
        return self.picture(index).to(device, non_blocking=True).permute(2, 0, 1)[None]

    def frame_showing(self, picture: int, turn: int) -> int:
        """Return one of the frames that show ``picture``, the next for each ``turn`` from 0 on."""
        if picture >= self.pictures:
            return len(self) + picture - self.pictures
        first = bisect.bisect_left(self.shown, picture)
        return first + turn % (bisect.bisect_right(self.shown, picture) - first)

    @functools.cached_property
    def digest(self) -> str:
        """Digest of some of its frames, the first and the last among them, as they are here."""
        state = hashlib.sha256(str((tuple(self.bytes.shape), self.shown)).encode())
        for index in sampled_frames(len(self)):
            state.update(self.picture(index).contiguous().numpy().data)
        return state.hexdigest()

    def still_bytes(self) -> Tensor:
        """Return the clip's temporal median, H×W×3 uint8; it is cached."""
        if self._still is None:
            wanted = median_frames(len(self), self.bytes[0].nbytes)
            self._still = temporal_median([self.picture(index) for index in wanted])
        return self._still

    def still(self, device: torch.device) -> Tensor:
        """Return the clip's temporal median, converted as in `frame`."""
        return _floats(self.still_bytes(), device)


def read_clip(
    clip: Clip,
    frame_size: tuple[int, int],
    limit: int | None = None,
    beside: tuple[int, int] = (0, 0),
) -> ClipFrames:
    """Read the pictures of a clip, fitted to one size.

    Args:
        frame_size: height and width in pixels.
        limit: use at most this many frames.
        beside: number of the first and of the last frames that are only `ClipFrames.beside`.

    Raises:
        InputError: the clip cannot be read.
    """
    shown = clip.shown[:limit].tolist()
    pictures = torch.empty(shown[-1] + 1, *frame_size, 3, dtype=torch.uint8)
    before, end = beside[0], len(shown) - beside[1]
    fingerprint = FingerprintMaker(end - before)
    index = 0
    read = track(
        itertools.islice(clip.read(), len(pictures)), f"reading {clip.path.name}", len(pictures)
    )
    held, last = 0, None
    for number, picture in enumerate(read):
        if picture is not last:  # a damaged picture is the one before it
            pictures[held] = fitted(picture, *frame_size)
            held, last = held + 1, picture
        while index < len(shown) and shown[index] == number:
            if before <= index < end:
                fingerprint.see(index - before, picture)
            shown[index] = held - 1
            index += 1
    own = shown[before:end]
    return ClipFrames(
        pictures[own[0] : own[-1] + 1],
        replace(clip.info, frames=len(own)),
        fingerprint.fingerprint,
        shown=[number - own[0] for number in own],
        coverage=_fitted_coverage(clip, frame_size),
        beside={
            index - before: pictures[shown[index]]
            for index in (*range(before), *range(end, len(shown)))
        },
    )


def _fitted_coverage(clip: Clip, frame_size: tuple[int, int]) -> Tensor | None:
    """Mask the pixels of a fitted frame that the clip shows whole; None if it shows all."""
    if clip.coverage is None:
        return None
    known = torch.from_numpy(clip.coverage).float()[None, None]
    return F.interpolate(known, frame_size, mode="area")[0, 0] > WHOLE


def _floats(picture: Tensor, device: torch.device) -> Tensor:
    picture = picture.to(device, non_blocking=True)
    return picture.permute(2, 0, 1)[None].float().div_(255)


def fitted(picture: Tensor, height: int, width: int) -> Tensor:
    """Resize an H×W×3 uint8 picture (bicubic, antialiased) to ``height``×``width``."""
    if picture.shape[:2] == (height, width):
        return picture
    floats = picture.permute(2, 0, 1)[None].float()
    resized = F.interpolate(floats, (height, width), mode="bicubic", antialias=True)
    return resized[0].round_().clamp_(0, 255).byte().permute(1, 2, 0)


def fit_config(preset: ModelConfig, info: VideoInfo, name: str) -> ModelConfig:
    """Fit ``preset`` to a clip of this size.

    The frame gets the nearest size that the strides divide, the viewport the preset's ratio of
    viewport to frame.

    Raises:
        InputError: an equirectangular configuration and a clip more than 2 % off 2:1, or a clip too
            small for the strides.
    """
    plain_video = abs(info.width / info.height / 2 - 1) > ASPECT_TOLERANCE
    if plain_video and not architecture_of(preset).full_frame:
        raise InputError(
            f"{name}: {info.width}x{info.height} is not equirectangular; "
            f"a 360 clip is twice as wide as high"
        )
    factor = math.prod(preset.encoder_strides)
    height = max(1, round(info.height / factor)) * factor
    width = max(1, round(info.width / factor)) * factor if plain_video else 2 * height
    least = factor * smallest_embedding(preset)
    if min(info.height, info.width) < factor or min(height, width) < least:
        sides = f"{least}x{least}" if plain_video else f"{2 * least}x{least}"
        raise InputError(
            f"{name}: {info.width}x{info.height} is too small for strides with the product "
            f"{factor}: give a clip of at least {sides}"
        )
    ratio = width / preset.frame_width
    scale = preset.scale
    viewport_width = max(2, round(preset.viewport_width * ratio / scale)) * scale
    aspect = preset.viewport_height / preset.viewport_width
    viewport_height = max(2, round(viewport_width * aspect / scale)) * scale
    fitted = preset.replace(
        frame_height=height,
        frame_width=width,
        viewport_height=viewport_height,
        viewport_width=viewport_width,
    )
    return checked(fitted)
