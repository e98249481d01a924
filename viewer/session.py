"""One run of the window, from the command line's options to a clean end."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, replace
from pathlib import Path

from model.errors import InputError
from model.geometry import Look
from viewer.app import App
from viewer.scene_content import DEMO, check_decoder, scene_content
from viewer.settings import load_settings, save_settings, settings_path
from viewer.window import Window

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """What ``nerv360 view`` was asked for; see its help."""

    scene: Path | None = None
    exit_after: float | None = None
    screenshot: Path | None = None
    size: tuple[int, int] | None = None
    decoder: str | None = None
    device: str = "auto"
    interop: bool = True
    frame: int | None = None
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0


def run_window(options: Options) -> None:
    """Open a window on a scene and return when it has closed.

    Raises:
        InputError: the scene cannot be used, or there is no display.
    """
    logging.basicConfig(level=logging.WARNING, format="nerv360: %(message)s")
    logging.getLogger("viewer").setLevel(logging.INFO)
    if options.screenshot is not None:
        _check_writable(options.screenshot)
    content = scene_content(options.scene or DEMO, options.device)
    if options.decoder is not None:
        check_decoder(content, options.decoder)
    if options.frame is not None and not 0 <= options.frame < content.frames:
        raise InputError(f"--frame {options.frame}: the scene has frames 0 to {content.frames - 1}")
    stored = settings = load_settings(settings_path())
    if options.size is not None:
        settings = replace(settings, width=options.size[0], height=options.size[1])
    window = Window("NeRV360", settings.width, settings.height)
    try:
        app = App(
            window,
            content,
            lambda path: scene_content(path, options.device),
            settings=settings,
            decoder=options.decoder,
        )
        try:
            app.controls.look_at(Look.from_degrees(options.yaw_deg, options.pitch_deg))
            if options.frame is not None:
                app.playback.playing = False
                app.playback.seek(options.frame)
            app.run(options.exit_after, options.screenshot)
            settings = app.settings()
        finally:
            app.close()
    finally:
        window.close()
    if options.size is not None:  # a size for this one time is not a preference
        settings = replace(settings, width=stored.width, height=stored.height)
    save_settings(settings_path(), settings)


def _check_writable(path: Path) -> None:
    folder = path.absolute().parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise InputError(f"--screenshot {path}: give a file name in a folder that can be written")
