"""Which decoders are shown: one, or two side by side. Main thread only."""

from __future__ import annotations

from collections.abc import Callable

from viewer.content import Content
from viewer.decode_session import Source
from viewer.decode_worker import DecodeWorker
from viewer.display import Display
from viewer.split import Split, other_decoder
from viewer.upload import Upload

_GIB = 2**30


class Comparison:
    """Opens decoders of the content and has a `Display` for each that is shown.

    Attributes:
        content: what is shown.
        decoder: the name of the one that is shown, or is on the left.
        split: the right side, or nothing.
        displays: one for each side.
        error: one sentence where the decoder that is wanted cannot decode.
    """

    def __init__(
        self,
        worker: DecodeWorker,
        say: Callable[[str], None],
        upload: Callable[[], Upload] | None,
    ) -> None:
        self._worker = worker
        self._say = say
        self._upload = upload
        self._sources: dict[str, Source] = {}
        self._working = ""
        self._errors: tuple[str | None, ...] = ()
        self.content: Content
        self.decoder = ""
        self.split: Split | None = None
        self.displays = [self._display()]
        self.error: str | None = None

    @property
    def shown(self) -> tuple[str, ...]:
        """The decoders on screen, from left to right."""
        return (self.decoder, self.split.decoder) if self.split else (self.decoder,)

    @property
    def parts(self) -> tuple[tuple[float, float], ...]:
        """Where each side begins and ends, as shares of the window's width."""
        return self.split.parts() if self.split else ((0.0, 1.0),)

    def open(self, content: Content, decoder: str) -> None:
        """Show ``content`` by ``decoder`` alone."""
        self.content, self.decoder = content, decoder
        self._sources, self._working = {}, ""
        self._close_split()
        self._decode()

    def next_decoder(self) -> None:
        """Another decoder of the scene; in a split view on its right side."""
        old = self.split.decoder if self.split else self.decoder
        name = other_decoder(self.content.decoders, self.shown, old)
        if name is None:
            count, names = len(self.content.decoders), " and ".join(self.content.decoders)
            self._say(f"This scene has {'one decoder' if count == 1 else 'two decoders'}, {names}.")
        elif self._fits(name):
            if self.split:
                self.split.decoder = name
            else:
                self.decoder = name
            self._decode()

    def toggle(self) -> None:
        """Show the next decoder on the right of the one that is shown, or that one alone again."""
        if self.split:
            self._close_split()
            self._decode()
            return
        name = other_decoder(self.content.decoders, self.shown, self.decoder)
        if name is None:
            self._say("There is nothing to compare with: this scene has one decoder.")
        elif self._fits(name):
            self.split = Split(name)
            self.displays.append(self._display())
            self._decode()

    def receive(self) -> None:
        """Show what the worker has finished, and draw the consequences of what it could not do."""
        pictures = self._worker.take()
        for side, picture in pictures.items():
            self.displays[side].show(picture)
        if pictures:
            self._worker.give_back()
            self._working = self.decoder
        for side, pixels in self._worker.take_fills().items():
            self.displays[side].show_fill(pixels)
        errors = tuple(report.error for report in self._worker.reports)
        if errors != self._errors:
            self._errors = errors
            for error in filter(None, errors):
                self._say(error)
            self._step_back()

    def state(self) -> object:
        """Whatever makes a new drawing differ from the last one."""
        return self.shown, self.parts, [(d.shown, d.fills_shown) for d in self.displays]

    def close(self) -> None:
        """Give back what is held in the OpenGL context."""
        for display in self.displays:
            display.close()

    def _decode(self) -> None:
        self.error, self._errors = None, ()
        for name in self.shown:
            if name not in self._sources:
                self._sources[name] = self.content.source(name)
        self._worker.open(*(self._sources[name] for name in self.shown))

    def _step_back(self) -> None:
        """Leave a decoder that no engine can decode for the one that did."""
        reports = self._worker.reports
        if self.split and reports[-1].error and reports[-1].engine is None:
            self._forget(self.split.decoder)
            self._close_split()
            self._decode()
        elif reports[0].error and reports[0].engine is None:
            self.error = reports[0].error
            if self._working not in ("", self.decoder):
                self._forget(self.decoder)
                self.decoder = self._working
                self._decode()

    def _forget(self, name: str) -> None:
        self._sources.pop(name, None)  # its engines are used up; another try begins anew

    def _fits(self, name: str) -> bool:
        wanted, free = self.content.cost(name).peak_bytes, self.content.free_bytes()
        if wanted <= free:
            return True
        self._say(
            f"{name} wants about {wanted / _GIB:.1f} GiB to decode a picture, and "
            f"{free / _GIB:.1f} GiB are free: {self.decoder} stays."
        )
        return False

    def _display(self) -> Display:
        return Display(self._upload() if self._upload else None)

    def _close_split(self) -> None:
        self.split = None
        while len(self.displays) > 1:
            self.displays.pop().close()
