"""A clock that can be paused, sought, scaled and stepped, apart from the loop that drives it."""

from __future__ import annotations

SPEEDS = (0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 4.0)


class Playback:
    """Place in a clip: the frame that is due.

    Attributes:
        frames: how many there are.
        fps: frames a second at speed 1.
        speed: factor on that.
        loop: begin again after the last frame instead of stopping there.
        playing: time passes.
    """

    def __init__(self, frames: int, fps: float, *, speed: float = 1.0, loop: bool = True) -> None:
        """As `open`."""
        self.speed = speed
        self.loop = loop
        self.open(frames, fps)

    def open(self, frames: int, fps: float) -> None:
        """Stand at frame 0 of a clip, playing; speed and loop stay.

        Raises:
            ValueError: no frames, or a rate that is not positive.
        """
        if frames < 1 or not fps > 0:
            raise ValueError(f"a clip has frames and a rate, not {frames} at {fps}")
        self.frames = frames
        self.fps = fps
        self.playing = True
        self._position = 0.0

    @property
    def frame(self) -> int:
        """Index of the frame that is due."""
        return min(int(self._position), self.frames - 1)

    @property
    def seconds(self) -> float:
        """Time in the clip, at speed 1."""
        return self._position / self.fps

    @property
    def duration(self) -> float:
        """Seconds of the whole clip at speed 1."""
        return self.frames / self.fps

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass; without loop it pauses on the last frame."""
        if not self.playing:
            return
        self._position += seconds * self.fps * self.speed
        if self._position < self.frames:
            return
        if self.loop:
            self._position %= self.frames
        else:
            self.playing = False
            self._position = float(self.frames - 1)

    def toggle(self) -> None:
        """Play or pause; at the end of a clip that does not loop, play from the beginning."""
        if not self.playing and not self.loop and self.frame == self.frames - 1:
            self._position = 0.0
        self.playing = not self.playing

    def seek(self, frame: int) -> None:
        """Go to ``frame``, moved into the clip; playing or not stays as it is."""
        self._position = float(min(max(frame, 0), self.frames - 1))

    def step(self, frames: int) -> None:
        """Pause, and go ``frames`` on or back."""
        self.playing = False
        frame = self.frame + frames
        self.seek(frame % self.frames if self.loop else frame)

    def change_speed(self, steps: int) -> None:
        """The next faster or slower of `SPEEDS`."""
        nearest = min(range(len(SPEEDS)), key=lambda i: abs(SPEEDS[i] - self.speed))
        self.speed = SPEEDS[min(max(nearest + steps, 0), len(SPEEDS) - 1)]
