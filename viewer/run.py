"""One run of the window, from the command line's options to a clean end."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from model.decoding.compiled.preloading import load_compilers
from model.decoding.engines import check_engine
from model.devices import choose_device
from model.errors import InputError
from model.geometry import Look
from model.scene.scene_file import Scene, read_scene
from model.trajectories.reading import UnknownFormatError, read_trajectory
from model.trajectories.trajectory import Trajectory
from model.video.writing import check_video_name
from viewer.app import App
from viewer.commands.scene_options import path_option
from viewer.data_files import DEMO
from viewer.decode.open_scene import OpenScene
from viewer.decode.scene_source import decoder_names, open_scene
from viewer.input.wander import wander
from viewer.loading import SCENE_SUFFIX, is_scene
from viewer.picture.cuda_runtime import device_of_window
from viewer.picture.cuda_upload import choose_upload
from viewer.picture.film import Film
from viewer.picture.window import Window
from viewer.settings import Settings, load_settings, save_settings, settings_path
from viewer.text import printable_name

log = logging.getLogger(__name__)

_CLIPS = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".webm"})

_SWITCH_S = 0.0005
"""How long a busy thread keeps the interpreter from the one that draws; Python's own 5 ms, several
times a frame, took the display from 60 to 10 frames a second."""


@dataclass(frozen=True)
class Options:
    """What ``nerv360 view`` was asked for; see its help."""

    scene: Path | None = None
    exit_after: float | None = None
    screenshot: Path | None = None
    size: tuple[int, int] | None = None
    decoder: str | None = None
    device: str = "auto"
    engine: str = "auto"
    interop: bool = True
    frame: int | None = None
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    trajectory: str | None = None
    wander: bool = False
    film: Path | None = None


def run_window(options: Options) -> None:
    """Open a window on a scene and return when it has closed.

    Raises:
        InputError: the scene cannot be used, or there is no display.
    """
    logging.basicConfig(level=logging.WARNING, format="nerv360: %(message)s")
    logging.getLogger("viewer").setLevel(logging.INFO)
    if options.screenshot is not None:
        _check_writable("--screenshot", options.screenshot)
    if options.film is not None:
        _check_writable("--film", options.film)
        check_video_name(options.film)
    device = choose_device(options.device)
    path = options.scene or DEMO
    scene = read_scene(path)
    _check_against(options, scene, device)
    trajectory = _trajectory(options, scene)
    stored = settings = load_settings(settings_path())
    if options.size is not None:
        settings = replace(settings, width=options.size[0], height=options.size[1])
    if device.type == "cuda" and options.engine not in ("eager", "folded"):
        load_compilers()
    sys.setswitchinterval(_SWITCH_S)
    window = Window("NeRV360", settings.width, settings.height, fitted=options.size is None)
    try:
        device = device_of_window(device)
        app = App(
            window,
            open_scene(scene, path, device, options.engine),
            lambda path: open_dropped(path, device, options.engine),
            settings=settings,
            decoder=options.decoder,
            upload=lambda: choose_upload(device, options.interop),
        )
        try:
            app.camera.look_at(Look.from_degrees(options.yaw_deg, options.pitch_deg))
            if options.frame is not None:
                app.playback.playing = False
                app.playback.seek(options.frame)
            if trajectory is not None:
                app.follow(trajectory)
            with contextlib.ExitStack() as stack:
                if options.film is not None:
                    film = Film(options.film, *window.framebuffer_size)
                    app.film = stack.enter_context(film)
                app.run(options.exit_after, options.screenshot)
        finally:  # whatever ends it, Ctrl-C too
            _remember(app.settings(), stored, options)
            app.close()
    finally:
        window.close()


def _remember(settings: Settings, stored: Settings, options: Options) -> None:
    if options.size is not None:  # a size for this one time is not a preference
        settings = replace(settings, width=stored.width, height=stored.height)
    save_settings(settings_path(), settings)


def open_dropped(path: Path, device: torch.device, engine: str) -> OpenScene | Trajectory:
    """Read a dropped file.

    Raises:
        InputError: it can be neither shown nor followed.
    """
    if is_scene(path):
        return open_scene(read_scene(path), path, device, engine)
    try:
        return read_trajectory(str(path))
    except UnknownFormatError as error:
        train = "; `nerv360 train` makes a scene of a clip" if path.suffix.lower() in _CLIPS else ""
        raise InputError(
            f"{printable_name(path)} is neither a scene ({SCENE_SUFFIX}) nor a gaze path{train}"
        ) from error


def _trajectory(options: Options, scene: Scene) -> Trajectory | None:
    if options.wander:
        if options.trajectory is not None:
            raise InputError("--wander: the look follows --trajectory already; give one of them")
        return wander(scene.frames, scene.fps)
    if options.trajectory is None:
        return None
    trajectory = path_option(options.trajectory)
    trajectory.check_frames(scene.frames)
    return trajectory


def _check_against(options: Options, scene: Scene, device: torch.device) -> None:
    if options.decoder is not None and options.decoder not in scene.decoders:
        names = ", ".join(scene.decoders)
        raise InputError(f"--decoder {options.decoder}: the scene has {names}")
    check_engine(options.engine, scene, options.decoder or decoder_names(scene)[0], device)
    if options.frame is not None and not 0 <= options.frame < scene.frames:
        raise InputError(f"--frame {options.frame}: the scene has frames 0 to {scene.frames - 1}")


def _check_writable(option: str, path: Path) -> None:
    folder = path.absolute().parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise InputError(f"{option} {path}: give a file name in a folder that can be written")
