"""Stored pictures, whatever holds them: upright RGB, in any order, not yet placed on a sphere."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor

from nerv360.video.spherical import SphericalLayout

Channels = Literal["rgb24", "rgba"]


class OpenedPictures(Protocol):
    """Pictures that can be read; used from a single thread."""

    def picture(self, number: int, channels: Channels) -> Tensor:
        """Return a picture upright, uint8 height×width×3 or 4, alpha 255.

        Raises:
            InputError: it cannot be decoded; others may.
        """

    def close(self) -> None:
        """Close what is open."""


@dataclass(frozen=True, eq=False, kw_only=True)
class StoredPictures(abc.ABC):
    """Pictures of one size, and what is known of them; it holds no file open.

    Attributes:
        pictures: how many.
        size: width and height, upright.
        shape: width over height of a pixel.
        fps: frames a second.
        shown: number of the picture that is shown at each frame.
        layout: how they show the sphere.
        picture_bytes: of one as it is kept.
        codec: name of what decodes them.
        notes: sentences without a full stop on what was assumed, left out or applied.
        facts: plain JSON values for people.
    """

    pictures: int
    size: tuple[int, int]
    shape: float = 1.0
    fps: float
    shown: npt.NDArray[np.int64]
    layout: SphericalLayout = field(default_factory=SphericalLayout)
    picture_bytes: int
    codec: str
    notes: tuple[str, ...] = ()
    facts: dict[str, Any]

    @abc.abstractmethod
    def open(self, kept_bytes: int | None = None) -> OpenedPictures:
        """Open them; `KEPT_BYTES` of the latest stay at hand if ``kept_bytes`` is None."""
