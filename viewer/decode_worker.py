"""The one thread that decodes: the newest request wins, errors come back as data."""

from __future__ import annotations

import threading

from torch import Tensor

from model.decoding.protocol import Picture
from viewer.aim import View
from viewer.decode_session import Report, Session, Source


class DecodeWorker:
    """Decodes on a thread of its own for a display that never waits for it.

    With several sources, the sides of a split view, their pictures are decoded one after the
    other, which leaves each the whole machine, and appear together, so that they show the same
    frame.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._reports: tuple[Report, ...] = (Report(),)
        self._sources: tuple[Source, ...] | None = None
        self._view: View | None = None
        self._newest: dict[int, tuple[int, Picture]] = {}
        self._fills: dict[int, Tensor] = {}
        self._borrowed: dict[int, int] = {}
        self._idle_for: View | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="decode", daemon=True)
        self._thread.start()

    @property
    def reports(self) -> tuple[Report, ...]:
        """What has been done for each source."""
        return self._reports

    @property
    def report(self) -> Report:
        """What has been done for the first source."""
        return self._reports[0]

    def open(self, *sources: Source) -> None:
        """Decode from ``sources`` from now on, one for each side of the view. They are built on
        the worker's thread; one that is already in use goes on.
        """
        with self._changed:
            self._sources = sources
            self._reports = tuple(Report() for _ in sources)
            self._changed.notify_all()

    def request(self, view: View) -> None:
        """What is shown now; replaces any earlier request that was not begun."""
        with self._changed:
            if view != self._view:
                self._view = view
                self._changed.notify_all()

    def take(self) -> dict[int, Picture]:
        """The newest picture of each side that has one, once; they stay valid until `give_back`."""
        with self._changed:
            newest, self._newest = self._newest, {}
            self._borrowed = {side: number for side, (number, _) in newest.items()}
            return {side: picture for side, (_, picture) in newest.items()}

    def give_back(self) -> None:
        """The pictures that were taken are no longer read."""
        with self._changed:
            self._borrowed = {}
            self._changed.notify_all()

    def take_fills(self) -> dict[int, Tensor]:
        """The newest whole-sphere fill of each side, height×width×4 uint8 on the CPU, once."""
        with self._changed:
            fills, self._fills = self._fills, {}
            return fills

    @property
    def idle(self) -> bool:
        """All that the newest request asks for, fill included, has been decoded and taken."""
        with self._changed:
            waiting = self._newest or self._fills or self._sources is not None
            return not waiting and self._view is not None and self._idle_for is self._view

    def stop(self, timeout: float = 60.0) -> bool:
        """End the thread after the picture it is at; tells whether it ended in time."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        sessions: list[Session] = []
        while True:
            with self._changed:
                while self._sources is None and not self._stopping:
                    self._changed.wait()
                if self._stopping:
                    return
                sources, self._sources = self._sources, None
                reports = self._reports
                self._idle_for = None
                self._borrowed, self._newest, self._fills = {}, {}, {}
            assert sources is not None
            sessions = self._sessions(sources, reports, sessions)
            self._serve(sessions)

    def _sessions(
        self, sources: tuple[Source, ...], reports: tuple[Report, ...], old: list[Session]
    ) -> list[Session]:
        known = {id(session.source): session for session in old}
        old.clear()  # engines that nobody uses any more give their memory back before others come
        sessions = [
            known.get(id(source)) or Session(source, report, self._wake)
            for source, report in zip(sources, reports, strict=True)
        ]
        known.clear()
        for session, report in zip(sessions, reports, strict=True):
            session.begin(report)
        return sessions

    def _serve(self, sessions: list[Session]) -> None:
        """Decode until other sources are opened or the worker stops."""
        while (view := self._wait_for_work(sessions)) is not None:
            pictures = {}
            for side, session in enumerate(sessions):
                if session.wants_picture(view):
                    picture = session.decode(view)
                    if picture is not None:
                        pictures[side] = (session.decoded, picture)
            if pictures:
                with self._changed:
                    if self._sources is None:
                        self._newest.update(pictures)
                continue
            for side, session in enumerate(sessions):
                pixels = session.fill_step(view)
                if pixels is not None:
                    with self._changed:
                        self._fills[side] = pixels

    def _wait_for_work(self, sessions: list[Session]) -> View | None:
        with self._changed:
            while True:
                if self._stopping or self._sources is not None:
                    return None
                view = self._view
                free = all(self._is_free(side, session) for side, session in enumerate(sessions))
                if view is not None and free and any(s.has_work(view) for s in sessions):
                    return view
                self._idle_for = view if free else None
                self._changed.wait()

    def _is_free(self, side: int, session: Session) -> bool:
        borrowed = self._borrowed.get(side)
        return borrowed is None or session.decoded + 1 - borrowed < session.ring

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
