"""Camera: turns dragging, keys and wheel into a look. Has no window and no clock of its own.

Points are on the view plane; see `nerv360.viewer.input.drag`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nerv360.geometry import DEFAULT_HFOV, Look, wrap_yaw
from nerv360.viewer.input.drag import Grip, Point
from nerv360.viewer.input.keymap import Action

MIN_HFOV = math.radians(30.0)
MAX_HFOV = math.radians(110.0)

_FRICTION = 5.0
_TURN_PER_HFOV = 0.9
_ROLL_SPEED = math.radians(60.0)
_ZOOM_STEP = 0.08
_VELOCITY_MEMORY_S = 0.05
_MAX_GLIDE = math.radians(720.0)
_REST = 1e-4
_LONGEST_STEP_S = 0.1


@dataclass
class Dynamic:
    """A value that moves with velocity and friction, like yaw after a drag.

    Attributes:
        offset: the value itself, within its limits.
        low, high: limits of ``offset``; a periodic value wraps into [low, high).
        periodic: it wraps instead of stopping.
        friction: how fast velocity approaches its target, 1/s; infinite means no inertia.
        velocity: units of ``offset`` per second.
    """

    offset: float
    low: float
    high: float
    periodic: bool = False
    friction: float = math.inf
    velocity: float = 0.0

    def advance(self, seconds: float, drive: float = 0.0) -> None:
        """Advance by ``seconds`` while velocity approaches ``drive``; exact for any step length."""
        if math.isinf(self.friction):
            self.velocity = drive
            travel = drive * seconds
        else:
            kept = math.exp(-self.friction * seconds)
            excess = self.velocity - drive
            travel = drive * seconds + excess * (1 - kept) / self.friction
            self.velocity = drive + excess * kept
        if drive == 0.0 and abs(self.velocity) < _REST:
            self.velocity = 0.0
        self._move_to(self.offset + travel)

    def nudge(self, distance: float) -> None:
        """Move by ``distance``: at once, or gliding if there is inertia."""
        if math.isinf(self.friction):
            self._move_to(self.offset + distance)
        else:
            self.velocity += distance * self.friction

    def place(self, offset: float) -> None:
        """Set the value to ``offset``, at rest."""
        self.velocity = 0.0
        self._move_to(offset)

    def _move_to(self, offset: float) -> None:
        if self.periodic and not self.low <= offset < self.high:
            period = self.high - self.low
            wrapped = (offset - self.low) % period + self.low
            self.offset = wrapped if wrapped < self.high else self.low
        elif self.periodic:
            self.offset = offset
        else:
            self.offset = min(max(offset, self.low), self.high)
            if self.offset != offset:
                self.velocity = 0.0


class Camera:
    """The look and everything that moves it.

    Attributes:
        yaw, pitch, roll, hfov: the look's coordinates, radians.
    """

    def __init__(self, inertia: bool = True) -> None:
        pi = math.pi
        self.yaw = Dynamic(0.0, -pi, pi, periodic=True)
        self.pitch = Dynamic(0.0, -pi / 2, pi / 2)
        self.roll = Dynamic(0.0, -pi, pi, periodic=True)
        self.hfov = Dynamic(DEFAULT_HFOV, MIN_HFOV, MAX_HFOV)
        self.inertia = inertia
        self._held: set[Action] = set()
        self._grip: Grip | None = None
        self._cursor: Point = (0.0, 0.0)
        self._last = self.look()
        self._speed = 0.0

    @property
    def inertia(self) -> bool:
        """Whether the view glides on after a drag."""
        return self._inertia

    @inertia.setter
    def inertia(self, on: bool) -> None:
        self._inertia = on
        for dynamic in self._dynamics():
            dynamic.friction = _FRICTION if on else math.inf
            dynamic.velocity = 0.0

    @property
    def dragging(self) -> bool:
        """Whether the user is dragging the scene."""
        return self._grip is not None

    @property
    def speed(self) -> float:
        """Angular speed of the view during the last step, radians per second."""
        return self._speed

    def look(self) -> Look:
        """Return the current look."""
        return Look(self.yaw.offset, self.pitch.offset, self.roll.offset, self.hfov.offset)

    def look_at(self, look: Look) -> None:
        """Set the look at once and end any drag."""
        self.release()
        for dynamic, value in zip(self._dynamics(), look.angles, strict=True):
            dynamic.place(value)
        self._last = self.look()

    def follow(self, look: Look, seconds: float) -> None:
        """Move to ``look`` as a step of ``seconds`` along a path, so that `speed` is known."""
        before = self._last
        self.look_at(look)
        self._feel_speed(before, seconds)

    def reset(self) -> None:
        """Return to the first view."""
        self.look_at(Look())

    def press(self, point: Point) -> None:
        """Start a drag of the scene at ``point``."""
        self._grip = Grip(point, self.look())
        self._cursor = point
        self.yaw.velocity = self.pitch.velocity = 0.0

    def move(self, point: Point) -> None:
        """Drag to ``point``."""
        self._cursor = point
        self._follow()

    def release(self) -> None:
        """End the drag; with inertia the view glides on."""
        self._grip = None

    def hold(self, action: Action) -> None:
        """Start an action that lasts while its key is down: turn or roll."""
        self._held.add(action)

    def let_go(self, action: Action) -> None:
        """End such an action: its key has come up."""
        self._held.discard(action)

    def let_go_all(self) -> None:
        """End all held keys and the drag, because the window lost the keyboard."""
        self._held.clear()
        self.release()

    def zoom(self, steps: float) -> None:
        """Zoom in by wheel steps; negative zooms out."""
        self.hfov.nudge(-steps * _ZOOM_STEP * self.hfov.offset)

    def advance(self, seconds: float) -> None:
        """Advance by ``seconds``.

        Keys and glides move at most as far as in 0.1 s, so that the view does not jump after a slow
        frame.
        """
        if seconds <= 0:
            return
        before = self._last
        step = min(seconds, _LONGEST_STEP_S)
        self.hfov.advance(step)
        self.roll.advance(step, self._drive(Action.ROLL_RIGHT, Action.ROLL_LEFT) * _ROLL_SPEED)
        if self._grip is not None:
            self._follow()
            self._feel_velocity(before, seconds)
        else:
            turn = _TURN_PER_HFOV * self.hfov.offset
            self.yaw.advance(step, self._drive(Action.TURN_RIGHT, Action.TURN_LEFT) * turn)
            self.pitch.advance(step, self._drive(Action.TURN_UP, Action.TURN_DOWN) * turn)
        self._last = self.look()
        self._feel_speed(before, seconds)

    def _dynamics(self) -> tuple[Dynamic, Dynamic, Dynamic, Dynamic]:
        return self.yaw, self.pitch, self.roll, self.hfov

    def _drive(self, forward: Action, backward: Action) -> int:
        return (forward in self._held) - (backward in self._held)

    def _follow(self) -> None:
        if self._grip is None:
            return
        look = self._grip.move(self._cursor, self.look())
        self.yaw.offset, self.pitch.offset = look.yaw, look.pitch

    def _feel_speed(self, before: Look, seconds: float) -> None:
        turned = self._last.rotation()[:, 2] - before.rotation()[:, 2]
        angle = 2 * math.asin(min(float(np.linalg.norm(turned)) / 2, 1.0))
        self._speed = angle / seconds if seconds > 0 else 0.0

    def _feel_velocity(self, before: Look, seconds: float) -> None:
        if not self.inertia:
            return
        share = 1 - math.exp(-seconds / _VELOCITY_MEMORY_S)
        now = self.look()
        for dynamic, travelled in (
            (self.yaw, wrap_yaw(now.yaw - before.yaw)),
            (self.pitch, now.pitch - before.pitch),
        ):
            velocity = dynamic.velocity + share * (travelled / seconds - dynamic.velocity)
            dynamic.velocity = min(max(velocity, -_MAX_GLIDE), _MAX_GLIDE)
