"""One source in use: its current engine, its fallbacks, and a faster engine being built."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from nerv360.decoding import Engine, Picture, place_of
from nerv360.errors import InputError
from nerv360.geometry import Look
from nerv360.viewer.decode.background_updates import BackgroundUpdater
from nerv360.viewer.decode.engine_builder import BUILDER, Build
from nerv360.viewer.decode.look_prediction import Request, predicted_look
from nerv360.viewer.decode.open_scene import EngineSource
from nerv360.viewer.failures import describe

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)

_HISTORY = 120


@dataclass(frozen=True)
class DecodeReport:
    """Progress of one source up to one moment; never changes once it is read.

    Attributes:
        decoded: pictures since the source was opened.
        times: seconds of the latest pictures, oldest first.
        finished: finishing times of these pictures, on the monotonic clock.
        engine: the engine in use; None while the next is built.
        error: one sentence if an attempt failed in this generation.
        ended: no engine is left to try.
        share: of the latest picture that was decoded, 0 to 1; see `Picture.share`.
        remark: one sentence on why no faster engine decodes, if one was meant to.
    """

    decoded: int = 0
    times: tuple[float, ...] = ()
    finished: tuple[float, ...] = ()
    engine: Engine | None = None
    error: str | None = None
    ended: bool = False
    share: float = 1.0
    remark: str | None = None


class DecodeSession:
    """One source in use; only the worker's thread uses it.

    Attributes:
        source, report: the engines' source, and the progress so far.
        crowded: something failed while other sources were in use, and might succeed without them.
    """

    def __init__(self, source: EngineSource, wake: Callable[[], None]) -> None:
        """Start without an engine.

        Args:
            source: of engines.
            wake: called from another thread when there is work without a new request.
        """
        self.source = source
        self.report = DecodeReport()
        self.crowded = False
        self._wake = wake
        self._publish: Callable[[DecodeReport], None] = lambda report: None
        self._alone = True
        self._fallbacks: Iterator[Callable[[], Engine]] = iter(source.engines)
        self._maker: Callable[[], Engine] | None = None
        self._engine: Engine | None = None
        self._upgrade: Build | None = None
        self._background = BackgroundUpdater(source.background)
        self._done: tuple[Look, int] | None = None

    def attach(self, publish: Callable[[DecodeReport], None], alone: bool) -> None:
        """Send each new report to ``publish`` from now on; ``alone``: no other source is in use."""
        self._publish, self._alone = publish, alone
        self._done = None
        self._background.show_again()
        self._update(error=None)

    def begin(self) -> None:
        """Make the first engine, if there is none yet."""
        if self._engine is None:
            self._next_engine()

    @property
    def ring(self) -> int:
        """Number of pictures that stay valid."""
        return self._engine.ring if self._engine else 1

    def give_up(self, error: Exception) -> None:
        """Go on with the next engine after an unexpected error."""
        self._fail("pictures cannot be decoded", error)
        self._step_down()

    def hear(self) -> None:
        """Report that no faster engine can be built, once that is known."""
        refusal = self._upgrade.refusal if self._upgrade is not None else None
        if refusal is not None and self.report.remark is None:
            self._update(remark=f"There is no faster engine: {refusal}.")

    def has_work(self, request: Request) -> bool:
        """Return True if a picture or a part of the background is due."""
        return self.wants_picture(request) or self._background_due(request)

    def wants_picture(self, request: Request) -> bool:
        """Return True if a picture for ``request`` is missing and the background is not due."""
        engine = self._engine
        if engine is None:
            return False
        faster = self._upgrade is not None and self._upgrade.ready
        if not faster and self._key(request, engine) == self._done:
            return False
        return not (self._background_due(request) and self._background.affordable)

    def decode(self, request: Request) -> Picture | None:
        """Decode the picture for ``request``; on failure, return None and change the engine."""
        self._take_upgrade()
        assert self._engine is not None
        self._done = self._key(request, self._engine)
        return self.decode_at(*self._done)

    def decode_at(self, look: Look, frame: int) -> Picture | None:
        """Decode a picture for exactly this look; on failure, as `decode`."""
        self._take_upgrade()
        engine = self._engine
        assert engine is not None
        what, picture = f"frame {frame} cannot be decoded", None
        try:
            picture = self._picture(engine, look, frame)
        except (IndexError, InputError) as error:  # an error of this frame, not of the engine
            self._fail(what, error)
            return None
        except Exception as error:
            self._fail(what, error)
        if picture is None:
            # Not in the handler above: during handling, the exception's frames still hold the
            # failed engine and its memory, which the next one may need.
            del engine
            self._step_down()
            return None
        self._background.earn(picture.decode_s)
        self._update(
            decoded=self.report.decoded + 1,
            times=(*self.report.times[1 - _HISTORY :], picture.decode_s),
            finished=(*self.report.finished[1 - _HISTORY :], time.monotonic()),
            share=picture.share,
        )
        self._begin_upgrade()
        return picture

    def background_step(self, request: Request) -> Tensor | None:
        """Update one more part of the background, if one is due; return its pixels or None."""
        if not self._background_due(request):
            return None
        try:
            return self._background.step(request)
        except Exception as error:
            self._background.give_up()
            self._crowd()
            log.warning("the area around the picture stays empty: %s", describe(error))
            return None

    def _picture(self, engine: Engine, look: Look, frame: int) -> Picture:
        picture = engine.decode(look, frame)
        if picture.ready is not None:
            # This thread has nothing else to do, and GPU errors show up here. Going on would only
            # queue pictures that nobody sees.
            picture.ready.synchronize()
        if engine.ring < 2:
            picture = replace(picture, pixels=picture.pixels.clone())
        return picture

    def _step_down(self) -> None:
        self._engine = self._done = None
        self._background.begin_anew()
        self._crowd()
        self._next_engine()

    def _crowd(self) -> None:
        self.crowded = self.crowded or not self._alone

    def _next_engine(self) -> None:
        self._engine = None
        self._update(engine=None)
        for maker in self._fallbacks:
            try:
                engine = maker()
            except Exception as error:
                self._fail("the decoder cannot be opened", error)
                self._crowd()
                continue
            self._maker = maker
            self._use(engine)
            return
        self._update(ended=True)

    def _use(self, engine: Engine) -> None:
        self._engine = engine
        self._update(engine=engine)
        log.info("decoding with the %s engine on %s", engine.name, place_of(engine))

    def _begin_upgrade(self) -> None:
        if self._upgrade is None and self.source.upgrade is not None:
            failed = partial(_cannot_be_built, self._wake)
            self._upgrade = BUILDER.build(self.source.upgrade, self._wake, failed)

    def _take_upgrade(self) -> None:
        engine = self._upgrade.take() if self._upgrade is not None else None
        if engine is not None and self._maker is not None:
            self._fallbacks = itertools.chain([self._maker], self._fallbacks)
            self._update(times=())
            self._use(engine)

    def _key(self, request: Request, engine: Engine) -> tuple[Look, int]:
        return predicted_look(request, engine, self._latency()), request.frame

    def _latency(self) -> float:
        times = self.report.times[-8:]
        return self.source.latency + (sum(times) / len(times) if times else 0)

    def _background_due(self, request: Request) -> bool:
        if not self.report.decoded or self._engine is None or self._engine.full_frame:
            return False
        return self._background.due(request.frame)

    def _fail(self, what: str, error: Exception) -> None:
        # A damaged clip fails again with each frame: show every error but log it once.
        again = isinstance(error, InputError) and self.report.error is not None
        log.log(
            logging.DEBUG if again else logging.ERROR,
            "%s: %s",
            what,
            describe(error),
            exc_info=not isinstance(error, (RuntimeError, IndexError, InputError)),
        )
        self._update(error=f"{what[0].upper()}{what[1:]}: {describe(error)}")

    def _update(self, **changes: Any) -> None:
        self.report = replace(self.report, **changes)
        self._publish(self.report)


def _cannot_be_built(wake: Callable[[], None], error: Exception) -> None:
    log.warning("there is no faster engine: %s", describe(error))
    wake()
