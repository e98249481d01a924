"""The one thread that decodes: the newest request wins, errors come back as data."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from model.decoding.engine import Picture
from viewer.decode.predicted_look import Request
from viewer.decode.session import Report, Session, Source

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Results:
    """What has been finished of what is open, and was not taken before.

    Attributes:
        generation: counts what has been opened; all of this belongs to that one.
        pictures: the newest of each side that has one.
        backgrounds: the newest background of each side that has one, height×width×4 uint8 on the
            CPU.
        reports: of each side.
    """

    generation: int
    pictures: dict[int, Picture]
    backgrounds: dict[int, Tensor]
    reports: tuple[Report, ...]


class _Opening:
    """One generation: sources that were opened together, what is asked of them, what came of it.

    The decoding thread writes into the opening that it serves, the display reads the newest one:
    what comes late for an older one is never seen, whatever the timing.
    """

    def __init__(self, generation: int, sources: tuple[Source, ...]) -> None:
        self.generation = generation
        self.sources = sources
        self.request: Request | None = None
        self.idle_for: Request | None = None
        self.reports = [Report()] * max(len(sources), 1)
        self.pictures: dict[int, tuple[int, Picture]] = {}  # each with its number
        self.backgrounds: dict[int, Tensor] = {}

    def take(self) -> Results:
        """What has come since the last time."""
        pictures = {side: picture for side, (_, picture) in self.pictures.items()}
        backgrounds, self.pictures, self.backgrounds = self.backgrounds, {}, {}
        return Results(self.generation, pictures, backgrounds, tuple(self.reports))


class DecodeWorker:
    """Decodes on a thread of its own for a display that never waits for it.

    With several sources, the sides of a split view, their pictures are decoded one after the
    other, which leaves each the whole machine, and appear together, so that they show the same
    frame.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._opening = _Opening(0, ())
        self._borrowed: dict[int, int] = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="decode", daemon=True)
        self._thread.start()

    @property
    def reports(self) -> tuple[Report, ...]:
        """What has been done up to now for each source that is open."""
        return tuple(self._opening.reports)

    @property
    def report(self) -> Report:
        """What has been done up to now for the first source that is open."""
        return self.reports[0]

    def open(self, *sources: Source) -> None:
        """Decode from ``sources`` from now on, one for each side of the window, once something is
        requested. They are built on the worker's thread; one that is already in use goes on.
        """
        with self._changed:
            self._opening = _Opening(self._opening.generation + 1, sources)
            self._changed.notify_all()

    def request(self, request: Request) -> None:
        """What is shown now; replaces any earlier request that was not begun."""
        with self._changed:
            if request != self._opening.request:
                self._opening.request = request
                self._changed.notify_all()

    @contextmanager
    def results(self) -> Iterator[Results]:
        """What has been finished, each once; the pictures stay valid inside the ``with``."""
        with self._changed:
            opening = self._opening
            self._borrowed = {
                id(opening.sources[side]): number for side, (number, _) in opening.pictures.items()
            }
            taken = opening.take()
        try:
            yield taken
        finally:
            with self._changed:
                if self._borrowed:
                    self._borrowed = {}
                    self._changed.notify_all()

    @property
    def idle(self) -> bool:
        """All that the newest request asks for, background included, has been decoded and taken."""
        with self._changed:
            opening = self._opening
            if opening.pictures or opening.backgrounds or opening.request is None:
                return False
            return opening.idle_for is opening.request

    def stop(self, timeout: float = 60.0) -> bool:
        """End the thread after the picture it is at; tells whether it ended in time."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        opening, sessions = self._opening, list[Session]()
        while not self._stopping:
            try:
                if opening is self._opening:
                    self._serve(opening, sessions)
                opening = self._opening
                self._begin(opening, sessions)
            except Exception as error:
                log.exception("something failed that nobody foresaw; decoding goes on")
                for session in sessions:
                    session.give_up(error)

    def _begin(self, opening: _Opening, sessions: list[Session]) -> None:
        """Bring ``sessions``, those in use before, to the sources of ``opening``."""
        alone = len(opening.sources) == 1
        # One that has no engine left begins anew, and so does one that came down while another
        # needed memory too.
        known = {
            id(session.source): session
            for session in sessions
            if not session.report.ended and not (session.crowded and alone)
        }
        sessions.clear()  # engines that nobody uses any more give their memory back first
        for side, source in enumerate(opening.sources):
            session = known.get(id(source)) or Session(source, self._wake)
            session.attach(partial(opening.reports.__setitem__, side), alone)
            sessions.append(session)
        known.clear()
        for session in sessions:
            if opening is self._opening:
                session.begin()

    def _serve(self, opening: _Opening, sessions: list[Session]) -> None:
        """Decode until something else is opened or the worker stops."""
        while (request := self._wait_for_work(opening, sessions)) is not None:
            pictures = {}
            for side, session in enumerate(sessions):
                if session.wants_picture(request):
                    picture = session.decode(request)
                    if picture is not None:
                        pictures[side] = (session.report.decoded, picture)
            if pictures:
                with self._changed:
                    opening.pictures.update(pictures)
                continue
            for side, session in enumerate(sessions):
                pixels = session.background_step(request)
                if pixels is not None:
                    with self._changed:
                        opening.backgrounds[side] = pixels

    def _wait_for_work(self, opening: _Opening, sessions: list[Session]) -> Request | None:
        with self._changed:
            while True:
                if self._stopping or opening is not self._opening:
                    return None
                request = opening.request
                free = all(self._is_free(session) for session in sessions)
                if request is not None and free and any(s.has_work(request) for s in sessions):
                    return request
                opening.idle_for = request if free else None
                self._changed.wait()

    def _is_free(self, session: Session) -> bool:
        borrowed = self._borrowed.get(id(session.source))
        return borrowed is None or session.report.decoded + 1 - borrowed < session.ring

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
