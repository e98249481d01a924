"""Looks: direction, roll and field of view, and the calculations that need no tensor."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nerv360.errors import InputError

DEFAULT_HFOV_DEG = 78.1
DEFAULT_HFOV = math.radians(DEFAULT_HFOV_DEG)
_ROUNDING = 1e-6


def wrap_yaw(yaw: float) -> float:
    """Wrap ``yaw``, in radians, to [−π, π)."""
    return (yaw + math.pi) % (2 * math.pi) - math.pi


@dataclass(frozen=True)
class Look:
    """Direction, roll and field of view of a viewer, in radians.

    Attributes:
        yaw: longitude θ of the viewport's centre; rises to the right, any real number.
        pitch: latitude φ of the centre, −π/2 to π/2; rises upwards.
        roll: clockwise lean of the viewer's head.
        hfov: horizontal field of view, 0 to π exclusive.

    Raises:
        InputError: a number is not finite, or pitch or field of view is out of range.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    hfov: float = DEFAULT_HFOV

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, self.angles)):
            raise InputError(f"{self}: each number of a look must be finite")
        if abs(self.pitch) > math.pi / 2 + _ROUNDING:
            raise InputError(
                f"the pitch of a look must be between -90 and 90 degrees (±π/2 radians), not "
                f"{math.degrees(self.pitch):g} degrees{self._hint()}"
            )
        if not 0 < self.hfov < math.pi:
            raise InputError(
                f"the field of view of a look must be between 0 and 180 degrees (π radians), not "
                f"{math.degrees(self.hfov):g} degrees{self._hint()}"
            )
        if _seems_degrees(self.yaw):
            warnings.warn(
                f"a yaw of {self.yaw:g} radians is {self.yaw / math.tau:.1f} turns{self._hint()}",
                stacklevel=3,
            )

    def _hint(self) -> str:
        if any(map(_seems_degrees, self.angles)):
            return ": Look takes radians, Look.from_degrees takes degrees"
        return ""

    @classmethod
    def from_degrees(
        cls,
        yaw_deg: float,
        pitch_deg: float,
        roll_deg: float = 0.0,
        hfov_deg: float = DEFAULT_HFOV_DEG,
    ) -> Look:
        """Return a look from degrees.

        Raises:
            InputError: a number is not finite, or pitch or field of view is out of range.
        """
        return cls(*(math.radians(v) for v in (yaw_deg, pitch_deg, roll_deg, hfov_deg)))

    @property
    def angles(self) -> tuple[float, float, float, float]:
        """Yaw, pitch, roll and horizontal field of view, radians."""
        return self.yaw, self.pitch, self.roll, self.hfov

    @property
    def half_extent(self) -> float:
        """Half the width of its picture, one unit before the viewer."""
        return math.tan(self.hfov / 2)

    def degrees(self) -> tuple[float, float, float, float]:
        """Return yaw (in [−180, 180)), pitch, roll and horizontal field of view in degrees."""
        return (
            math.degrees(wrap_yaw(self.yaw)),
            math.degrees(self.pitch),
            math.degrees(self.roll),
            math.degrees(self.hfov),
        )

    def rotation(self) -> npt.NDArray[np.float64]:
        """Return the 3×3 rotation from camera axes (right, up, forward) to world axes."""
        cy, sy = math.cos(self.yaw), math.sin(self.yaw)
        cp, sp = math.cos(self.pitch), math.sin(self.pitch)
        cr, sr = math.cos(self.roll), math.sin(self.roll)
        forward = np.array([cp * cy, sp, -cp * sy])
        level_right = np.array([-sy, 0.0, -cy])
        level_up = np.array([-sp * cy, cp, sp * sy])
        right = cr * level_right - sr * level_up
        up = cr * level_up + sr * level_right
        return np.stack([right, up, forward], axis=1)


def _seems_degrees(angle: float) -> bool:
    """Tell whether an angle in radians looks like degrees: a whole number beyond two turns."""
    return abs(angle) > 2 * math.tau and float(angle).is_integer()


def look_from_rotation(rotation: npt.NDArray[np.float64], hfov: float = DEFAULT_HFOV) -> Look:
    """Return the look of a rotation: the inverse of `Look.rotation`.

    Straight up or down, yaw and roll are the same rotation, and roll is 0.
    """
    forward, right, up = rotation[:, 2], rotation[:, 0], rotation[:, 1]
    pitch = math.asin(float(np.clip(forward[1], -1.0, 1.0)))
    if abs(forward[1]) > 1.0 - 1e-12:
        return Look(math.atan2(-float(right[0]), -float(right[2])), pitch, 0.0, hfov)
    yaw = math.atan2(-float(forward[2]), float(forward[0]))
    return Look(yaw, pitch, math.atan2(-float(right[1]), float(up[1])), hfov)


def vertical_fov(hfov: float, height: int, width: int) -> float:
    """Return the vertical field of view for square pixels, radians (49.1° at 16:9)."""
    return 2 * math.atan(math.tan(hfov / 2) * height / width)


def level_of_detail(columns: int, angle: float) -> float:
    """Return the mipmap level of a panorama to sample with pixels ``angle`` radians wide.

    Each level is half the size of the one before; 0 is the panorama itself. A fractional level is a
    mixture of its two neighbours. Up to √2 panorama pixels per pixel, level 0 is kept: a mixture
    would be softer.

    Args:
        columns: the panorama's width.
    """
    skipped = columns * angle / (2 * math.pi)
    return min(max(math.log2(skipped) - 0.5, 0.0), max(math.log2(columns) - 2, 0.0))
