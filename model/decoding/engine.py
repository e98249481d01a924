"""Protocol of an engine, and the picture that it decodes. Importing it does not load torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from model.geometry import Look


@dataclass(frozen=True)
class Picture:
    """One decoded picture and what it shows.

    Attributes:
        pixels: height×width×4 uint8 RGBA, row 0 on top, contiguous, on the engine's device. Alpha
            says how much it covers the engine's still panorama, 255 everywhere without one, and
            colours are not premultiplied. They stay valid until the engine has decoded
            `Engine.ring` further pictures.
        look: the look it was really decoded for: roll 0, and the field of view that was used.
            A full-frame engine's pictures are equirectangular; their look is the default one.
        frame: index of the frame shown.
        equirectangular: the picture is the whole sphere, not a viewport.
        decode_s: seconds of decoding; of an earlier picture where this one may not be finished.
        ready: passes when the pixels are finished, where that may be after `Engine.decode`
            returned. Work on the stream that was current then comes after it by itself; on
            other streams, and on the host, one waits for it.
    """

    pixels: Tensor
    look: Look
    frame: int
    equirectangular: bool
    decode_s: float
    ready: torch.cuda.Event | None = None


class Engine(Protocol):
    """Decodes pictures of one decoder of one scene at one size; used from a single thread.

    Attributes:
        name: what the overlay shows, such as ``eager``.
        device: where it decodes.
        size: height and width of its pictures in pixels.
        hfov_range: narrowest and widest horizontal field of view, radians, that it was trained
            for; a request outside is moved to the nearer end.
        full_frame: it yields whole equirectangular frames.
        ring: how many pictures stay valid at a time.
        precision: type of the numbers that its convolutions multiply.
        still: the still panorama that its pictures cover, height×width×3 uint8 on its device, to
            be composited by whoever shows them; None without one.
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
        """Decode ``frame`` as seen from ``look``; its roll is left to the display.

        Raises:
            IndexError: there is no such frame.
            InputError: the frame's data are damaged; others may decode.
            RuntimeError: torch could not decode, for instance for lack of memory.
        """
        ...


@runtime_checkable
class DrawingEngine(Protocol):
    """An engine whose pictures are drawn, not computed on its `Engine.device`.

    Attributes:
        renderer: what draws them, by its own name.
    """

    renderer: str


def engine_repr(engine: Engine) -> str:
    """Return one line on an engine, which the engines take as their ``__repr__``."""
    height, width = engine.size
    shows = "whole frames" if engine.full_frame else "viewports"
    return (
        f"<{type(engine).__name__} {engine.name!r}: {shows} of {width}x{height} on "
        f"{place_of(engine)}>"
    )


def place_of(engine: Engine) -> str:
    """Place where an engine decodes, for people: its renderer or its device."""
    return engine.renderer if isinstance(engine, DrawingEngine) else str(engine.device)
