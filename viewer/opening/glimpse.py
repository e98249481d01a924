"""A scene known only by its still panorama, as an open scene. Needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nerv360.errors import InputError
from nerv360.scene import Glimpse
from nerv360.text import file_name
from nerv360.viewer.decode import Cost, EngineSource, OpenScene, decoder_names

if TYPE_CHECKING:
    from nerv360.video import Clip


def prepare_glimpse(glimpse: Glimpse, path: Path) -> OpenScene:
    """Return the open scene of a glimpse of the file at ``path``.

    Its decoders have no engines and no known costs; `complete_scene` adds both.
    """
    return OpenScene(
        title=glimpse.title or path.stem,
        frames=glimpse.frames,
        fps=glimpse.fps,
        size=(glimpse.height, glimpse.width),
        decoders=decoder_names(glimpse.covering),
        source=lambda decoder: EngineSource(()),
        cost=lambda decoder: Cost(0, False, 0),
        free_bytes=lambda: 0,
        still=lambda decoder, _: glimpse.still if glimpse.covering[decoder] else None,
        chapters=glimpse.chapters,
        sameness=_not_yet,
        whole=False,
        file=path,
    )


def _not_yet(clip: Clip) -> str:
    name = file_name(clip.path)
    raise InputError(f"{name} cannot be compared yet: drop it again when the scene is open")
