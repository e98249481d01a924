"""The open scene's still panorama on the GPU, and ways to show pictures over it.

Main thread only.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Callable, Collection
from enum import Enum

import numpy as np
import numpy.typing as npt
from PIL import Image

from nerv360.errors import InputError
from nerv360.viewer import process_end
from nerv360.viewer.picture.gl import Texture, largest_texture

_KEPT = 3
"""Textures: of the chapter that is shown, of the next, and of one more."""
_THREAD = "still"

process_end.watch(lambda: any(thread.name == _THREAD for thread in threading.enumerate()))


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
    """Textures of still panoramas, shared by all panes of a window; the latest ones are kept."""

    def __init__(self, notify: Callable[[str], None]) -> None:
        """Start without a texture.

        Args:
            notify: receives a sentence if the panorama must be shown smaller.
        """
        self._notify = notify
        self._kept: list[tuple[npt.NDArray[np.uint8], Texture]] = []

    def texture(
        self, pixels: npt.NDArray[np.uint8], used: Collection[Texture | None] = ()
    ) -> Texture:
        """Return the texture of ``pixels``, height×width×3, uploading them if they are new.

        Args:
            used: textures that are drawn and must stay.
        """
        for kept in self._kept:
            if kept[0] is pixels:
                return kept[1]
        unused = [kept for kept in self._kept if all(kept[1] is not each for each in used)]
        for old in unused[: max(0, len(self._kept) + 1 - _KEPT)]:
            # By identity: `list.remove` would compare the pixels.
            self._kept = [kept for kept in self._kept if kept is not old]
            old[1].close()
        texture = Texture(wraps=True, levels=True)
        self._kept.append((pixels, texture))
        self._upload(texture, pixels)
        return texture

    def forget(self) -> None:
        """Free the textures; the context must still be current."""
        for _, texture in self._kept:
            texture.close()
        self._kept.clear()

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


class StillReader:
    """Reads still panoramas of chapters on threads of its own."""

    def __init__(self, read: Callable[[int], npt.NDArray[np.uint8] | None]) -> None:
        """Read a chapter's by ``read``, once somebody asks for it."""
        self._read, self._stills = read, dict[int, npt.NDArray[np.uint8] | None]()

    def get(self, chapter: int) -> npt.NDArray[np.uint8] | None:
        """Return a chapter's still panorama, or None until it has been read."""
        if chapter not in self._stills:
            self._stills[chapter] = None
            threading.Thread(target=self._run, args=(chapter,), name=_THREAD, daemon=True).start()
        return self._stills[chapter]

    def _run(self, chapter: int) -> None:
        with contextlib.suppress(InputError):  # decoding says why
            self._stills[chapter] = self._read(chapter)
