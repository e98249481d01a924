"""The look to decode, so that it covers the view now and when the picture arrives."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nerv360.decoding import Engine
from nerv360.geometry import Look

_SPARE = 1.05
_MAX_OVERSCAN = math.radians(12.0)


@dataclass(frozen=True)
class Request:
    """Request for a picture of the current view.

    Attributes:
        look: the current look.
        aspect: width over height of the window.
        frame: index of the current frame.
        speed: angular speed of the view, radians per second.
    """

    look: Look
    aspect: float
    frame: int
    speed: float = 0.0


def covering_hfov(look: Look, shown_aspect: float, picture_aspect: float) -> float:
    """Return the narrowest horizontal field of view of an unrolled picture that covers the view.

    Args:
        look: the view's, with its roll and field of view.
        shown_aspect: width over height of the window.
        picture_aspect: width over height of the picture.
    """
    x = look.half_extent
    y = x / shown_aspect
    cosine, sine = abs(math.cos(look.roll)), abs(math.sin(look.roll))
    half_width, half_height = x * cosine + y * sine, y * cosine + x * sine
    return 2 * math.atan(max(half_width, half_height * picture_aspect))


def predicted_look(request: Request, engine: Engine, latency: float) -> Look:
    """Return the look to request from ``engine``.

    It is level, and wider than the view by the expected turn until the picture is on screen.

    Args:
        request: the current view.
        engine: limits size and field of view.
        latency: seconds from requesting a picture to seeing it.
    """
    if engine.full_frame:
        return Look()
    height, width = engine.size
    covering = covering_hfov(request.look, request.aspect, width / height)
    spare = 2 * math.atan(_SPARE * math.tan(covering / 2))
    overscan = min(request.speed * latency, _MAX_OVERSCAN)
    low, high = engine.hfov_range
    hfov = min(max(spare + 2 * overscan, low), high)
    return Look(request.look.yaw, request.look.pitch, 0.0, hfov)
