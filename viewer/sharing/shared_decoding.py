"""The engine of this machine, shared by several visitors: one thread, and each has its turn."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from nerv360.decoding import Picture
from nerv360.rendering import opaque
from nerv360.viewer import process_end
from nerv360.viewer.decode import DecodeSession, OpenScene
from nerv360.viewer.failures import describe
from nerv360.viewer.sharing.cutting import cut
from nerv360.viewer.sharing.messages import Ask, picture_message
from nerv360.viewer.sharing.pace import Pace

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failure:
    """An ask for which there is no picture.

    Attributes:
        sentence: the reason.
        ended: whether the decoder cannot go on; if False, other frames may be decoded.
    """

    ask: Ask
    sentence: str
    ended: bool


class Visitor:
    """One page: its newest ask for each side, and the pictures on their way to it.

    Only `SharedDecoding` changes it, under its lock.

    Attributes:
        deliver: takes a picture's message, or why there is none. Called on the decoding thread, and
            must not wait.
        asks: what it wants next, by the side of a comparison; who waits longest comes first.
        decoders: name of the decoder that each side last asked for.
        pace: pictures on their way.
        number: of its newest picture.
    """

    def __init__(self, deliver: Callable[[bytes | Failure], None]) -> None:
        self.deliver = deliver
        self.asks: dict[int, Ask] = {}
        self.decoders: dict[int, str] = {}
        self.pace = Pace()
        self.number = 0

    def decodes(self, ask: Ask) -> bool:
        """Return whether its decoder is the one that its side has asked for before."""
        return self.decoders.get(ask.side) == ask.decoder


class SharedDecoding:
    """Decodes what visitors ask for on a thread of its own, one picture for each in turn."""

    def __init__(self, scene: OpenScene) -> None:
        """Start the thread; an engine is opened when its decoder is first asked for."""
        self.scene = scene
        self._changed = threading.Condition()
        self._visitors: deque[Visitor] = deque()  # who was served longest ago comes first
        self._sessions: dict[str, DecodeSession] = {}
        self._whole: dict[str, Picture] = {}  # the newest whole frame of each session
        self._incoming: OpenScene | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="decode", daemon=True)
        self._thread.start()
        process_end.watch(self._thread.is_alive)

    def replace(self, scene: OpenScene) -> None:
        """Decode from another state of the scene, with the same decoders and frames."""
        with self._changed:
            self._incoming = scene

    @property
    def visitors(self) -> int:
        """Number of visitors now."""
        with self._changed:
            return len(self._visitors)

    def join(self, deliver: Callable[[bytes | Failure], None]) -> Visitor:
        """Add a visitor; see `Visitor.deliver`."""
        visitor = Visitor(deliver)
        with self._changed:
            self._visitors.append(visitor)
        return visitor

    def leave(self, visitor: Visitor) -> None:
        """Forget a visitor and what it asked for."""
        with self._changed:
            self._visitors.remove(visitor)

    def ask(self, visitor: Visitor, ask: Ask) -> None:
        """Ask for a picture, in place of an earlier ask of its side that was not begun.

        Raises:
            KeyError: the scene has no such decoder.
            IndexError: it has no such frame.
        """
        if ask.decoder not in self.scene.decoders:
            raise KeyError(ask.decoder)
        if ask.frame >= self.scene.frames:
            raise IndexError(ask.frame)
        with self._changed:
            visitor.asks[ask.side], visitor.decoders[ask.side] = ask, ask.decoder
            self._changed.notify_all()

    def seen(self, visitor: Visitor, number: int) -> None:
        """Note that a picture has arrived, so that more may be sent."""
        with self._changed:
            visitor.pace.seen(number, time.monotonic())
            self._changed.notify_all()

    def stalled(self, visitor: Visitor) -> float:
        """Return the seconds for which the oldest picture on its way has not arrived."""
        with self._changed:
            return visitor.pace.oldest(time.monotonic())

    def stop(self, timeout: float = 60.0) -> None:
        """End the thread after the current picture, and free the engines."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(timeout)

    def _run(self) -> None:
        while (turn := self._next()) is not None:
            visitor, ask = turn
            try:
                decoded = self._decode(ask)
                if isinstance(decoded, Failure):
                    visitor.deliver(decoded)
                    continue
                with self._changed:
                    visitor.number += 1
                    number = visitor.number
                message = picture_message(decoded, ask, number)
                with self._changed:
                    visitor.pace.send(number, time.monotonic())
                visitor.deliver(message)
            except Exception as error:
                log.exception("something failed that nobody foresaw; decoding goes on")
                visitor.deliver(Failure(ask, describe(error), ended=True))
        self._sessions, self._whole = {}, {}

    def _next(self) -> tuple[Visitor, Ask] | None:
        """Return who is served next, and with what; None if there is to be an end."""
        with self._changed:
            while not self._stopping:
                for visitor in self._visitors:
                    if visitor.asks and visitor.pace.open:
                        ask = visitor.asks.pop(next(iter(visitor.asks)))
                        self._visitors.remove(visitor)
                        self._visitors.append(visitor)
                        return visitor, ask
                self._changed.wait()
        return None

    def _decode(self, ask: Ask) -> Picture | Failure:
        """Return a picture, or why there is none.

        Those of several chapters are sent over their still panoramas, which the page may not have.
        """
        with self._changed:
            incoming, self._incoming = self._incoming, None
        if incoming is not None:
            self.scene, self._sessions, self._whole = incoming, {}, {}
        session = self._session(ask.decoder)
        picture, engine = self._seen(session, ask), session.report.engine
        if picture is None:
            sentence = session.report.error or "The decoder cannot be opened."
            return Failure(ask, sentence, ended=engine is None)
        if engine is not None and len(self.scene.chapters) > 1:
            return opaque(picture, engine)
        return picture

    def _seen(self, session: DecodeSession, ask: Ask) -> Picture | None:
        """Return what the look sees, or None; then the session's report has the reason."""
        whole = self._whole.get(ask.decoder)
        if whole is not None and whole.frame == ask.frame:
            return cut(whole, ask.look, ask.width)
        while (engine := session.report.engine) is not None:
            picture = session.decode_at(ask.look, ask.frame)
            if picture is not None and picture.equirectangular:
                self._whole[ask.decoder] = picture
                return cut(picture, ask.look, ask.width)
            if picture is not None:
                return picture
            if session.report.engine is engine:  # this frame's fault, not the engine's
                break
        return None

    def _session(self, decoder: str) -> DecodeSession:
        """Return the session of a decoder; free those that no visitor looks at."""
        if decoder in self._sessions:
            return self._sessions[decoder]
        with self._changed:
            used = {name for visitor in self._visitors for name in visitor.decoders.values()}
        self._sessions = {name: it for name, it in self._sessions.items() if name in used}
        self._whole = {name: it for name, it in self._whole.items() if name in used}
        session = DecodeSession(self.scene.source(decoder), wake=lambda: None)
        session.attach(lambda report: None, alone=len(self._sessions) == 0)
        self._sessions[decoder] = session
        session.begin()
        return session
