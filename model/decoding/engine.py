"""Protocol of an engine, and its pictures. Importing it does not load torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from nerv360.geometry import Look
    from nerv360.scene import Decoder
    from nerv360.video import Planes


@dataclass(frozen=True)
class Picture:
    """One decoded picture and its look.

    Attributes:
        pixels: height×width×4 uint8 RGBA, row 0 on top, contiguous, on the engine's device. Alpha
            is the share of the picture over the engine's still panorama, 255 everywhere without
            one; colours are not premultiplied. Valid until the engine has decoded `Engine.ring`
            further pictures.
        look: the look it was decoded for: roll 0, and the field of view that was used. Pictures of
            full-frame engines are equirectangular and have the default look.
        frame: index of the frame.
        equirectangular: the picture is the whole sphere, not a viewport.
        decode_s: seconds of decoding; of an earlier picture if this one may not be finished.
        ready: event that passes when the pixels are finished, if that may be after `Engine.decode`
            returned. Later work on the stream that was current needs no waiting; other streams and
            the host must wait for it.
        share: of its pixels that were decoded, 0 to 1; the others have alpha 0 and are black.
    """

    pixels: Tensor
    look: Look
    frame: int
    equirectangular: bool
    decode_s: float
    ready: torch.cuda.Event | None = None
    share: float = 1.0


@dataclass(frozen=True, kw_only=True)
class PlanesPicture(Picture):
    """A picture whose pixels are only in the planes of its file; `Picture.pixels` is empty."""

    planes: Planes


class Engine(Protocol):
    """Decodes pictures of one decoder of one scene at one size; used from a single thread.

    Attributes:
        name: shown by the overlay, such as ``eager``.
        device: device that decodes.
        size: height and width of its pictures in pixels.
        hfov_range: narrowest and widest horizontal field of view, radians, it was trained for;
            requests outside are moved to the nearer end.
        full_frame: its pictures are whole equirectangular frames.
        ring: number of pictures that stay valid at a time.
        precision: type of the numbers multiplied by its convolutions.
        still: the still panorama behind the picture decoded last, height×width×3 uint8 on its
            device, for the display to composite; None without one. The same for all pictures of
            one chapter.
    """

    name: str
    device: torch.device
    size: tuple[int, int]
    hfov_range: tuple[float, float]
    full_frame: bool
    ring: int
    precision: torch.dtype
    still: Tensor | None

    def decode(self, look: Look, frame: int) -> Picture:
        """Decode ``frame`` for ``look``; roll is left to the display.

        Raises:
            IndexError: there is no such frame.
            InputError: the frame's data are damaged; other frames may decode.
            RuntimeError: torch could not decode, for example for lack of memory.
        """


@runtime_checkable
class DrawingEngine(Protocol):
    """An engine that draws its pictures instead of computing them on its `Engine.device`.

    Attributes:
        renderer: OpenGL's name of what draws.
    """

    renderer: str


@runtime_checkable
class TurnTaking(Protocol):
    """An engine whose decoders may take turns in its code, graphs and pictures.

    Attributes:
        takes_turns: whether it can; otherwise `beside` may not be called.
    """

    takes_turns: bool

    def beside(self, decoder: Decoder) -> Engine:
        """Return an engine of another decoder of the same configuration.

        The engines are used from one thread, and share their ring of pictures. This may be called
        from another one.

        Raises:
            RuntimeError: memory runs out.
        """


def engine_repr(engine: Engine) -> str:
    """Describe an engine in one line; used as ``__repr__``."""
    height, width = engine.size
    shows = "whole frames" if engine.full_frame else "viewports"
    return (
        f"<{type(engine).__name__} {engine.name!r}: {shows} of {width}x{height} on "
        f"{place_of(engine)}>"
    )


def place_of(engine: Engine) -> str:
    """Return a readable name of the engine's renderer or device."""
    return engine.renderer if isinstance(engine, DrawingEngine) else str(engine.device)
