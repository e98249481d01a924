"""One source of pictures in use: which engine decodes it, and what to do where one fails."""

from __future__ import annotations

import itertools
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from model.decoding.protocol import Engine, Picture
from model.errors import InputError
from viewer.aim import View, aim
from viewer.engine_builder import BUILDER, Build
from viewer.sphere_fill import SphereFill

log = logging.getLogger(__name__)

FILL_SHARE = 0.18
"""How much of the time for pictures the fill around them may take."""

_HISTORY = 120


@dataclass(frozen=True)
class Source:
    """How to get at the pictures of one decoder of one scene.

    Attributes:
        engines: makers of engines, the first to begin with; the next is tried where one fails.
        upgrade: makes a faster engine, which may take long: it is built on a thread of its own
            while the first one decodes, and takes over between two pictures.
        fill: makes the small engine that decodes what lies around the picture, or nothing does.
        latency: seconds added to decoding until a picture is seen.
    """

    engines: Sequence[Callable[[], Engine]]
    fill: Callable[[], Engine] | None = None
    upgrade: Callable[[], Engine] | None = None
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


class Session:
    """One source in use, on the worker's thread alone.

    Attributes:
        source, report: what it decodes from and what it has done.
        decoded: pictures so far.
    """

    def __init__(self, source: Source, report: Report, wake: Callable[[], None]) -> None:
        """Nothing is built yet.

        Args:
            source: of pictures.
            report: filled as it goes.
            wake: called from another thread when there is work without a new request.
        """
        self.source = source
        self.report = report
        self.decoded = 0
        self._wake = wake
        self._rungs: Iterator[Callable[[], Engine]] = iter(source.engines)
        self._maker: Callable[[], Engine] | None = None
        self._engine: Engine | None = None
        self._upgrade: Build | None = None
        self._fill: SphereFill | None = None
        self._fill_failed = source.fill is None
        self._fill_credit = 0.0
        self._fill_lost = False
        self._done: tuple[object, int] | None = None

    def begin(self, report: Report) -> None:
        """Report to ``report`` from now on; the first engine is made where there is none yet."""
        old, self.report = self.report, report
        report.engine, report.error = old.engine, old.error
        self._done, self._fill_lost = None, self._fill is not None
        if self._engine is None:
            self.next_engine()

    @property
    def ring(self) -> int:
        """How many pictures stay valid."""
        return self._engine.ring if self._engine else 1

    def next_engine(self) -> bool:
        """Step down to the next engine that can be made; its reason stays in the report."""
        self._engine = self.report.engine = None
        for maker in self._rungs:
            try:
                self._engine = maker()
            except Exception as error:
                self._fail("the decoder cannot be opened", error)
                continue
            self._maker = maker
            self._use(self._engine)
            return True
        return False

    def has_work(self, view: View) -> bool:
        """A picture or a part of the fill is due."""
        return self.wants_picture(view) or self._fill_due(view)

    def wants_picture(self, view: View) -> bool:
        """The picture for ``view`` has not been decoded, and it is not the fill's turn."""
        engine = self._engine
        if engine is None:
            return False
        faster = self._upgrade is not None and self._upgrade.ready
        if not faster and self._key(view, engine) == self._done:
            return False
        return not (self._fill_due(view) and self._fill_credit >= self._fill_cost())

    def decode(self, view: View) -> Picture | None:
        """The picture for ``view``; after a failure nothing, and the next engine is in place."""
        self._take_upgrade()
        engine = self._engine
        assert engine is not None
        self._done = self._key(view, engine)
        try:
            picture = engine.decode(aim(view, engine, self._latency()), view.frame)
            if picture.ready is not None:
                # This thread has nothing else to do, and errors of the GPU show up here; going on
                # would only line up pictures that nobody sees.
                picture.ready.synchronize()
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
        self.report.times.append(picture.decode_s)
        self.report.finished.append(time.monotonic())
        self.report.decoded = self.decoded
        self._begin_upgrade()
        return picture

    def fill_step(self, view: View) -> Tensor | None:
        """Bring one more part of the whole sphere up to date, if one is due."""
        if not self._fill_due(view):
            return None
        if self._fill_lost and self._fill is not None:
            self._fill_lost = False
            return self._fill.pixels()
        self._fill_credit = max(self._fill_credit - self._fill_cost(), 0.0)
        try:
            if self._fill is None:
                assert self.source.fill is not None
                self._fill = SphereFill(self.source.fill())
            self._fill.step(view.frame, view.look)
            return self._fill.pixels()
        except Exception as error:
            self._fill_failed = True
            log.warning("what lies around the picture stays empty: %s", describe(error))
            return None

    def _use(self, engine: Engine) -> None:
        self._engine = self.report.engine = engine
        log.info("decoding with the %s engine on %s", engine.name, engine.device)

    def _begin_upgrade(self) -> None:
        if self._upgrade is None and self.source.upgrade is not None:
            self._upgrade = BUILDER.build(self.source.upgrade, self._wake, _cannot_be_built)

    def _take_upgrade(self) -> None:
        engine = self._upgrade.take() if self._upgrade is not None else None
        if engine is not None and self._maker is not None:
            self._rungs = itertools.chain([self._maker], self._rungs)
            self.report.times.clear()
            self._use(engine)

    def _key(self, view: View, engine: Engine) -> tuple[object, int]:
        return aim(view, engine, self._latency()), view.frame

    def _latency(self) -> float:
        times = self.report.times
        return self.source.latency + (sum(list(times)[-8:]) / min(len(times), 8) if times else 0)

    def _fill_due(self, view: View) -> bool:
        if self._fill_failed or not self.decoded or self._engine is None:
            return False
        if self._engine.full_frame:
            return False
        return self._fill is None or self._fill_lost or self._fill.stale(view.frame)

    def _fill_cost(self) -> float:
        return self._fill.cost if self._fill else 0.0

    def _fail(self, what: str, error: Exception) -> None:
        log.error(
            "%s: %s",
            what,
            describe(error),
            exc_info=not isinstance(error, (RuntimeError, IndexError, InputError)),
        )
        self.report.error = f"{what[0].upper()}{what[1:]}: {describe(error)}"


def _cannot_be_built(error: Exception) -> None:
    log.warning("the faster engine cannot be built: %s", describe(error))


def describe(error: BaseException) -> str:
    """An exception as a short sentence for the screen."""
    if isinstance(error, torch.OutOfMemoryError):
        return "there is not enough memory on the device"
    text = str(error).strip().splitlines()
    return text[0][:200] if text else type(error).__name__
