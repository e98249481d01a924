"""A hand on the scene: the look under which the point that it holds stays below it.

Points are on the view plane: x to the right and y up, in units of half the window's width.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from model.geometry import Look, wrap_yaw

Point = tuple[float, float]
Vector = npt.NDArray[np.float64]

LARGEST_GAIN = 4.0
"""Radians that yaw or pitch may turn for each radian that the hand moves.

A level horizon leaves two angles, which is enough for a point to stay under the hand, but near a
pole yaw must then turn by 1/cos(latitude), and beside it by whole turns within a few pixels. Four
leaves the point in the hand up to latitudes of 75°; further up it slips.
"""

_HELD = 1e-9
_HALF_PI = math.pi / 2


def ray_through(point: Point, hfov: float) -> Vector:
    """Unit vector in camera axes (right, up, forward) through ``point`` of the view plane."""
    tangent = math.tan(hfov / 2)
    ray = np.array([point[0] * tangent, point[1] * tangent, 1.0])
    return ray / np.linalg.norm(ray)


class Grip:
    """One drag, from the press to the release.

    Attributes:
        anchor: unit world direction of the point that is held.
    """

    def __init__(self, point: Point, look: Look) -> None:
        """Take hold of what ``look`` shows at ``point``."""
        self._ray = ray_through(point, look.hfov)
        self.anchor: Vector = look.rotation() @ self._ray
        self._level = _levelled(self._ray, look.roll)

    def move(self, point: Point, current: Look) -> Look:
        """The look that shows what is held at ``point``, with ``current``'s roll and field of view.

        Of the two that there may be (facing the point, and over the pole) the one nearer to it.
        Where that is further than `LARGEST_GAIN` allows it is approached as far as that, and where
        there is none the look comes as near to it as it can; what is held then slips, so that the
        hand now holds what is under it. It never comes to lie further from the hand than if the
        look had stayed.

        Args:
            point: where the hand is now, on the view plane.
            current: where the viewer looks now.
        """
        self._ray, before = ray_through(point, current.hfov), self._level
        self._level = _levelled(self._ray, current.roll)
        moved = 2 * math.asin(min(float(np.linalg.norm(self._level - before)) / 2, 1.0))
        turns = [(0.0, 0.0)]
        for yaw, pitch in _exact_turns(self.anchor, self._level, current):
            share = min(1.0, LARGEST_GAIN * moved / max(abs(yaw), abs(pitch), 1e-12))
            turns.append((share * yaw, share * pitch))
        choices = [
            (self._missed(look := _turned(current, *t)), max(map(abs, t)), look) for t in turns
        ]
        missed, _, best = min(choices, key=lambda choice: (round(choice[0], 9), choice[1]))
        if missed > _HELD:
            self.anchor = best.rotation() @ self._ray
        return best

    def _missed(self, look: Look) -> float:
        return float(np.linalg.norm(look.rotation() @ self._ray - self.anchor))


def _levelled(ray: Vector, roll: float) -> Vector:
    """``ray`` in the axes of a camera at the same place that does not roll."""
    cosine, sine = math.cos(roll), math.sin(roll)
    return np.array([cosine * ray[0] + sine * ray[1], cosine * ray[1] - sine * ray[0], ray[2]])


def _turned(look: Look, yaw: float, pitch: float) -> Look:
    pitch = min(max(look.pitch + pitch, -_HALF_PI), _HALF_PI)
    return Look(wrap_yaw(look.yaw + yaw), pitch, look.roll, look.hfov)


def _exact_turns(anchor: Vector, level: Vector, current: Look) -> Iterator[tuple[float, float]]:
    """Turns in yaw and pitch that bring ``anchor`` to the ray ``level``; where a level horizon or
    the limit of pitch forbids that, as near to it as the anchor's longitude allows.
    """
    right, up, forward = level
    # With β the ray's own elevation in the level camera, its height is reach·sin(pitch + β).
    elevation, reach = math.atan2(up, forward), math.hypot(up, forward)
    raised = math.asin(min(max(float(anchor[1]) / reach, -1.0), 1.0))
    longitude = math.atan2(-anchor[2], anchor[0])
    for angle in (raised, math.copysign(math.pi, raised) - raised):
        pitch = min(max(angle - elevation, -_HALF_PI), _HALF_PI)
        ahead = forward * math.cos(pitch) - up * math.sin(pitch)
        yaw = longitude - math.atan2(right, ahead)
        yield wrap_yaw(yaw - current.yaw), pitch - current.pitch
