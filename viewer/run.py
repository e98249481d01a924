"""One run of the window, as asked for on the command line."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from OpenGL import GL

from nerv360.geometry import Look
from nerv360.trajectories import Trajectory
from nerv360.viewer import process_end
from nerv360.viewer.app import App
from nerv360.viewer.failures import describe
from nerv360.viewer.opening import Start, open_file
from nerv360.viewer.picture import Window, upload_by
from nerv360.viewer.settings import Settings, load_settings, save_settings, settings_path
from nerv360.viewer.shading import DRAWER, draws_in_software
from nerv360.viewer.window_system import when_display_is_lost

log = logging.getLogger(__name__)

_GREETING = "Drag to look around, turn the wheel to zoom. The right mouse button opens a menu."
_SWITCH_S = 0.0005
"""Longest time a busy thread keeps the interpreter from the drawing thread.

Python's default of 5 ms, several times a frame, slowed the display from 60 to 10 frames per second.
"""


@dataclass(frozen=True)
class Options:
    """Options of one run.

    Attributes:
        engine: kind of engine for dropped scenes, as in `open_engine`.
        interop: pictures on a GPU reach the screen without leaving it.
        size: width and height of the window only for this run; by default the remembered ones.
        look: the first one.
        frame: frame to begin at, paused.
        path: gaze path to follow.
        exit_after: seconds until the window closes.
        screenshot: file for the content of the window when it closes.
        film: file for a film of the window.
    """

    engine: str = "auto"
    interop: bool = True
    size: tuple[int, int] | None = None
    look: Look | None = None
    frame: int | None = None
    path: Trajectory | None = None
    exit_after: float | None = None
    screenshot: Path | None = None
    film: Path | None = None


def run_window(start: Start, options: Options) -> None:
    """Open a window on a scene, and return when it is closed.

    Args:
        start: the scene.
        options: of this run.

    Raises:
        InputError: there is no display, the path shows frames that the scene does not have, the
            scene turned out to be damaged, or screenshot or film cannot be written.
    """
    logging.getLogger("nerv360").setLevel(logging.INFO)
    stored = settings = load_settings(settings_path())
    if options.size is not None:
        settings = replace(settings, width=options.size[0], height=options.size[1])
    start.prepare()
    sys.setswitchinterval(_SWITCH_S)
    window = Window("NeRV360", settings.width, settings.height, fitted=options.size is None)
    with process_end.at_signals(lambda _: window.request_close()):
        _run(window, start, options, settings, stored)


def leave_a_core() -> None:
    """Decode by one thread fewer than there are cores, unless the user has chosen their number.

    A decoder's threads wait for each other many times a picture. If software draws the window on
    the same cores, they wait for the thread that it interrupts, up to three times as long.
    """
    if "OMP_NUM_THREADS" in os.environ:
        return
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    threads = max(1, cores - 1)
    os.environ["OMP_NUM_THREADS"] = str(threads)  # read when torch is imported
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(min(threads, torch.get_num_threads()))


def _run(
    window: Window, start: Start, options: Options, settings: Settings, stored: Settings
) -> None:
    """Run the application in ``window``, and close both however it ends."""
    try:
        if draws_in_software(GL.glGetString(GL.GL_RENDERER).decode(errors="replace")):
            leave_a_core()
        DRAWER.attach_for(options.engine)
        app = App(
            window,
            start.open(),
            lambda path: open_file(path, start.choice, app.preferences.engine),
            settings=settings,
            decoder=start.decoder,
            upload=upload_by(options.interop),
        )
        app.preferences.engine = options.engine
        try:
            if not settings.greeted and app.messages.text is None:
                app.messages.notify(_GREETING)
            if start.rest is not None:
                app.arrivals.read_on(start.rest)
            if options.look is not None:
                app.camera.look_at(options.look)
            if options.frame is not None:
                app.playback.playing = False
                app.playback.seek(options.frame)
            if options.path is not None:
                app.follow(options.path)
            with contextlib.ExitStack() as stack:
                when_display_is_lost(lambda: _rescue(app, stack, stored, options))
                if options.film is not None:
                    from nerv360.viewer.picture import Film

                    film = Film(options.film, *window.framebuffer_size)
                    app.film = stack.enter_context(film)
                app.run(options.exit_after, options.screenshot)
        finally:  # however it ends, also by Ctrl-C
            _remember(app.settings(), stored, options)
            app.close()
    finally:
        DRAWER.detach()
        window.close()


def _rescue(app: App, films: contextlib.ExitStack, stored: Settings, options: Options) -> NoReturn:
    """End the process once the display is lost, with everything kept that was recorded."""
    sentence = "the display is lost; what was recorded is kept"
    try:
        films.close()
        app.gaze.recorder.stop()
        _remember(app.settings(), stored, options)
    except Exception as error:
        sentence = f"the display is lost; {describe(error)}"
    print(f"nerv360: {sentence}", file=sys.stderr)
    process_end.leave(1)


def _remember(settings: Settings, stored: Settings, options: Options) -> None:
    if options.size is not None:  # a size for only this run is not a preference
        settings = replace(settings, width=stored.width, height=stored.height)
    save_settings(settings_path(), settings)
