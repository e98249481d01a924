"""Panes of the window: one decoder, or two side by side. Main thread only."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from nerv360.decoding import Picture
from nerv360.geometry import Look
from nerv360.scene import chapter_of
from nerv360.viewer.decode import (
    ORIGINAL,
    Cost,
    DecodeReport,
    DecodeWorker,
    EngineSource,
    OpenScene,
)
from nerv360.viewer.picture.comparison import GAIN, Difference, Split, other_decoder
from nerv360.viewer.picture.gl import Texture
from nerv360.viewer.picture.renderer import Renderer
from nerv360.viewer.picture.still import Compositing, StillReader, StillTexture
from nerv360.viewer.picture.upload import Upload

_GIB = 2**30
_LATE_S = 0.1
"""Seconds after a jump until a chapter's still panorama replaces the picture before."""
_PLAYED_LATE_S = 1.0
"""The same when the next chapter begins: its pictures come soon, and are better."""


@dataclass
class _Pane:
    """A pane, the decoder whose picture it shows, and the chapter of its still panorama."""

    renderer: Renderer
    pictured: str = ""
    chapter: int = 0

    def show(self, picture: Picture, decoder: str, still: Texture | None, chapter: int) -> None:
        if decoder != self.pictured:
            self.renderer.clear_background()
        self.renderer.show(picture)
        self.renderer.still = still
        self.pictured, self.chapter = decoder, chapter

    def show_only(self, still: Texture | None, chapter: int) -> None:
        self.renderer.picture, self.renderer.still = None, still
        self.chapter = chapter

    def clear(self) -> None:
        self.renderer.clear()
        self.pictured = ""


class Panes:
    """Opens decoders of the scene; each decoder on screen has a `Renderer`.

    Attributes:
        scene: the open scene.
        decoder: name of the decoder on screen, or on the left.
        split: the right pane, or None.
        compositing: how pictures over a still panorama are shown.
        error: one sentence if the wanted decoder cannot decode; otherwise None.
    """

    def __init__(
        self,
        worker: DecodeWorker,
        notify: Callable[[str], None],
        upload: Callable[[], Upload] | None,
    ) -> None:
        self._worker = worker
        self._notify = notify
        self._upload = upload
        self._sources: dict[str, EngineSource] = {}
        self._cropped: set[str] = set()
        self._working = ""
        self._chapter, self._late = 0, 0.0
        self._reader: StillReader | None = None
        self._told: tuple[tuple[str | None, bool], ...] = ()
        self._remarks = set[str]()
        self.scene: OpenScene
        self.decoder = ""
        self.split: Split | None = None
        self.compositing = Compositing.COMPOSITE
        self._still = StillTexture(notify)
        self._panes = [self._pane()]
        self._difference: Difference | None = None
        self.error: str | None = None

    @property
    def shown(self) -> tuple[str, ...]:
        """The decoders on screen, from left to right."""
        return (self.decoder, self.split.decoder) if self.split else (self.decoder,)

    @property
    def renderers(self) -> list[Renderer]:
        """The renderer of each pane."""
        return [pane.renderer for pane in self._panes]

    @property
    def opening(self) -> str | None:
        """The scene or decoder still waiting for its first picture; None after an error."""
        if self.error is not None or any(report.error for report in self._worker.reports):
            return None
        if not self._panes[0].pictured:
            return self.scene.title
        waiting = (n for n, pane in zip(self.shown, self._panes, strict=True) if pane.pictured != n)
        return next(waiting, None)

    @property
    def caption(self) -> str | None:
        """Lines about comparisons and compositing on screen, or None."""
        lines = []
        if self.split is not None and self.split.difference:
            lines.append(f"Difference of {' and '.join(self.shown)}, {GAIN} times")
        if self._covering and self.compositing.caption:
            lines.append(f"{' and '.join(self._covering)}: {self.compositing.caption}")
        return "\n".join(lines) or None

    @property
    def extents(self) -> tuple[tuple[float, float], ...]:
        """Begin and end of each pane, as shares of the window's width."""
        return self.split.extents() if self.split else ((0.0, 1.0),)

    def draw(self, look: Look, width: int, height: int) -> None:
        """Draw each pane for ``look`` into a framebuffer of ``width``×``height`` pixels.

        With a difference, draw the difference once both have a picture.
        """
        if self.split is not None and self.split.difference:
            if self._panes[-1].pictured != self.split.decoder:
                self.renderers[0].draw(look, width, height, compositing=self.compositing)
                return
            if self._difference is None:
                self._difference = Difference()
            whole = [
                partial(renderer.draw, look, width, height, compositing=self.compositing)
                for renderer in self.renderers
            ]
            self._difference.draw(whole, width, height)
            return
        for renderer, extent in zip(self.renderers, self.extents, strict=True):
            renderer.draw(look, width, height, extent, self.compositing)

    def open(self, scene: OpenScene, decoder: str) -> None:
        """Show only ``scene``, by ``decoder``; nothing of another scene stays."""
        self.scene, self.decoder = scene, decoder
        self._sources, self._working, self._cropped = {}, "", set()
        self._chapter, self._reader = 0, None
        self.compositing = Compositing.COMPOSITE
        self._close_split()
        self._panes[0].clear()
        self._still.forget()
        self._decode()

    def extend(self, scene: OpenScene, decoders: tuple[str, ...]) -> None:
        """Continue with ``scene``, the open scene with new or changed ``decoders``.

        The picture on screen stays.
        """
        self.scene, self._reader = scene, None
        for decoder in decoders:
            self._sources.pop(decoder, None)
        if any(decoder in self.shown for decoder in decoders):
            self._decode()

    def fail(self, sentence: str) -> None:
        """Show nothing of the scene, and say why."""
        self._close_split()
        self._sources, self._working, self._told = {}, "", ()
        self._worker.open()
        self._panes[0].clear()
        self._still.forget()
        self.error = sentence

    def next_decoder(self) -> None:
        """Switch to another decoder of the scene.

        In a split view the right pane switches; in the difference to the original, the other
        decoder.
        """
        turns_right = self.split is not None and not self.split.difference
        old = self.split.decoder if self.split and turns_right else self.decoder
        name = other_decoder(self.scene.decoders, self.shown, old)
        if name is None:
            count, names = len(self.scene.decoders), " and ".join(self.scene.decoders)
            number = "one decoder" if count == 1 else "two decoders"
            self._notify(f"This scene has {number}, {names}.")
        elif self._fits(name):
            if self.split and turns_right:
                self.split.decoder = name
            else:
                self.decoder = name
            self._decode()

    def choose(self, name: str) -> None:
        """Show the decoder called ``name``, or swap both sides if it is the one on the right."""
        if name == self.decoder or (name not in self.shown and not self._fits(name)):
            return
        if self.split and self.split.decoder == name:
            self.split.decoder = self.decoder
        self.decoder = name
        self._decode()

    def toggle(self) -> None:
        """Show the next decoder on the right, or end the comparison."""
        if self.split:
            self._end_split()
            return
        name = other_decoder(self.scene.decoders, self.shown, self.decoder)
        if name is None:
            self._notify("There is nothing to compare with: this scene has one decoder.")
        elif self._fits(name):
            self._panes.append(self._pane())
            self.split = Split(name)
            self._decode()

    def toggle_difference(self) -> None:
        """Show the difference between the (left) decoder and the original, or end it."""
        if self.split and self.split.difference:
            self._end_split()
            return
        if ORIGINAL not in self.scene.decoders:
            self._notify("There is no original to compare with: drop the scene's clip here.")
            return
        left = self.decoder
        if left == ORIGINAL:
            right = self.split.decoder if self.split else None
            other = right or other_decoder(self.scene.decoders, (ORIGINAL,), ORIGINAL)
            if other is None:
                self._notify("There is nothing to compare with: this scene has one decoder.")
                return
            left = other
        if all(self._fits(name) for name in (left, ORIGINAL) if name not in self.shown):
            self.decoder = left
            if len(self._panes) == 1:
                self._panes.append(self._pane())
            self.split = Split(ORIGINAL, difference=True)
            self._decode()

    def cost(self, decoder: str) -> Cost:
        """Return the cost of a picture as the decoder decodes it now."""
        return self._scene_of(decoder).cost(decoder)

    def crops(self, decoder: str) -> bool | None:
        """Return whether a full-frame decoder decodes only what looks see; None of any other."""
        cropped = self.scene.cropped
        if cropped is None or decoder == ORIGINAL or not self.scene.cost(decoder).full_frame:
            return None
        return decoder in self._cropped

    def toggle_crops(self, decoder: str) -> None:
        """Let a full-frame decoder decode only what looks see, or whole frames again."""
        self._cropped ^= {decoder}
        self._sources.pop(decoder, None)
        self._decode()

    def next_compositing(self) -> None:
        """Switch between composite, decoded picture and alpha, in turn."""
        if not self._covering:
            self._notify("There is no still panorama: the whole picture is decoded.")
            return
        self.compositing = self.compositing.next

    def receive(self) -> None:
        """Show the worker's results, and react to its errors."""
        with self._worker.results() as results:
            for pane, picture in results.pictures.items():
                name = self.shown[pane]
                chapter, _ = chapter_of(self.scene.chapters, picture.frame)
                self._panes[pane].show(picture, name, self._still_of(name, chapter), chapter)
            for pane, pixels in results.backgrounds.items():
                self._panes[pane].renderer.show_background(pixels)
        if 0 in results.pictures:
            self._working = self.decoder
        for report in results.reports:
            if report.remark and report.remark not in self._remarks:
                self._remarks.add(report.remark)
                self._notify(report.remark)
        told = tuple((report.error, report.ended) for report in results.reports)
        if told != self._told:
            before, self._told = dict(enumerate(self._told)), told
            for pane, (error, _) in enumerate(told):
                if error and error != before.get(pane, (None, False))[0]:
                    self._notify(error)
            self._step_back(results.reports)

    def expect(self, frame: int) -> None:
        """Prepare for ``frame``; show its chapter's still panorama if pictures of it are late."""
        chapter, _ = chapter_of(self.scene.chapters, frame)
        covering = self._covering
        if len(self.scene.chapters) == 1 or not covering:
            return
        following = (chapter + 1) % len(self.scene.chapters)
        if chapter != self._chapter or self._reader is None:
            played = chapter == (self._chapter + 1) % len(self.scene.chapters)
            self._late = time.monotonic() + (_PLAYED_LATE_S if played else _LATE_S)
            self._chapter = chapter
            self._reader = StillReader(partial(self.scene.still, covering[0]))
        pixels = self._reader.get(chapter)
        first = self._panes[0]
        shown = first.chapter == chapter and first.renderer.picture is not None
        # The next one is read only then: it would delay the picture after a jump.
        if shown and (next_pixels := self._reader.get(following)) is not None:
            self._texture(next_pixels)
        for name, pane in zip(self.shown, self._panes, strict=True):
            late = not pane.pictured or time.monotonic() > self._late
            if late and pane.chapter != chapter and name in covering and pixels is not None:
                pane.show_only(self._texture(pixels), chapter)

    def state(self) -> object:
        """Return a value that changes whenever the window must be drawn again."""
        shown = [(it.shown, it.backgrounds_shown, it.still) for it in self.renderers]
        return self.shown, self.extents, self.caption, self.opening, shown

    def close(self) -> None:
        """Free what it holds in the OpenGL context."""
        for renderer in self.renderers:
            renderer.close()
        if self._difference is not None:
            self._difference.close()
        self._still.forget()

    def _decode(self) -> None:
        self.error, self._told = None, ()
        for name in self.shown:
            if name not in self._sources:
                self._sources[name] = self._scene_of(name).source(name)
        for name, pane in zip(self.shown, self._panes, strict=True):
            if not pane.pictured:
                pane.show_only(self._still_of(name, self._chapter), self._chapter)
        self._worker.open(*(self._sources[name] for name in self.shown))

    def _scene_of(self, decoder: str) -> OpenScene:
        cropped = self.scene.cropped
        return cropped() if cropped is not None and decoder in self._cropped else self.scene

    def _step_back(self, reports: tuple[DecodeReport, ...]) -> None:
        """Go back to the last working decoder if no engine can decode the new one."""
        if self.split and reports[-1].ended:
            self._end_split()
        elif reports[0].ended:
            self.error = reports[0].error
            if self._working not in ("", self.decoder):
                self.decoder = self._working
                if self.split and self.split.decoder == self.decoder:
                    self._close_split()
                self._decode()

    def _fits(self, name: str) -> bool:
        if not self.scene.whole:
            waits = f"{self.scene.title} is still being opened: {self.decoder} is shown until then."
            self._notify(self.error or waits)
            return False
        wanted, free = self.scene.cost(name).peak_bytes, self.scene.free_bytes()
        if wanted <= free:
            return True
        self._notify(
            f"{name} needs about {wanted / _GIB:.1f} GiB to decode a picture, and only "
            f"{free / _GIB:.1f} GiB is free: {self.decoder} is still shown."
        )
        return False

    @property
    def _covering(self) -> list[str]:
        """The decoders on screen with a still panorama."""
        return [name for name in self.shown if self.scene.still(name, 0) is not None]

    def _still_of(self, decoder: str, chapter: int) -> Texture | None:
        pixels = self.scene.still(decoder, chapter)
        return None if pixels is None else self._texture(pixels)

    def _texture(self, pixels: npt.NDArray[np.uint8]) -> Texture:
        return self._still.texture(pixels, [each.still for each in self.renderers])

    def _pane(self) -> _Pane:
        return _Pane(Renderer(self._upload() if self._upload else None))

    def _end_split(self) -> None:
        self._close_split()
        self._decode()

    def _close_split(self) -> None:
        self.split = None
        while len(self._panes) > 1:
            self._panes.pop().renderer.close()
