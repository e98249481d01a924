"""Dragging: find the look that keeps the dragged point of the scene under the cursor.

Points are on the view plane: x to the right and y up, in units of half the window's width.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from nerv360.geometry import Look, wrap_yaw

Point = tuple[float, float]
Vector = npt.NDArray[np.float64]

LARGEST_GAIN = 4.0
"""Largest turn in yaw or pitch for each radian of cursor movement.

With a level horizon only yaw and pitch are free, which suffices to keep a point under the cursor.
But near a pole yaw must turn by 1/cos(latitude), and next to it by whole turns within a few pixels.
A gain of 4 keeps the point up to latitudes of 75°; beyond, it slips.
"""

_HELD = 1e-9
_HALF_PI = math.pi / 2


def ray_through(point: Point, hfov: float) -> Vector:
    """Return the unit vector in camera axes (right, up, forward) through ``point``."""
    tangent = math.tan(hfov / 2)
    ray = np.array([point[0] * tangent, point[1] * tangent, 1.0])
    return ray / np.linalg.norm(ray)


class Grip:
    """One drag, from press to release.

    Attributes:
        anchor: unit world direction of the dragged point.
    """

    def __init__(self, point: Point, look: Look) -> None:
        """Start a drag at what ``look`` shows at ``point``."""
        self._ray = ray_through(point, look.hfov)
        self.anchor: Vector = look.rotation() @ self._ray
        self._level = _levelled(self._ray, look.roll)

    def move(self, point: Point, current: Look) -> Look:
        """Return the look that shows the dragged point at ``point``.

        It keeps the roll and field of view of ``current``. Up to two looks fit, one of them over
        the pole: the one closer to ``current`` is used. If it is further than `LARGEST_GAIN`
        allows, the look turns only that far; if none fits, it comes as close as possible. The drag
        then slips: it continues with the point now under the cursor. The dragged point never ends
        up further from the cursor than if the look had not moved.

        Args:
            point: the cursor on the view plane.
            current: the current look.
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
    """Rotate ``ray`` into the axes of the same camera without roll."""
    cosine, sine = math.cos(roll), math.sin(roll)
    return np.array([cosine * ray[0] + sine * ray[1], cosine * ray[1] - sine * ray[0], ray[2]])


def _turned(look: Look, yaw: float, pitch: float) -> Look:
    pitch = min(max(look.pitch + pitch, -_HALF_PI), _HALF_PI)
    return Look(wrap_yaw(look.yaw + yaw), pitch, look.roll, look.hfov)


def _exact_turns(anchor: Vector, level: Vector, current: Look) -> Iterator[tuple[float, float]]:
    """Yield turns in yaw and pitch that bring ``anchor`` to the ray ``level``.

    If a level horizon or the limit of pitch makes that impossible, they bring it as close as they
    can at its longitude.
    """
    right, up, forward = level
    # With β the ray's elevation in the level camera, its height is reach·sin(pitch + β).
    elevation, reach = math.atan2(up, forward), math.hypot(up, forward)
    raised = math.asin(min(max(float(anchor[1]) / reach, -1.0), 1.0))
    longitude = math.atan2(-anchor[2], anchor[0])
    for angle in (raised, math.copysign(math.pi, raised) - raised):
        pitch = min(max(angle - elevation, -_HALF_PI), _HALF_PI)
        ahead = forward * math.cos(pitch) - up * math.sin(pitch)
        yaw = longitude - math.atan2(right, ahead)
        yield wrap_yaw(yaw - current.yaw), pitch - current.pitch
