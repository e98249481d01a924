"""The application: what belongs together, and the frame loop."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from model.errors import InputError
from model.trajectories.trajectory import Trajectory
from viewer.actions import commands
from viewer.decode.open_scene import OpenScene
from viewer.decode.predicted_look import Request
from viewer.decode.worker import DecodeWorker
from viewer.failures import Failures, describe
from viewer.input.camera import Camera
from viewer.input.events import Input
from viewer.input.gaze import Gaze
from viewer.input.playback import Playback
from viewer.loading import Loader, opening_sentence
from viewer.panels.overlay import Overlay
from viewer.panels.state import bare, gather, gaze_facts
from viewer.panels.statistics import Memory, Rate, seconds_since_start
from viewer.picture.film import Film
from viewer.picture.panes import Panes
from viewer.picture.renderer import Renderer
from viewer.picture.screenshot import capture, save_png
from viewer.picture.upload import Upload
from viewer.picture.window import Window
from viewer.settings import Settings

log = logging.getLogger(__name__)

_MESSAGE_S = 8.0
_MOST_REFUSALS = 6
_REFRESH_S = 0.1
_RESTING_S = 1.0
_RESTING_REFRESH_S = 1.0
_RESTING_TURN_S = 0.05


class App:
    """One window on one scene at a time.

    Attributes:
        window, camera, playback, panes, overlay, worker, input, gaze, loader: the parts.
        displayed: counts the pictures that the window has shown.
        film: takes what the window shows, if anything does.
        resting: nothing has changed lately, and little is drawn.
        memory: what the process holds.
        failures: survives what nobody foresaw.
    """

    def __init__(
        self,
        window: Window,
        scene: OpenScene,
        load: Callable[[Path], OpenScene | Trajectory],
        *,
        settings: Settings | None = None,
        decoder: str | None = None,
        upload: Callable[[], Upload] | None = None,
    ) -> None:
        """Put the parts together and begin to open ``scene``.

        Args:
            window: open, its context current; the caller closes it.
            scene: what is shown first.
            load: opens a file that is dropped on the window, a scene or a gaze path; `InputError`
                where it cannot.
            settings: remembered ones.
            decoder: one of the scene's, the first by default.
            upload: makes the way of pictures into textures, one for each side of a split view.
        """
        settings = settings or Settings()
        self.window = window
        self.camera = Camera(settings.inertia)
        self.overlay = Overlay(window)
        self.overlay.visible = settings.overlay
        self.worker = DecodeWorker()
        self.panes = Panes(self.worker, self.notify, upload)
        self.displayed = Rate()
        self.film: Film | None = None
        self.resting = False
        self.memory = Memory()
        self.failures = Failures(self.notify)
        self.playback = Playback(scene.frames, scene.fps, speed=settings.speed, loop=settings.loop)
        self._load = load
        self.gaze = Gaze(self.camera, self.notify)
        self.loader = Loader(lambda path: self._load(path))
        self._message = ("", 0.0)
        self._refusals: list[str] = []
        self._drawn: object = None
        self._drawn_at = self._changed_at = 0.0
        self.input = Input(window, self.overlay, self.camera, commands(self), self.drop)
        window.listen(self.input, self.failures.report)
        self.open(scene, decoder or scene.decoders[0])

    def run(self, exit_after: float | None = None, screenshot: Path | None = None) -> None:
        """Loop until the window is closed or ``exit_after`` seconds have passed; what is on screen
        then is written to ``screenshot``.
        """
        began = last = time.perf_counter()
        while not self.window.should_close:
            now = time.perf_counter()
            if self.film is not None and self.opening:
                began = now  # a film begins with the first picture
            if exit_after is not None and now - began >= exit_after:
                break
            self.turn(now - last)
            last = now
        if screenshot is not None:
            self.step(0.0)
            save_png(screenshot, capture(self.window))

    def turn(self, seconds: float) -> None:
        """One turn of the loop; draws only where something has changed."""
        with self.failures.survived():
            self.update(seconds)
        now, changed = time.monotonic(), self._state() != self._drawn
        if changed:
            self._changed_at = now
        self.resting = now - self._changed_at > _RESTING_S
        if changed or now - self._drawn_at > (_RESTING_REFRESH_S if self.resting else _REFRESH_S):
            self.draw()
            if self.film is not None and self.renderer.picture is not None and self.film.due():
                self.film.take(capture(self.window))
            self.window.swap()
        else:
            self.window.rest(_RESTING_TURN_S if self.resting else None)

    def step(self, seconds: float) -> None:
        """One turn that always draws, up to the swap."""
        self.update(seconds)
        self.draw()

    def update(self, seconds: float) -> None:
        """Let ``seconds`` pass: events, movement, the clip; take and ask for pictures."""
        self.window.poll()
        self.camera.advance(seconds)
        self.gaze.advance(seconds, self.playback)
        self._finish_loading()
        self._receive()
        self.worker.request(self.request())

    def draw(self) -> None:
        """Draw the newest picture from the newest look, and the overlay; nothing is swapped."""
        width, height = self.window.framebuffer_size
        if width and height:
            self._drawn, self._drawn_at = self._state(), time.monotonic()
            with self.failures.survived():
                self._draw_pictures(width, height)
            with self.failures.survived():
                self._draw_overlay()
            self.displayed.count()

    def request(self) -> Request:
        """What is shown now."""
        width, height = self.window.size
        return Request(self.camera.look(), width / height, self.playback.frame, self.camera.speed)

    def open(self, scene: OpenScene, decoder: str) -> None:
        """Show ``scene`` by ``decoder`` from its beginning; the look stays."""
        self.gaze.stop_recording()
        self.gaze.leave()
        old = self.playback
        self.playback = Playback(scene.frames, scene.fps, speed=old.speed, loop=old.loop)
        self.window.set_title(f"{scene.title} – NeRV360")
        self.panes.open(scene, decoder)

    def follow(self, trajectory: Trajectory) -> None:
        """Lead the look and the clip along ``trajectory``, and say what is wrong with it.

        Raises:
            InputError: it shows frames that the clip does not have.
        """
        self.gaze.follow(trajectory, self.playback)
        if trajectory.remark is not None:
            self.notify(trajectory.remark)

    def drop(self, paths: list[Path]) -> None:
        """Open the files at ``paths`` behind the running scene, which stays if that fails."""
        self.loader.add(paths)

    def notify(self, sentence: str) -> None:
        """Show ``sentence`` for a while."""
        self._message = (sentence, time.monotonic() + _MESSAGE_S)

    @property
    def message(self) -> str | None:
        """The sentence that is on screen; what is being opened, and that nothing can be decoded,
        stay there.
        """
        if time.monotonic() < self._message[1]:
            return self._message[0]
        return opening_sentence(self.loader.opening) or self.panes.error

    @property
    def scene(self) -> OpenScene:
        """What is shown."""
        return self.panes.scene

    @property
    def renderer(self) -> Renderer:
        """What shows the whole window, or its left side."""
        return self.panes.renderers[0]

    @property
    def opening(self) -> bool:
        """There is no picture yet, and nothing has gone wrong."""
        return self.renderer.picture is None and not self.worker.report.error

    def settings(self) -> Settings:
        """What is to be remembered."""
        width, height = self.window.restored_size
        return Settings(
            inertia=self.camera.inertia,
            overlay=self.overlay.visible,
            loop=self.playback.loop,
            speed=self.playback.speed,
            width=width,
            height=height,
        )

    def close(self) -> None:
        """End the threads and give back what is held in the OpenGL context; once.

        The window goes first: a picture in the making may take a while, and nobody waits for it.
        """
        self.window.hide()
        if not self.worker.stop():
            log.warning("the decoder did not stop in time")
        self.loader.clear()
        recorded = self.gaze.recorder.stop()
        if recorded is not None:
            log.info("recording saved: %s", recorded)
        self.overlay.close()
        self.panes.close()
        log.info("%d pictures shown, %d decoded", self.displayed.total, self.worker.report.decoded)

    def _state(self) -> object:
        """Whatever makes a new drawing differ from the last one."""
        request = self.request()
        return (
            (request.look, request.frame, self.window.framebuffer_size),
            (self.panes.state(), self.input.events, self.message),
            gaze_facts(self.gaze),
        )

    def _draw_pictures(self, width: int, height: int) -> None:
        for renderer, extent in zip(self.panes.renderers, self.panes.extents, strict=True):
            renderer.draw(self.camera.look(), width, height, extent)

    def _draw_overlay(self) -> None:
        try:
            facts = gather(self)
        except Exception:
            self.overlay.draw(bare(self), self.playback, self.panes.split)
            raise
        self.overlay.draw(facts, self.playback, self.panes.split)

    def _receive(self) -> None:
        first = self.renderer.picture is None
        self.panes.receive()
        for renderer in self.panes.renderers:
            if renderer.notice is not None:
                self.notify(renderer.notice)
                renderer.notice = None
        if first and self.renderer.picture is not None:
            log.info("first picture %.2f s after the start", seconds_since_start())

    def _finish_loading(self) -> None:
        for loaded in self.loader.take():
            try:
                self._show(loaded.result())
            except InputError as error:
                self._refuse(str(error))
            except Exception as error:
                log.exception("a dropped file cannot be opened")
                self._refuse(f"{loaded.name} cannot be opened: {describe(error)}")

    def _refuse(self, sentence: str) -> None:
        """Say ``sentence`` below those of other files that are still on screen."""
        if self.message != "\n".join(self._refusals):
            self._refusals = []
        self._refusals = [*self._refusals[1 - _MOST_REFUSALS :], sentence]
        self.notify("\n".join(self._refusals))

    def _show(self, loaded: OpenScene | Trajectory) -> None:
        if isinstance(loaded, Trajectory):
            self.follow(loaded)
        else:
            self.open(loaded, loaded.decoders[0])
