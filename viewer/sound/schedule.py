"""Times at which parts of a clip are due."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Schedule:
    """Course of the playback, as long as nothing changes.

    Attributes:
        seconds: position in the clip at ``time``.
        time: of `time.perf_counter`.
        playing: not paused.
        speed: clip seconds a second.
        loop: the clip begins again after its end.
        duration: of the clip, in seconds.
    """

    seconds: float
    time: float
    playing: bool
    speed: float
    loop: bool
    duration: float

    def at(self, time: float) -> float:
        """Return the position at ``time``, in seconds of the clip."""
        if not self.playing:
            return self.seconds
        return self.wrapped(self.seconds + (time - self.time) * self.speed)

    def later(self, seconds: float) -> Schedule:
        """Return the schedule of sound that is to be heard so much later, while it plays."""
        if not self.playing:
            return self
        return replace(self, seconds=self.seconds - seconds * self.speed)

    def wrapped(self, seconds: float) -> float:
        """Return a position within the clip, if it begins again after its end."""
        return seconds % self.duration if self.loop else seconds

    def ahead(self, seconds: float, other: float) -> float:
        """Return how far ``seconds`` is after ``other``, the short way round in a loop."""
        distance = seconds - other
        if self.loop:
            distance = (distance + self.duration / 2) % self.duration - self.duration / 2
        return distance
