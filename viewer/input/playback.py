"""Clock of a clip that can be paused, sought, scaled and stepped; the frame loop advances it."""

from __future__ import annotations

SPEEDS = (0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 4.0)


class Playback:
    """Position in a clip.

    Attributes:
        frames: number of frames.
        fps: frames per second at speed 1.
        speed: factor on ``fps``.
        loop: start again after the last frame instead of stopping.
        playing: not paused.
    """

    def __init__(self, frames: int, fps: float, *, speed: float = 1.0, loop: bool = True) -> None:
        """Open a clip; see `open`."""
        self.speed = speed
        self.loop = loop
        self.open(frames, fps)

    def open(self, frames: int, fps: float) -> None:
        """Go to frame 0 of a new clip and play; speed and loop stay.

        Raises:
            ValueError: there are no frames, or the rate is not positive.
        """
        if frames < 1 or not fps > 0:
            raise ValueError(f"a clip has frames and a rate, not {frames} at {fps}")
        self.frames = frames
        self.fps = fps
        self.playing = True
        self._position = 0.0

    @property
    def frame(self) -> int:
        """Index of the current frame."""
        return min(int(self._position), self.frames - 1)

    @property
    def seconds(self) -> float:
        """Position in the clip, in seconds at speed 1."""
        return self._position / self.fps

    @property
    def duration(self) -> float:
        """Length of the clip, in seconds at speed 1."""
        return self.frames / self.fps

    def advance(self, seconds: float) -> None:
        """Advance by ``seconds`` if playing; without loop, pause on the last frame."""
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
        """Play or pause; at the end of a clip without loop, play from the beginning."""
        if not self.playing and not self.loop and self.frame == self.frames - 1:
            self._position = 0.0
        self.playing = not self.playing

    def seek(self, frame: int) -> None:
        """Go to ``frame``, clamped to the clip; playing or paused stays as it is."""
        self._position = float(min(max(frame, 0), self.frames - 1))

    def step(self, frames: int) -> None:
        """Pause and move by ``frames``, which may be negative."""
        self.playing = False
        frame = self.frame + frames
        self.seek(frame % self.frames if self.loop else frame)

    def change_speed(self, steps: int) -> None:
        """Change to a faster (positive) or slower one of `SPEEDS`."""
        nearest = min(range(len(SPEEDS)), key=lambda i: abs(SPEEDS[i] - self.speed))
        self.speed = SPEEDS[min(max(nearest + steps, 0), len(SPEEDS) - 1)]
