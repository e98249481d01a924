"""Pages of a scene or clip that a server decodes for."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from nerv360.decoding import check_engine
from nerv360.errors import InputError
from nerv360.scene import Scene, read_header
from nerv360.video import Clip
from nerv360.viewer.decode import OpenScene
from nerv360.viewer.opening import DeviceChoice, prepare_clip, prepare_file, prepare_scene
from nerv360.viewer.sharing.folder import export_clip, export_web
from nerv360.viewer.sharing.live import live_description

log = logging.getLogger(__name__)


def scene_page(
    scene: Scene, path: Path, folder: Path, prefers: str, choice: DeviceChoice, engine: str = "auto"
) -> OpenScene:
    """Write the page of a scene to ``folder``, and return what its server decodes.

    The server makes the scene's own files (`SceneFiles`).

    Args:
        scene: read from ``path``, or its first chapter.
        prefers: where pictures are decoded at first, one of `PLACES`.
        choice: the device.
        engine: its kind.

    Raises:
        InputError: an engine does not fit, or the page cannot be written.
    """
    for decoder in scene.decoders.values():
        check_engine(engine, decoder.config, choice.device)
    gpu = choice.device.type != "cpu"
    export_web(path, folder, live_description(scene, id_of(path), prefers, gpu), served=True)
    if len(read_header(path).header.chapters) > 1:
        return prepare_file(path, choice, engine)
    return prepare_scene(scene, path, choice, engine)


def clip_page(clip: Clip, folder: Path) -> OpenScene:
    """Write the page of a clip to ``folder``, and return what its server decodes.

    Raises:
        InputError: the clip is not equirectangular, or the page cannot be written.
    """
    opened = prepare_clip(clip, planes=False)
    live = live_description(None, id_of(clip.path), "here", False)
    export_clip(opened, folder, live, _sounds(opened))
    return opened


def _sounds(opened: OpenScene) -> bool:
    """Return whether the server can send sound."""
    try:
        return opened.sound is not None and opened.sound() is not None
    except InputError as error:
        log.warning("%s: the page goes on without sound", error)
        return False


def id_of(path: Path) -> str:
    """Return an id by which a page knows a scene again after a new start of the server."""
    state = path.stat()
    text = f"{path.resolve()} {state.st_size} {state.st_mtime_ns}"
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]
