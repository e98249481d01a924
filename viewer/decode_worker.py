"""The one thread that decodes: the newest request wins, errors come back as data."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from model.decoding.protocol import Engine, Picture
from model.errors import InputError
from viewer.aim import View, aim
from viewer.sphere_fill import SphereFill

log = logging.getLogger(__name__)

FILL_SHARE = 0.18
"""How much of the time for pictures the fill around them may take."""

_HISTORY = 120


@dataclass(frozen=True)
class Source:
    """How to get at the pictures of one decoder of one scene.

    Attributes:
        engines: makers of engines, best first; the next one is tried where one fails.
        fill: makes the small engine that decodes what lies around the picture, or nothing does.
        latency: seconds added to decoding until a picture is seen.
    """

    engines: Sequence[Callable[[], Engine]]
    fill: Callable[[], Engine] | None = None
    latency: float = 1 / 60


@dataclass
class Report:
    """What the worker has done so far; read by the overlay.

    Attributes:
        decoded: pictures since the source was opened.
        times: seconds of the latest pictures, oldest first.
        finished: when they were finished, on the monotonic clock.
        engine: the engine in use.
        error: one sentence if the last attempt failed.
    """

    decoded: int = 0
    times: deque[float] = field(default_factory=lambda: deque(maxlen=_HISTORY))
    finished: deque[float] = field(default_factory=lambda: deque(maxlen=_HISTORY))
    engine: Engine | None = None
    error: str | None = None


class DecodeWorker:
    """Decodes on a thread of its own for a display that never waits for it."""

    def __init__(self) -> None:
        self.report = Report()
        self._changed = threading.Condition()
        self._source: Source | None = None
        self._view: View | None = None
        self._newest: tuple[int, Picture] | None = None
        self._fill_pixels: Tensor | None = None
        self._borrowed: int | None = None
        self._idle_for: View | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="decode", daemon=True)
        self._thread.start()

    def open(self, source: Source) -> None:
        """Decode from ``source`` from now on; it is built on the worker's thread."""
        with self._changed:
            self._source = source
            self._changed.notify_all()

    def request(self, view: View) -> None:
        """What is shown now; replaces any earlier request that was not begun."""
        with self._changed:
            if view != self._view:
                self._view = view
                self._changed.notify_all()

    def take(self) -> Picture | None:
        """The newest picture, once; it stays valid until `give_back`."""
        with self._changed:
            if self._newest is None:
                return None
            self._borrowed, picture = self._newest
            self._newest = None
            return picture

    def give_back(self) -> None:
        """The picture that was taken is no longer read."""
        with self._changed:
            self._borrowed = None
            self._changed.notify_all()

    def take_fill(self) -> Tensor | None:
        """The newest whole-sphere fill, height×width×4 uint8 on the CPU, once."""
        with self._changed:
            pixels, self._fill_pixels = self._fill_pixels, None
            return pixels

    @property
    def idle(self) -> bool:
        """All that the newest request asks for, fill included, has been decoded and taken."""
        with self._changed:
            waiting = self._newest is not None or self._fill_pixels is not None
            return not waiting and self._view is not None and self._idle_for is self._view

    def stop(self, timeout: float = 60.0) -> bool:
        """End the thread after the picture it is at; tells whether it ended in time."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._changed:
                while self._source is None and not self._stopping:
                    self._changed.wait()
                if self._stopping:
                    return
                source, self._source = self._source, None
                self._idle_for = None
                self._borrowed = self._newest = None
            assert source is not None
            self._serve(source)

    def _serve(self, source: Source) -> None:
        """Decode from ``source`` until another one is opened or the worker stops."""
        session = _Session(source, self.report)
        if not session.next_engine():
            return
        while (view := self._wait_for_work(session)) is not None:
            if session.wants_picture(view):
                picture = session.decode(view)
                if picture is not None:
                    with self._changed:
                        self._newest = (session.decoded, picture)
            elif (pixels := session.fill_step(view)) is not None:
                with self._changed:
                    self._fill_pixels = pixels

    def _wait_for_work(self, session: _Session) -> View | None:
        with self._changed:
            while True:
                if self._stopping or self._source is not None:
                    return None
                view = self._view
                free = self._borrowed is None or session.decoded + 1 - self._borrowed < session.ring
                if view is not None and free and session.has_work(view):
                    return view
                self._idle_for = view if free else None
                self._changed.wait()


class _Session:
    """One source in use, on the worker's thread alone."""

    def __init__(self, source: Source, report: Report) -> None:
        self._source = source
        self._report = report
        self._rungs = iter(source.engines)
        self._engine: Engine | None = None
        self._fill: SphereFill | None = None
        self._fill_failed = source.fill is None
        self._fill_credit = 0.0
        self._done: tuple[object, int] | None = None
        self.decoded = 0
        report.decoded, report.error = 0, None
        report.times.clear()
        report.finished.clear()

    @property
    def ring(self) -> int:
        return self._engine.ring if self._engine else 1

    def next_engine(self) -> bool:
        """Step down to the next engine that can be made; its reason stays in the report."""
        self._engine = self._report.engine = None
        for maker in self._rungs:
            try:
                self._engine = maker()
            except Exception as error:
                self._fail("the decoder cannot be opened", error)
                continue
            self._report.engine = self._engine
            log.info("decoding with the %s engine on %s", self._engine.name, self._engine.device)
            return True
        return False

    def has_work(self, view: View) -> bool:
        return self.wants_picture(view) or self._fill_due(view)

    def wants_picture(self, view: View) -> bool:
        engine = self._engine
        if engine is None or self._key(view, engine) == self._done:
            return False
        return not (self._fill_due(view) and self._fill_credit >= self._fill_cost())

    def decode(self, view: View) -> Picture | None:
        """The picture for ``view``; after a failure nothing, and the next engine is in place."""
        engine = self._engine
        assert engine is not None
        self._done = self._key(view, engine)
        try:
            picture = engine.decode(aim(view, engine, self._latency()), view.frame)
        except Exception as error:
            self._fail(f"frame {view.frame} cannot be decoded", error)
            if not isinstance(error, IndexError):
                self._fill, self._done = None, None
                self.next_engine()
            return None
        if engine.ring < 2:
            picture = Picture(**{**picture.__dict__, "pixels": picture.pixels.clone()})
        self.decoded += 1
        self._fill_credit = min(self._fill_credit + FILL_SHARE * picture.decode_s, 1.0)
        self._report.times.append(picture.decode_s)
        self._report.finished.append(time.monotonic())
        self._report.decoded = self.decoded
        return picture

    def fill_step(self, view: View) -> Tensor | None:
        """Bring one more part of the whole sphere up to date."""
        self._fill_credit = max(self._fill_credit - self._fill_cost(), 0.0)
        try:
            if self._fill is None:
                assert self._source.fill is not None
                self._fill = SphereFill(self._source.fill())
            self._fill.step(view.frame, view.look)
            return self._fill.pixels()
        except Exception as error:
            self._fill_failed = True
            log.warning("what lies around the picture stays empty: %s", describe(error))
            return None

    def _key(self, view: View, engine: Engine) -> tuple[object, int]:
        return aim(view, engine, self._latency()), view.frame

    def _latency(self) -> float:
        times = self._report.times
        return self._source.latency + (sum(list(times)[-8:]) / min(len(times), 8) if times else 0)

    def _fill_due(self, view: View) -> bool:
        if self._fill_failed or not self.decoded or self._engine is None:
            return False
        if self._engine.full_frame:
            return False
        return self._fill is None or self._fill.stale(view.frame)

    def _fill_cost(self) -> float:
        return self._fill.cost if self._fill else 0.0

    def _fail(self, what: str, error: Exception) -> None:
        log.error(
            "%s: %s",
            what,
            describe(error),
            exc_info=not isinstance(error, (RuntimeError, IndexError, InputError)),
        )
        self._report.error = f"{what[0].upper()}{what[1:]}: {describe(error)}"


def describe(error: BaseException) -> str:
    """An exception as a short sentence for the screen."""
    if isinstance(error, torch.OutOfMemoryError):
        return "there is not enough memory on the device"
    text = str(error).strip().splitlines()
    return text[0][:200] if text else type(error).__name__
