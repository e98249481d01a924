"""A scene's data as files of its page: still panorama, motion maps and decoders of each chapter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from nerv360.errors import InputError
from nerv360.memory import release_freed_memory
from nerv360.networks import motion_size
from nerv360.scene import (
    Scene,
    chapter_lengths,
    coded_motion,
    deflated,
    file_state,
    read_coded,
    read_header,
    read_scene,
)
from nerv360.viewer.decode import decoder_names
from nerv360.viewer.sharing.decoder_file import decoder_file, page_plan

_STILL, _MOTION = "still", "motion"


class SceneFiles:
    """Files of a scene's page, each made when it is asked for. One chapter is held in memory.

    Attributes:
        header: of the scene.
        chapters: for the page's description: their first frames and files, of 0 bytes each, which
            stands for an unknown number.
    """

    def __init__(self, path: Path, *, quick: bool = False) -> None:
        """Read the header of the scene in ``path``.

        Args:
            path: the scene file.
            quick: pack in a tenth of the time, to some more bytes.

        Raises:
            InputError: it is not a scene file, or it is damaged.
        """
        self._path, self._quick, self._state = path, quick, file_state(path)
        self.header = read_header(path).header
        self._parts: dict[str, tuple[int, str]] = {}
        self._read: tuple[int, Scene, dict[str, Tensor]] | None = None
        lengths = chapter_lengths(self.header.chapters, self.header.frames)
        firsts = zip(self.header.chapters, lengths, strict=True)
        self.chapters = [self._described(k, *each) for k, each in enumerate(firsts)]

    @property
    def names(self) -> Sequence[str]:
        """The names of all files, chapter by chapter."""
        return list(self._parts)

    def check_drawn(self) -> None:
        """Check that a page can draw all decoders of the scene.

        Raises:
            InputError: one exceeds the graphics that a page can rely on.
        """
        for decoder in self._scene(0)[0].decoders.values():
            page_plan(decoder)

    def make(self, name: str) -> bytes:
        """Return the content of a file.

        Raises:
            KeyError: there is no such file.
            InputError: the scene file is damaged or has changed, or a page cannot draw the decoder.
        """
        chapter, part = self._parts[name]
        scene, coded = self._scene(chapter)
        if part in scene.decoders:
            decoder = scene.decoders[part]
            levels = ["", *(f".{k + 1}" for k in range(len(decoder.finer)))]
            known = [coded.get(f"{part}.embeddings{level}") for level in levels]
            return decoder_file(decoder, known, quick=self._quick)
        still = scene.still
        assert still is not None, "a chapter has no other file without one"
        if part == _STILL:
            return still.packed.numpy().tobytes()
        motion, packed = still.motion, coded.get("still.motion")
        series = packed if packed is not None else coded_motion(motion)
        shape = (motion.shape[0], 1, *motion.shape[1:])
        return deflated(series, shape, "series", quick=self._quick).numpy().tobytes()

    def _described(self, chapter: int, first: int, frames: int) -> dict[str, Any]:
        header = self.header
        end = f"-{chapter:04d}" if len(header.chapters) > 1 else ""

        def file(part: str, kind: str) -> dict[str, Any]:
            name = f"{part}{end}.{kind}"
            self._parts[name] = chapter, part
            return {"file": name, "bytes": 0}

        still = motion = None
        if any(config.still_panorama for config in header.configs.values()):
            size = motion_size(header.height, header.width)
            still = file(_STILL, "avif")
            motion = file(_MOTION, "bin") | {"shape": [frames, 1, *size]}
        decoders = {name: file(name, "safetensors") for name in decoder_names(header.configs)}
        return {"first": first, "still": still, "motion": motion, "decoders": decoders}

    def _scene(self, chapter: int) -> tuple[Scene, dict[str, Tensor]]:
        """Return a chapter, and its tensors as they are coded."""
        if file_state(self._path) != self._state:
            raise InputError(f"{self._path} has changed since it was opened: open it again")
        if self._read is None or self._read[0] != chapter:
            self._read = None
            scene = read_scene(self._path, chapter=chapter, as_levels=True)
            self._read = chapter, scene, read_coded(self._path, chapter=chapter)
            release_freed_memory()  # of unpacking it
        return self._read[1:]
