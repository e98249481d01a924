"""The open scene's still panorama on the GPU, and ways to show pictures over it.

Main thread only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum

import numpy as np
import numpy.typing as npt
from PIL import Image

from nerv360.viewer.picture.gl import Texture, largest_texture


class Compositing(Enum):
    """Way to show decoded pictures over a still panorama; the values are the shader's."""

    COMPOSITE = 0
    PICTURE_ALONE = 1
    SHARE = 2

    @property
    def next(self) -> Compositing:
        """The next one, in turn."""
        return Compositing((self.value + 1) % len(Compositing))

    @property
    def caption(self) -> str:
        """Phrase for the overlay; empty for the composite."""
        return {
            Compositing.COMPOSITE: "",
            Compositing.PICTURE_ALONE: "decoded picture alone (black: not decoded)",
            Compositing.SHARE: "share of the decoded picture (white)",
        }[self]


class StillTexture:
    """Texture of a still panorama, shared by all panes of a window."""

    def __init__(self, notify: Callable[[str], None]) -> None:
        """Start without a texture.

        Args:
            notify: receives a sentence if the panorama must be shown smaller.
        """
        self._notify = notify
        self._pixels: npt.NDArray[np.uint8] | None = None
        self._texture: Texture | None = None

    def texture(self, pixels: npt.NDArray[np.uint8]) -> Texture:
        """Return the texture of ``pixels``, height×width×3, uploading them if they are new."""
        if self._texture is None or self._pixels is not pixels:
            self.forget()
            self._texture, self._pixels = Texture(wraps=True, levels=True), pixels
            self._upload(self._texture, pixels)
        return self._texture

    def forget(self) -> None:
        """Free the texture; the context must still be current."""
        if self._texture is not None:
            self._texture.close()
        self._texture = self._pixels = None

    def _upload(self, texture: Texture, pixels: npt.NDArray[np.uint8]) -> None:
        height, width, _ = pixels.shape
        shown, limit = pixels, largest_texture()
        step = math.ceil(max(height, width) / limit)
        if step > 1:
            self._notify(
                f"The still panorama of {width}×{height} is larger than the {limit}×{limit} that "
                f"OpenGL takes here: it is shown at 1/{step} of its size."
            )
            shown = np.asarray(Image.fromarray(shown).reduce(step))
        texture.put(np.ascontiguousarray(shown))
