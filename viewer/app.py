"""The application: what belongs together, and the frame loop."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from model.decoding.protocol import Engine
from model.errors import InputError
from viewer.aim import View
from viewer.content import Content
from viewer.controls import Controls
from viewer.decode_worker import DecodeWorker, describe
from viewer.display import Display
from viewer.input import Input
from viewer.keymap import Action
from viewer.overlay import Overlay
from viewer.panels import Facts
from viewer.playback import Playback
from viewer.screenshot import capture, new_screenshot_path, save_png
from viewer.settings import Settings
from viewer.statistics import Memory, Rate, rate_of, seconds_since_start
from viewer.upload import Upload
from viewer.window import Window

log = logging.getLogger(__name__)

_MESSAGE_S = 8.0
_LONGEST_STEP_S = 0.1


class App:
    """One window on one scene at a time.

    Attributes:
        controls, playback, display, overlay, worker: the parts, for whoever drives them.
        displayed: counts the pictures that the window has shown.
    """

    def __init__(
        self,
        window: Window,
        content: Content,
        load: Callable[[Path], Content],
        *,
        settings: Settings | None = None,
        decoder: str | None = None,
        upload: Upload | None = None,
    ) -> None:
        """Put the parts together and begin to open ``content``.

        Args:
            window: open, its context current; the caller closes it.
            content: what is shown first.
            load: opens a file that is dropped on the window; `InputError` where it cannot.
            settings: remembered ones.
            decoder: one of the content's, the first by default.
            upload: the way of pictures into textures.
        """
        settings = settings or Settings()
        self._window = window
        self._load = load
        self.controls = Controls(settings.inertia)
        self.display = Display(upload)
        self.overlay = Overlay(window)
        self.overlay.visible = settings.overlay
        self.worker = DecodeWorker()
        self.displayed = Rate()
        self._memory = Memory()
        self._background = ThreadPoolExecutor(1, "background")
        self._loading: Future[Content] | None = None
        self._message: tuple[str, float] | None = None
        self._error: str | None = None
        self.playback = Playback(
            content.frames, content.fps, speed=settings.speed, loop=settings.loop
        )
        self.input = Input(window, self.overlay, self.controls, self._commands(), self.drop)
        window.listen(self.input)
        self.open(content, decoder or content.decoders[0])

    def open(self, content: Content, decoder: str) -> None:
        """Show ``content`` by ``decoder`` from its beginning; the look stays."""
        old = self.playback
        self.playback = Playback(content.frames, content.fps, speed=old.speed, loop=old.loop)
        self.content = content
        self._window.set_title(f"{content.title} – NeRV360")
        self.use_decoder(decoder)

    def use_decoder(self, decoder: str) -> None:
        """Decode the content by another of its decoders."""
        self.decoder = decoder
        self._error = None
        self.worker.open(self.content.source(decoder))

    def drop(self, path: Path) -> None:
        """Open the file at ``path`` behind the running scene, which stays if that fails."""
        self._loading = self._background.submit(self._load, path)

    def say(self, sentence: str) -> None:
        """Show ``sentence`` for a while."""
        self._message = (sentence, time.monotonic() + _MESSAGE_S)

    def run(self, exit_after: float | None = None, screenshot: Path | None = None) -> None:
        """Loop until the window is closed or ``exit_after`` seconds have passed; what is on screen
        then is written to ``screenshot``.
        """
        began = last = time.perf_counter()
        while not self._window.should_close:
            now = time.perf_counter()
            self.step(now - last)
            last = now
            if exit_after is not None and now - began >= exit_after:
                break
            self._window.swap()
        if screenshot is not None:
            save_png(screenshot, capture(self._window))

    def step(self, seconds: float) -> None:
        """One turn of the loop up to the swap: events, time, newest picture, drawing."""
        self._window.poll()
        seconds = min(seconds, _LONGEST_STEP_S)
        self.controls.advance(seconds)
        self.playback.advance(seconds)
        width, height = self._window.framebuffer_size
        if not width or not height:
            return
        self._finish_loading()
        self._receive()
        look = self.controls.look()
        view = View(look, width / height, self.playback.frame, self.controls.speed)
        self.worker.request(view)
        self.display.draw(look, width, height)
        self.overlay.draw(self._facts(view), self.playback)
        self.displayed.count()

    def settings(self) -> Settings:
        """What is to be remembered."""
        width, height = self._window.restored_size
        return Settings(
            inertia=self.controls.inertia,
            overlay=self.overlay.visible,
            loop=self.playback.loop,
            speed=self.playback.speed,
            width=width,
            height=height,
        )

    def close(self) -> None:
        """End the threads and give back what is held in the OpenGL context."""
        self.worker.stop()
        self._background.shutdown(cancel_futures=True)
        self.overlay.close()
        self.display.close()
        log.info("%d pictures shown, %d decoded", self.displayed.total, self.worker.report.decoded)

    def _receive(self) -> None:
        picture = self.worker.take()
        if picture is not None:
            first = self.display.picture is None
            self.display.show(picture)
            self.worker.give_back()
            if first:
                log.info("first picture %.2f s after the start", seconds_since_start())
        fill = self.worker.take_fill()
        if fill is not None:
            self.display.show_fill(fill)
        if self.worker.report.error != self._error:
            self._error = self.worker.report.error
            if self._error:
                self.say(self._error)

    def _finish_loading(self) -> None:
        if self._loading is None or not self._loading.done():
            return
        loading, self._loading = self._loading, None
        try:
            content = loading.result()
        except InputError as error:
            self.say(f"{error}")
        except Exception as error:
            log.exception("a dropped file cannot be opened")
            self.say(f"The file cannot be opened: {describe(error)}")
        else:
            self.open(content, content.decoders[0])

    def _commands(self) -> dict[Action, Callable[[], None]]:
        def toggle(thing: object, name: str) -> Callable[[], None]:
            return lambda: setattr(thing, name, not getattr(thing, name))

        def toggle_loop() -> None:
            self.playback.loop = not self.playback.loop

        return {
            Action.ZOOM_IN: lambda: self.controls.zoom(1),
            Action.ZOOM_OUT: lambda: self.controls.zoom(-1),
            Action.RESET: self.controls.reset,
            Action.INERTIA: toggle(self.controls, "inertia"),
            Action.PLAY: lambda: self.playback.toggle(),
            Action.PREVIOUS_FRAME: lambda: self.playback.step(-1),
            Action.NEXT_FRAME: lambda: self.playback.step(1),
            Action.SLOWER: lambda: self.playback.change_speed(-1),
            Action.FASTER: lambda: self.playback.change_speed(1),
            Action.LOOP: toggle_loop,
            Action.NEXT_DECODER: self._next_decoder,
            Action.FULLSCREEN: self._window.toggle_fullscreen,
            Action.OVERLAY: toggle(self.overlay, "visible"),
            Action.HELP: toggle(self.overlay, "keys_visible"),
            Action.SCREENSHOT: self._save_screenshot,
            Action.QUIT: self._window.request_close,
        }

    def _next_decoder(self) -> None:
        names = self.content.decoders
        if len(names) == 1:
            self.say(f"This scene has one decoder, {names[0]}.")
        else:
            self.use_decoder(names[(names.index(self.decoder) + 1) % len(names)])

    def _save_screenshot(self) -> None:
        path = new_screenshot_path()
        pixels = capture(self._window)
        try:
            save_png(path, pixels)
            self.say(f"Saved {path}")
        except OSError as error:
            self.say(f"The screenshot cannot be saved: {describe(error)}")

    def _facts(self, view: View) -> Facts:
        report = self.worker.report
        engine: Engine | None = report.engine
        yaw, pitch, roll, hfov = view.look.degrees()
        times = [t * 1000 for t in list(report.times)]
        decode_rate = rate_of(report.finished)
        resident, on_gpu = self._memory.read(engine.device if engine else None)
        width, height = self._window.framebuffer_size
        rows = [
            ("Display", f"{self.displayed.per_second():.0f} fps"),
            ("Decode", f"{decode_rate:.1f} fps   {times[-1]:.1f} ms" if times else "–"),
            ("Yaw, pitch", f"{yaw:.1f}°  {pitch:.1f}°"),
            ("Roll, view", f"{roll:.1f}°  {hfov:.1f}°"),
            ("Frame", f"{view.frame + 1} / {self.playback.frames}"),
            ("Picture", f"{engine.size[1]}×{engine.size[0]}" if engine else "–"),
            ("Window", f"{width}×{height}"),
            ("Decoder", self.decoder),
            ("Engine", f"{engine.name}, {engine.device}" if engine else "–"),
            ("Upload", self.display.upload.name),
            ("Memory", f"{resident / 2**20:.0f} MiB"),
        ]
        if on_gpu is not None:
            rows.append(("GPU memory", f"{on_gpu / 2**20:.0f} MiB"))
        message = self._message
        if message and time.monotonic() > message[1]:
            message = self._message = None
        waiting = self.display.picture is None and not self._error
        return Facts(
            title=self.content.title,
            look=view.look,
            aspect=view.aspect,
            rows=rows,
            decode_ms=times,
            sphere=self.display.sphere.id if self.display.picture else 0,
            message=message[0] if message else None,
            opening=f"Opening {self.content.title} …" if waiting else None,
        )
