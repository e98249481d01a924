"""The decoding thread: the newest request wins, and errors are returned as data."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from nerv360.decoding import Picture
from nerv360.viewer.decode.look_prediction import Request
from nerv360.viewer.decode.open_scene import EngineSource
from nerv360.viewer.decode.session import DecodeReport, DecodeSession

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Results:
    """Pictures of the open sources that were finished and not taken before.

    Attributes:
        pictures: the newest of each pane that has one.
        backgrounds: the newest of each pane that has one, height×width×4 uint8 on the CPU.
        reports: of each pane.
    """

    pictures: dict[int, Picture]
    backgrounds: dict[int, Tensor]
    reports: tuple[DecodeReport, ...]


class _Generation:
    """Sources opened together, with their request and results.

    The decoding thread writes to the generation it serves, and the display reads the newest one:
    late results of an older generation are never shown.
    """

    def __init__(self, sources: tuple[EngineSource, ...]) -> None:
        self.sources = sources
        self.request: Request | None = None
        self.idle_for: Request | None = None
        self.reports = [DecodeReport()] * max(len(sources), 1)
        self.pictures: dict[int, tuple[int, Picture]] = {}  # pictures with their numbers
        self.backgrounds: dict[int, Tensor] = {}

    def take(self) -> Results:
        """Return everything new since the last call."""
        pictures = {pane: picture for pane, (_, picture) in self.pictures.items()}
        backgrounds, self.pictures, self.backgrounds = self.backgrounds, {}, {}
        return Results(pictures, backgrounds, tuple(self.reports))


class DecodeWorker:
    """Decodes on its own thread for a display that never waits for it.

    The panes of a split view have one source each. Their pictures are decoded one after the other,
    so that each can use the whole machine, but appear together, so that they show the same frame.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._generation = _Generation(())
        self._borrowed: dict[int, int] = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="decode", daemon=True)
        self._thread.start()

    @property
    def reports(self) -> tuple[DecodeReport, ...]:
        """Progress of each open source."""
        return tuple(self._generation.reports)

    @property
    def report(self) -> DecodeReport:
        """Progress of the first open source."""
        return self.reports[0]

    def open(self, *sources: EngineSource) -> None:
        """Decode from ``sources`` from now on, one per pane, once there is a request.

        Engines are built on the worker's thread; a source already in use continues.
        """
        with self._changed:
            self._generation = _Generation(sources)
            self._changed.notify_all()

    def request(self, request: Request) -> None:
        """Request a picture; replaces an earlier request that was not begun."""
        with self._changed:
            if request != self._generation.request:
                self._generation.request = request
                self._changed.notify_all()

    @contextmanager
    def results(self) -> Iterator[Results]:
        """Yield everything new, once; pictures stay valid inside the ``with``."""
        with self._changed:
            generation = self._generation
            self._borrowed = {
                id(generation.sources[pane]): number
                for pane, (number, _) in generation.pictures.items()
            }
            taken = generation.take()
        try:
            yield taken
        finally:
            with self._changed:
                if self._borrowed:
                    self._borrowed = {}
                    self._changed.notify_all()

    @property
    def idle(self) -> bool:
        """Whether everything requested, including the background, has been decoded and taken."""
        with self._changed:
            generation = self._generation
            if generation.pictures or generation.backgrounds or generation.request is None:
                return False
            return generation.idle_for is generation.request

    def stop(self, timeout: float = 60.0) -> bool:
        """End the thread after the current picture; return True if it ended in time."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        generation, sessions = self._generation, list[DecodeSession]()
        while not self._stopping:
            try:
                if generation is self._generation:
                    self._serve(generation, sessions)
                generation = self._generation
                self._begin(generation, sessions)
            except Exception as error:
                log.exception("something failed that nobody foresaw; decoding goes on")
                for session in sessions:
                    session.give_up(error)

    def _begin(self, generation: _Generation, sessions: list[DecodeSession]) -> None:
        """Replace ``sessions`` by sessions for the sources of ``generation``, reusing old ones."""
        alone = len(generation.sources) == 1
        # A session without an engine left starts over, and so does one that stepped down while
        # another needed memory too.
        known = {
            id(session.source): session
            for session in sessions
            if not session.report.ended and not (session.crowded and alone)
        }
        sessions.clear()  # first free the memory of unused engines
        for pane, source in enumerate(generation.sources):
            session = known.get(id(source)) or DecodeSession(source, self._wake)
            session.attach(partial(generation.reports.__setitem__, pane), alone)
            sessions.append(session)
        known.clear()
        for session in sessions:
            if generation is self._generation:
                session.begin()

    def _serve(self, generation: _Generation, sessions: list[DecodeSession]) -> None:
        """Decode until something else is opened or the worker stops."""
        while (request := self._wait_for_work(generation, sessions)) is not None:
            pictures = {}
            for pane, session in enumerate(sessions):
                if session.wants_picture(request):
                    picture = session.decode(request)
                    if picture is not None:
                        pictures[pane] = (session.report.decoded, picture)
            if pictures:
                with self._changed:
                    generation.pictures.update(pictures)
                continue
            for pane, session in enumerate(sessions):
                pixels = session.background_step(request)
                if pixels is not None:
                    with self._changed:
                        generation.backgrounds[pane] = pixels

    def _wait_for_work(
        self, generation: _Generation, sessions: list[DecodeSession]
    ) -> Request | None:
        with self._changed:
            while True:
                if self._stopping or generation is not self._generation:
                    return None
                for session in sessions:
                    session.hear()
                request = generation.request
                free = all(self._is_free(session) for session in sessions)
                if request is not None and free and any(s.has_work(request) for s in sessions):
                    return request
                generation.idle_for = request if free else None
                self._changed.wait()

    def _is_free(self, session: DecodeSession) -> bool:
        borrowed = self._borrowed.get(id(session.source))
        return borrowed is None or session.report.decoded + 1 - borrowed < session.ring

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
