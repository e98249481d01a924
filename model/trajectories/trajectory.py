"""A gaze path from any recorder, and its looks at the pictures of a clip."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from nerv360.errors import InputError
from nerv360.geometry import DEFAULT_HFOV_DEG, Look, look_from_rotation

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MAX_SAMPLES = 20_000_000
"""A day and a half at 144 looks a second."""
MAX_STEPS = 1_000_000
MAX_TIME_S = 1e8
MAX_TURN_DEG = 1e7


class Interpolation(Enum):
    """Interpolation of a path from one sample to the next.

    ANGLES: each angle linearly, as JVET defines its viewports and as our own recordings do.
    ROTATION: along the great circle from one head orientation to the next; it also works near the
        poles, where angles jump.
    """

    ANGLES = "angles"
    ROTATION = "rotation"


@dataclass(frozen=True)
class Step:
    """One picture of a replay: a frame of the clip, and a look."""

    frame: int
    look: Look


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Looks over time; samples are in the order of their times.

    Attributes:
        name: short name for tables, such as ``balboa-vp0``.
        source: where it comes from, for people.
        time_s: n times in seconds, from 0 or later, never falling.
        yaw_deg: n longitudes, continuous across ±180° (unwrapped); right is positive.
        pitch_deg: n latitudes, −90 to 90; up is positive.
        roll_deg: n angles; head leaning clockwise is positive.
        hfov_deg: n horizontal fields of view, between 0 and 180, both exclusive.
        frame: n frame indices that were shown, if the path was recorded with a clip.
        interpolation: from one sample to the next.
        scaled: the whole path is stretched over the whole clip, whatever their lengths.
        by_picture: times are numbers of the clip's pictures, whatever its rate.
        remark: one sentence on what could not be read of it, for people; nothing by default.
    """

    name: str
    source: str
    time_s: Floats
    yaw_deg: Floats
    pitch_deg: Floats
    roll_deg: Floats
    hfov_deg: Floats
    frame: Integers | None = None
    interpolation: Interpolation = Interpolation.ANGLES
    scaled: bool = False
    by_picture: bool = False
    remark: str | None = None

    def __post_init__(self) -> None:
        _check(self)

    def __len__(self) -> int:
        return len(self.time_s)

    @property
    def duration_s(self) -> float:
        """Seconds from time 0 to the last sample."""
        return float(self.time_s[-1])

    def look_at(self, time_s: float) -> Look:
        """Return the look at a time; outside the samples' times, the first or the last look."""
        right = int(np.searchsorted(self.time_s, time_s, side="right"))
        if right == 0:
            return self._sample(0)
        left = right - 1
        if right == len(self) or self.time_s[left] == time_s:
            return self._sample(left)
        weight = float((time_s - self.time_s[left]) / (self.time_s[right] - self.time_s[left]))
        if self.interpolation is Interpolation.ROTATION:
            return self._turned(left, right, weight)
        ends = zip(self._degrees(left), self._degrees(right), strict=True)
        return Look.from_degrees(*(_mix(start, end, weight) for start, end in ends))

    def frame_at(self, time_s: float) -> int | None:
        """Return the frame that was shown at a time, or None if the path does not say."""
        if self.frame is None:
            return None
        left = int(np.searchsorted(self.time_s, time_s, side="right")) - 1
        return int(self.frame[max(left, 0)])

    def at_frames(self, frames: int, fps: float) -> list[Look]:
        """Return the looks at a clip's pictures 0 … ``frames`` − 1, ``fps`` of them a second.

        Yaw stays continuous across ±180°. A path that ends before the clip holds its last look.
        """
        return [self._look_at_frame(k, frames, fps) for k in range(frames)]

    def steps(self, frames: int, fps: float) -> list[Step]:
        """Return the steps of a replay, ``fps`` pictures a second.

        A path that was recorded with its frames is replayed whole, with exactly those frames; any
        other path is followed for as long as the clip runs, once.

        Raises:
            InputError: the path shows frames that the clip does not have.
        """
        if self.frame is None:
            return [Step(k, look) for k, look in enumerate(self.at_frames(frames, fps))]
        self.check_frames(frames)
        count = math.floor(self.duration_s * fps + 1e-6) + 1
        if count > MAX_STEPS:
            raise InputError(
                f"{self.source} lasts {self.duration_s:.0f} s, more than {MAX_STEPS} pictures: "
                f"give a shorter path"
            )
        times = (k / fps for k in range(count))
        return [Step(self.frame_at(t) or 0, self.look_at(t)) for t in times]

    def replay_s(self, frames: int, fps: float) -> float:
        """Return the seconds that a replay takes on a clip of ``frames`` at ``fps`` a second."""
        return frames / fps if self.frame is None else self.duration_s

    def step_at(self, time_s: float, frames: int, fps: float) -> Step:
        """Return the step of a replay ``time_s`` seconds after its start.

        At the times of the clip's own pictures it equals the one of `steps`.
        """
        if self.frame is not None:
            return Step(self.frame_at(time_s) or 0, self.look_at(time_s))
        position = min(time_s * fps, frames - 1.0)
        frame = min(math.floor(time_s * fps + 1e-6), frames - 1)
        return Step(frame, self._look_at_frame(position, frames, fps))

    def check_frames(self, frames: int) -> None:
        """Check that a clip has the frames that the path shows.

        Raises:
            InputError: the path shows frames that a clip of ``frames`` does not have.
        """
        if self.frame is not None and int(self.frame.max()) >= frames:
            raise InputError(
                f"{self.source} shows frame {int(self.frame.max())} but the clip has only "
                f"{frames} frames: use the clip that it was recorded with"
            )

    def _look_at_frame(self, position: float, frames: int, fps: float) -> Look:
        if self.by_picture:
            return self.look_at(position)
        if not self.scaled:
            return self.look_at(position / fps)
        start, length = float(self.time_s[0]), float(self.time_s[-1] - self.time_s[0])
        return self.look_at(start + length * (position / max(frames - 1, 1)))

    def _degrees(self, index: int) -> list[float]:
        columns = (self.yaw_deg, self.pitch_deg, self.roll_deg, self.hfov_deg)
        return [float(column[index]) for column in columns]

    def _sample(self, index: int) -> Look:
        return Look.from_degrees(*self._degrees(index))

    def _turned(self, left: int, right: int, weight: float) -> Look:
        start, end = self._sample(left), self._sample(right)
        turn = start.rotation() @ _partial_turn(start.rotation().T @ end.rotation(), weight)
        look = look_from_rotation(turn, _mix(start.hfov, end.hfov, weight))
        near = _mix(start.yaw, end.yaw, weight)
        yaw = look.yaw + 2 * math.pi * round((near - look.yaw) / (2 * math.pi))
        return Look(yaw, look.pitch, look.roll, look.hfov)


def from_rotations(
    name: str, source: str, time_s: Floats, rotations: list[Floats] | Floats
) -> Trajectory:
    """Return a path of head orientations, rotations as in `Look.rotation`, with hfov 78.1°."""
    yaw, pitch, roll = np.degrees(_angles(np.asarray(rotations, np.float64).reshape(-1, 3, 3)))
    return Trajectory(
        name=name,
        source=source,
        time_s=time_s,
        yaw_deg=np.unwrap(yaw, period=360),
        pitch_deg=pitch,
        roll_deg=roll,
        hfov_deg=np.full(len(yaw), DEFAULT_HFOV_DEG),
        interpolation=Interpolation.ROTATION,
    )


def too_long(source: str, most: int = MAX_SAMPLES) -> str:
    """Return the sentence for a path with more than ``most`` samples."""
    return f"{source} holds more than {most} looks: give a shorter path"


def _angles(rotations: Floats) -> Floats:
    """Return yaw, pitch and roll (3×n) of n×3×3 rotations, as `look_from_rotation` does for one."""
    right, up, forward = rotations[..., 0], rotations[..., 1], rotations[..., 2]
    upright = np.abs(forward[:, 1]) > 1.0 - 1e-12
    return np.stack(
        [
            np.where(
                upright,
                np.arctan2(-right[:, 0], -right[:, 2]),
                np.arctan2(-forward[:, 2], forward[:, 0]),
            ),
            np.arcsin(np.clip(forward[:, 1], -1.0, 1.0)),
            np.where(upright, 0.0, np.arctan2(-right[:, 1], up[:, 1])),
        ]
    )


def _mix(start: float, end: float, weight: float) -> float:
    return start + (end - start) * weight


def _partial_turn(turn: Floats, weight: float) -> Floats:
    """Return the rotation by ``weight`` times the angle of ``turn``, about its axis (Rodrigues)."""
    axis = np.array([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]])
    sine, cosine = float(np.linalg.norm(axis)) / 2, (float(np.trace(turn)) - 1) / 2
    if sine < 1e-12:  # no turn at all; half a turn between two samples has no axis to prefer
        return np.eye(3) if cosine > 0 or weight < 0.5 else turn
    x, y, z = axis / (2 * sine)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    angle = math.atan2(sine, cosine) * weight
    return np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * (cross @ cross)


def _check(path: Trajectory) -> None:
    def need(condition: bool, sentence: str) -> None:
        if not condition:
            raise InputError(f"{path.source} {sentence}")

    count = len(path.time_s)
    need(count > 0, "holds no look: give a path with at least one")
    if count > MAX_SAMPLES:
        raise InputError(too_long(path.source))
    for name in ("time_s", "yaw_deg", "pitch_deg", "roll_deg", "hfov_deg"):
        values = getattr(path, name)
        need(values.shape == (count,), f"has {len(values)} values of {name} for {count} times")
        need(bool(np.isfinite(values).all()), f"holds a {name} that is not a finite number")
    need(bool(path.time_s[0] >= 0), "starts before time 0: times must be 0 s or later")
    need(bool((np.diff(path.time_s) >= 0).all()), "has a time that falls: times must not fall")
    need(bool(path.time_s[-1] <= MAX_TIME_S), f"has a time beyond {MAX_TIME_S:.0f} s")
    turns = np.abs([path.yaw_deg, path.roll_deg])
    need(bool((turns <= MAX_TURN_DEG).all()), f"has an angle beyond ±{MAX_TURN_DEG:.0f}°")
    need(bool((np.abs(path.pitch_deg) <= 90).all()), "has a pitch that is not within ±90°")
    fov = path.hfov_deg
    need(bool(((fov > 0) & (fov < 180)).all()), "has a field of view not between 0° and 180°")
    if path.frame is not None:
        need(path.frame.shape == (count,), f"has {len(path.frame)} frames for {count} times")
        need(bool((path.frame >= 0).all()), "has a negative frame index")
