"""The application: its parts, and the frame loop."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from nerv360.trajectories import Trajectory
from nerv360.viewer.actions import commands
from nerv360.viewer.decode import DecodeWorker, OpenScene, Request
from nerv360.viewer.failures import Failures
from nerv360.viewer.input import Camera, Gaze, Input, Playback
from nerv360.viewer.opening import Arrivals, Content, OpenDialog, opening_sentence
from nerv360.viewer.panels import (
    PALETTES,
    GazePanel,
    KeysPanel,
    MenuPanel,
    MessagePanel,
    MinimapPanel,
    OpeningPanel,
    Overlay,
    Panel,
    Rate,
    SettingsPanel,
    SplitPanel,
    StatusPanel,
    TimelinePanel,
    palette,
    seconds_since_start,
    use_palette,
)
from nerv360.viewer.picture import Panes, Renderer, Upload, Window, capture, save_png
from nerv360.viewer.redraw import Redraw
from nerv360.viewer.settings import RECENT, Settings
from nerv360.viewer.sound import PictureDelay, Player, Schedule

if TYPE_CHECKING:
    from nerv360.viewer.picture import Film

log = logging.getLogger(__name__)

_RESTING_TURN_S = 0.05


class App:
    """One window on one scene at a time.

    Attributes:
        window, camera, playback, gaze, sound, worker, panes, loader, arrivals, input: the parts.
        overlay, status, keys, messages, menu, preferences: the overlay, and panels that others use.
        dialog: chooses files to open.
        recent: files that were opened, the latest first.
        failures: reports unexpected errors and goes on.
        displayed: counts drawings.
        redraw: says when to draw again.
        film: records the window; None without a film.
    """

    def __init__(
        self,
        window: Window,
        scene: OpenScene,
        read: Callable[[Path], Content],
        *,
        settings: Settings | None = None,
        decoder: str | None = None,
        upload: Callable[[], Upload] | None = None,
    ) -> None:
        """Create the parts and begin to open ``scene``.

        Args:
            window: open, its context current; the caller closes it.
            scene: the first scene.
            read: reads a file that is opened later, as `open_file` does.
            settings: the remembered ones.
            decoder: one of the scene's; by default the first.
            upload: makes an upload to textures, one for each side of a split view.
        """
        settings = settings or Settings()
        self.displayed = Rate()
        self.film: Film | None = None
        self._delay = PictureDelay()
        self._timed: object = None
        self._pictured = False
        self.redraw = Redraw()
        self.window = window
        self.messages = MessagePanel(self._standing_message)
        self.failures = Failures(self.messages.notify)
        self.camera = Camera(settings.inertia)
        self.playback = Playback(scene.frames, scene.fps, speed=settings.speed, loop=settings.loop)
        self.gaze = Gaze(self.camera, self.playback, self.messages.notify)
        self.sound = Player(settings.volume, settings.muted)
        self.worker = DecodeWorker()
        self.panes = Panes(self.worker, self.messages.notify, upload)
        self.arrivals = Arrivals(self, read)
        self.loader = self.arrivals.loader
        self.status = StatusPanel(
            window, self.camera, self.playback, self.worker, self.panes, self._display_rate
        )
        self.keys = KeysPanel()
        self.menu = MenuPanel()
        self.preferences = SettingsPanel(self.camera, self.playback, self.panes, self.sound)
        self.preferences.choose_engine = self.choose_engine
        self.dialog = OpenDialog(self.messages.notify, self.loader.add)
        self.recent = [Path(name) for name in settings.recent]
        use_palette(settings.colours if settings.colours in PALETTES else next(iter(PALETTES)))
        self.overlay = Overlay(window, self._panels())
        self.overlay.visible = settings.overlay
        self.input = self._connect()
        self.open(scene, decoder or scene.decoders[0])

    def _panels(self) -> tuple[Panel, ...]:
        """Return all panels, the lowest first."""
        return (
            OpeningPanel(self.panes),
            self.status,
            MinimapPanel(self.window, self.camera, self.panes),
            SplitPanel(self.worker, self.panes),
            TimelinePanel(self.playback, self.menu.open, lambda: self.panes.scene.chapters),
            GazePanel(self.gaze),
            self.messages,
            self.keys,
            self.preferences,
            self.menu,
        )

    def _connect(self) -> Input:
        """Let the menu and the window's events act on the parts."""
        known = commands(self)
        self.menu.commands, self.menu.recent = known, lambda: self.recent
        self.menu.outcome = lambda: self.panes.scene.outcome(self.panes.decoder)
        self.menu.open_file = lambda path: self.loader.add([path])
        listener = Input(
            self.camera, self.overlay, lambda: self.window.size, known, self.loader.add
        )
        self.window.listen(listener, self.failures.report)
        return listener

    def run(self, exit_after: float | None = None, screenshot: Path | None = None) -> None:
        """Run until the window is closed or ``exit_after`` seconds after the scene was read.

        Args:
            screenshot: file for the content of the window at the end.

        Raises:
            Exception: the scene could not be read; the window has reported it.
        """
        began = last = time.perf_counter()
        while not self.window.should_close:
            now = time.perf_counter()
            if self.reading or (self.film is not None and self.opening):
                began = now  # a film begins with the first decoded picture
            if exit_after is not None and now - began >= exit_after:
                break
            self.turn(now - last)
            last = now
        if self.arrivals.error is not None:
            raise self.arrivals.error
        if screenshot is not None:
            self.step(0.0)
            save_png(screenshot, capture(self.window))

    def turn(self, seconds: float) -> None:
        """Run the loop once; draw only if something has changed."""
        with self.failures.survived():
            self.update(seconds)
        if self.redraw.is_due(self._state()):
            self.draw()
            if self.film is not None and self.renderer.picture is not None and self.film.due():
                self.film.take(capture(self.window))
            self.window.swap()
        else:
            self.window.rest(_RESTING_TURN_S if self.redraw.resting else None)
        self.arrivals.begin()

    def step(self, seconds: float) -> None:
        """Run the loop once up to the swap, and always draw."""
        self.update(seconds)
        self.draw()

    def update(self, seconds: float) -> None:
        """Advance by ``seconds``: events, movement, clip and sound; take and request pictures."""
        now = time.perf_counter()
        self.window.poll()
        self.menu.run_chosen()
        self.dialog.poll()
        self.camera.advance(seconds)
        if not self.reading:
            self.gaze.advance(seconds)
        with self.failures.survived():
            self._follow_by_sound(now)
        self.arrivals.take()
        self._receive()
        self.panes.expect(self.playback.frame)
        self.worker.request(self.request())

    def _follow_by_sound(self, now: float) -> None:
        """Play what is shown at the time ``now``, once the first frame is on screen."""
        if not self.displayed.total:
            return
        clip, picture = self.playback, self.renderer.picture
        playing = clip.playing and not self.reading
        due = Schedule(clip.seconds, now, playing, clip.speed, clip.loop, clip.duration)
        if picture is not self._timed and picture is not None and playing:
            self._delay.add(due.ahead(clip.seconds, picture.frame / clip.fps) / clip.speed)
        self._timed = picture
        self.sound.follow(due.later(self._delay.seconds), self.camera.look())
        if self.sound.notice is not None:
            self.messages.notify(self.sound.notice)
            self.sound.notice = None

    def draw(self) -> None:
        """Draw the newest picture at the newest look, and the overlay, without swapping."""
        width, height = self.window.framebuffer_size
        if width and height:
            self.redraw.note(self._state())
            with self.failures.survived():
                self.panes.draw(self.camera.look(), width, height)
            with self.failures.survived():
                self.overlay.draw()
            self.displayed.count()

    def request(self) -> Request:
        """Return the request for a picture of the current view."""
        width, height = self.window.size
        return Request(self.camera.look(), width / height, self.playback.frame, self.camera.speed)

    def open(self, scene: OpenScene, decoder: str) -> None:
        """Show ``scene`` by ``decoder`` from its beginning; the look stays."""
        self.gaze.stop_recording()
        self.gaze.leave()
        self.playback.open(scene.frames, scene.fps)
        self.sound.open(scene.sound)
        self.window.set_title(f"{scene.title} – NeRV360")
        self.panes.open(scene, decoder)
        self.arrivals.remark(scene)
        if scene.file is not None:
            file = scene.file.absolute()
            self.recent = [file, *(path for path in self.recent if path != file)][:RECENT]

    def reopen(self, scene: OpenScene) -> None:
        """Show ``scene``, read again from the file of the open one, at the same frame."""
        frame, playing, decoder = self.playback.frame, self.playback.playing, self.panes.decoder
        self.open(scene, decoder if decoder in scene.decoders else scene.decoders[0])
        self.playback.seek(min(frame, scene.frames - 1))
        self.playback.playing = playing

    def choose_engine(self, name: str) -> None:
        """Decode scenes by the engine called ``name`` from now on, the open one too."""
        self.preferences.engine = name
        if self.panes.scene.file is not None:
            self.loader.add([self.panes.scene.file])

    def follow(self, trajectory: Trajectory) -> None:
        """Lead the look and the clip along ``trajectory``, and show its remark.

        Raises:
            InputError: it shows frames that the clip does not have.
        """
        self.gaze.follow(trajectory)
        if trajectory.remark is not None:
            self.messages.notify(trajectory.remark)

    @property
    def renderer(self) -> Renderer:
        """The renderer of the whole window, or of its left side."""
        return self.panes.renderers[0]

    @property
    def reading(self) -> bool:
        """Whether the open scene is still being read, without an error so far."""
        return not self.panes.scene.whole and self.panes.error is None

    @property
    def opening(self) -> bool:
        """Whether there is no picture yet, and no error either."""
        failed = self.worker.report.error or self.panes.error
        return self.renderer.picture is None and not failed

    def settings(self) -> Settings:
        """Return the choices to remember."""
        width, height = self.window.restored_size
        return Settings(
            inertia=self.camera.inertia,
            overlay=self.overlay.visible,
            loop=self.playback.loop,
            speed=self.playback.speed,
            volume=self.sound.volume,
            muted=self.sound.muted,
            width=width,
            height=height,
            colours=palette(),
            recent=tuple(str(path) for path in self.recent),
            greeted=True,
        )

    def close(self) -> None:
        """End the threads and free everything in the OpenGL context; call it once.

        The window goes first: a picture may take a while to finish, and nobody waits for it.
        """
        self.window.hide()
        self.sound.close()
        if not self.worker.stop():
            log.warning("the decoder did not stop in time")
        self.loader.clear()
        self.dialog.close()
        recorded = self.gaze.recorder.stop()
        if recorded is not None:
            log.info("recording saved: %s", recorded)
        self._log_rates()
        self.overlay.close()
        self.panes.close()

    def _log_rates(self) -> None:
        """Log how many pictures there were, and how long the latest ones took."""
        report, renderer = self.worker.report, self.renderer
        log.info("%d pictures shown, %d decoded", self.displayed.total, report.decoded)
        if report.times and report.engine is not None:
            log.info(
                "the latest pictures took %.2f ms each by the %s engine, and %.2f ms by %s",
                median(report.times) * 1000,
                report.engine.name,
                renderer.upload_s * 1000,
                renderer.upload_name,
            )

    def _state(self) -> object:
        """Return a value that changes whenever the window must be drawn again."""
        request = self.request()
        return (
            (request.look, request.frame, self.window.framebuffer_size),
            (self.panes.state(), self.gaze.state(), self.input.events, self.messages.text),
        )

    def _display_rate(self) -> float | None:
        return None if self.redraw.resting else self.displayed.per_second()

    def _standing_message(self) -> str | None:
        """Return the message about a file being opened, or about a failed decoder."""
        return opening_sentence(self.loader.opening) or self.panes.error

    def _receive(self) -> None:
        self.panes.receive()
        for renderer in self.panes.renderers:
            if renderer.notice is not None:
                self.messages.notify(renderer.notice)
                renderer.notice = None
        if not self._pictured and self.renderer.picture is not None:
            self._pictured = True
            log.info("first picture %.2f s after the start", seconds_since_start())
