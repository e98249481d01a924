"""An open scene: a clip with one or several decoders, and where engines for them come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from model.decoding import Engine

if TYPE_CHECKING:
    from model.video import VideoIndex

ORIGINAL = "original"
"""Name of the decoder that is the clip itself."""


def decoder_names(decoders: Iterable[str]) -> tuple[str, ...]:
    """Names of a scene's decoders, in the order in which they are offered."""
    return tuple(sorted(decoders, key=lambda name: (name != "nerv360", name)))


@dataclass(frozen=True)
class EngineSource:
    """Makers of engines for one decoder of one scene.

    Attributes:
        engines: the first to begin with; the next is tried where one fails.
        background: makes the small engine of the picture around, or nothing does; none is needed
            around pictures that cover a still panorama.
        upgrade: makes a faster engine, which may take long: it is built on a thread of its own
            while the first one decodes, and takes over between two pictures.
        latency: seconds added to decoding until a picture is seen.
    """

    engines: Sequence[Callable[[], Engine]]
    background: Callable[[], Engine] | None = None
    upgrade: Callable[[], Engine] | None = None
    latency: float = 1 / 60


@dataclass(frozen=True)
class Cost:
    """Cost of one picture.

    Attributes:
        pixels: how many are decoded for it.
        full_frame: they are the whole sphere, from which a shader cuts what is shown.
        peak_bytes: memory while it is decoded, weights and embeddings included, as far as it can
            be told before.
    """

    pixels: int
    full_frame: bool
    peak_bytes: int


@dataclass(frozen=True)
class OpenScene:
    """A scene as the application sees it.

    Attributes:
        title: for the window's frame.
        frames: how many.
        fps: frames a second.
        size: height and width of the source clip.
        decoders: names, the preferred one first.
        source: makes the `EngineSource` of a decoder by its name.
        cost: of one picture of a decoder, by its name.
        free_bytes: how much memory there is for another decoder now.
        still: the still panorama that a decoder's pictures cover, by its name, height×width×3
            and one array for all of them; nothing where they cover none.
        sameness: says how far a clip is known to be the scene's own, and raises InputError where it
            is another; nothing where the scene is a clip itself. It takes seconds.
        remark: one sentence that is to be said when it is opened, or nothing.
        whole: its decoders have been read; until then there is no more to see than ``still``.
    """

    title: str
    frames: int
    fps: float
    size: tuple[int, int]
    decoders: tuple[str, ...]
    source: Callable[[str], EngineSource]
    cost: Callable[[str], Cost]
    free_bytes: Callable[[], int]
    still: Callable[[str], npt.NDArray[np.uint8] | None] = lambda decoder: None
    sameness: Callable[[VideoIndex], str] | None = None
    remark: str | None = None
    whole: bool = True


@dataclass(frozen=True)
class Unreadable:
    """A scene that turned out to be damaged after its still panorama had been shown.

    Attributes:
        scene: as it was shown.
        error: what is wrong with it.
    """

    scene: OpenScene
    error: Exception


@dataclass(frozen=True)
class Extension:
    """More decoders for a scene while it is open.

    Attributes:
        scene: the open one.
        extended: what takes its place, with those decoders.
        decoders: their names.
    """

    scene: OpenScene
    extended: OpenScene
    decoders: tuple[str, ...]
