"""Sound of a film: what is heard while frames of a clip are shown, each at its look."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nerv360.geometry import Look
from nerv360.sound.ambisonics import STEREO, Mix, ear_gains, mixed
from nerv360.sound.limits import RATE
from nerv360.sound.reader import SoundReader
from nerv360.sound.track import SoundTrack


def follow_each_other(shown: Sequence[int], frames: int) -> bool:
    """Return True if a film of ``shown`` plays a clip of ``frames``, perhaps in a loop."""
    return all((before + 1) % frames == after for before, after in itertools.pairwise(shown))


class SoundOfFrames:
    """Reads the sound of one frame after the other, as two ears hear it."""

    def __init__(self, track: SoundTrack, fps: float) -> None:
        """Open the track of a clip of ``fps`` frames a second.

        Raises:
            InputError: it cannot be read.
        """
        self._reader, self._fps = SoundReader(track), fps
        self._before: Mix | None = None

    def read(self, frame: int, look: Look) -> npt.NDArray[np.float32]:
        """Return what is heard while a frame is shown, samples×2."""
        start, end = (round(each * RATE / self._fps) for each in (frame, frame + 1))
        after = ear_gains(look) if self._reader.track.is_ambisonic else STEREO
        before, self._before = self._before, after
        return mixed(
            self._reader.read(start, end - start), after if before is None else before, after
        )

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
