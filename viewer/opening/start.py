"""The first scene of a run: read whole, or its still panorama first."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nerv360.decoding import load_compilers, needs_compiler, window_comes_first
from nerv360.errors import InputError
from nerv360.scene import chapter_of, read_glimpse
from nerv360.viewer.decode import OpenScene
from nerv360.viewer.opening.content import is_scene
from nerv360.viewer.opening.device import DeviceChoice
from nerv360.viewer.opening.glimpse import prepare_glimpse


@dataclass(frozen=True)
class Start:
    """The first scene of a run.

    Attributes:
        scene: as shown first.
        decoder: name of the first decoder.
        choice: device of this scene and of those opened later.
        engine: kind of engine of the scene, as in `open_engine`.
        rest: reads the whole scene, if ``scene`` is not; may block.
    """

    scene: OpenScene
    decoder: str
    choice: DeviceChoice
    engine: str = "auto"
    rest: Callable[[], OpenScene] | None = None

    def prepare(self) -> None:
        """Load compilers if the scene needs them, because they must come before the window."""
        decodes = self.scene.whole and self.scene.sameness is not None  # a clip does not
        if decodes and needs_compiler(self.engine, self.choice.device):
            load_compilers()

    def open(self) -> OpenScene:
        """Return the scene to show, on the main thread with the window's context current."""
        if self.scene.whole:
            self.choice.settle()
        return self.scene


def first_sight(path: Path, decoder: str | None, device: str, frame: int = 0) -> Start | None:
    """Return a start with what the scene file at ``path`` can show before torch is loaded.

    None if that is nothing, or something must come before the window: a GPU's compilers, or an
    error in the file or the choices, which only reading the whole file finds.

    Args:
        decoder: to begin with; None means the scene's first.
        device: its name.
        frame: to begin with.
    """
    if not is_scene(path) or device not in ("auto", "cpu"):
        return None
    try:
        glimpse, chapter = read_glimpse(path), 0
        if glimpse is not None and 0 < frame < glimpse.frames:
            chapter, _ = chapter_of(glimpse.chapters, frame)
            glimpse = read_glimpse(path, chapter) if chapter else glimpse
    except InputError:
        return None
    if glimpse is None or (device == "auto" and not window_comes_first()):
        return None
    scene = prepare_glimpse(glimpse, path)
    name = decoder or scene.decoders[0]
    if not glimpse.covering.get(name, False):
        return None
    choice = DeviceChoice(device)
    rest = functools.partial(_complete, scene, path, choice, chapter)
    return Start(scene, name, choice, rest=rest)


def _complete(seen: OpenScene, path: Path, choice: DeviceChoice, chapter: int) -> OpenScene:
    from nerv360.viewer.opening.scene import complete_scene  # loads torch

    return choice.remark_on(complete_scene(seen, path, choice, chapter))
