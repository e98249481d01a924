"""Plan of a training in chapters, as a file that all its processes read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nerv360.config import ModelConfig
from nerv360.errors import InputError
from nerv360.files import atomic_write
from nerv360.scene import Fingerprint

_VERSION = 2


@dataclass(frozen=True)
class ChapterPlan:
    """Decisions for all chapters of a clip.

    Attributes:
        asked: the options it was made for, as plain JSON values.
        chapters: first frames.
        frames: number of frames of the clip.
        config: network of all chapters.
        looks_at_motion: as in `TrainingSettings`.
        why: what the clip chose, in a sentence; None if it chose nothing.
        fingerprint: of the clip.
        frame_s: seconds that a frame's training takes; None if it is not by the clock.
        chained: each chapter begins with the network of the one before.
        cuts: frames that begin another scene.
    """

    asked: dict[str, Any]
    chapters: tuple[int, ...]
    frames: int
    config: ModelConfig
    looks_at_motion: float
    why: str | None
    fingerprint: Fingerprint
    frame_s: float | None
    chained: bool
    cuts: tuple[int, ...]

    def write(self, path: Path) -> None:
        """Write it to ``path``, completely or not at all.

        Raises:
            InputError: it cannot be written.
        """
        values = {
            "version": _VERSION,
            "asked": self.asked,
            "chapters": list(self.chapters),
            "frames": self.frames,
            "config": self.config.to_dict(),
            "looks_at_motion": self.looks_at_motion,
            "why": self.why,
            "fingerprint": self.fingerprint.to_json(),
            "frame_s": self.frame_s,
            "chained": self.chained,
            "cuts": list(self.cuts),
        }
        try:
            with atomic_write(path) as partial:
                partial.write_text(json.dumps(values))
        except OSError as error:
            raise InputError(f"{path} cannot be written: {error.strerror or error}") from error

    @classmethod
    def read(cls, path: Path) -> ChapterPlan:
        """Read the plan that `write` wrote.

        Raises:
            InputError: it is missing or damaged, or of another version of the program.
        """
        try:
            values = json.loads(path.read_text())
            if values["version"] != _VERSION:
                raise ValueError(f"its version is {values['version']}")
            frames = int(values["frames"])
            return cls(
                asked=dict(values["asked"]),
                chapters=tuple(map(int, values["chapters"])),
                frames=frames,
                config=ModelConfig.from_dict(values["config"]),
                looks_at_motion=float(values["looks_at_motion"]),
                why=values["why"],
                fingerprint=Fingerprint.from_json(values["fingerprint"], frames),
                frame_s=None if values["frame_s"] is None else float(values["frame_s"]),
                chained=bool(values["chained"]),
                cuts=tuple(map(int, values["cuts"])),
            )
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
        except (InputError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{path} is no plan of a training in chapters ({error}): train from the beginning"
            ) from error
