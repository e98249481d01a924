"""The WebSocket over which a page gets pictures that this machine decodes."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from aiohttp import WSCloseCode, WSMsgType, web

from nerv360.viewer.decode import ORIGINAL
from nerv360.viewer.sharing.clip_sound import ClipSound
from nerv360.viewer.sharing.cutting import ASPECT, HFOV_RANGE
from nerv360.viewer.sharing.messages import (
    MAX_MESSAGE,
    VERSION,
    Ask,
    MessageError,
    Ping,
    Seen,
    parsed,
)
from nerv360.viewer.sharing.peers import Budget, Visits
from nerv360.viewer.sharing.shared_decoding import Failure, SharedDecoding, Visitor

if TYPE_CHECKING:
    from nerv360.config import ModelConfig
    from nerv360.scene import Scene

SOCKET = "live"
PLACES = ("auto", "here", "browser")
"""Places to decode for a page: as measured, on the machine of the server, in the browser."""
_STALL_S = 20.0
_CLOSE_S = 2.0
_MOST_PICTURES = 8  # as many as `Pace` allows; a visitor that lies about them gets no more memory
_MESSAGES_PER_S = 600.0  # pages ask at each refresh, of up to 360 Hz
_CHANGE_COST = 300.0  # of another decoder, in messages: opening one holds up all visitors


def live_description(scene: Scene | None, scene_id: str, prefers: str, gpu: bool) -> dict[str, Any]:
    """Return the part of a page's description that concerns its server, for `export_web`.

    Args:
        scene: the served one; None for a clip.
        scene_id: as in `Live`.
        prefers: one of `PLACES`; the visitor can change it.
        gpu: a GPU decodes here.
    """
    configs = {ORIGINAL: None} if scene is None else scene.header.configs
    return {
        "socket": SOCKET,
        "scene": scene_id,
        "prefers": prefers,
        "gpu": gpu,
        "decoders": {name: _shape(config) for name, config in configs.items()},
    }


def _shape(config: ModelConfig | None) -> dict[str, Any]:
    """Return the shape of the pictures that a page gets; those of a clip are cut."""
    from nerv360.decoding import hfov_range
    from nerv360.networks import architecture_of

    if config is None or architecture_of(config).full_frame:
        return {"aspect": ASPECT, "hfov": HFOV_RANGE}
    aspect = config.viewport_width / config.viewport_height
    return {"aspect": aspect, "hfov": hfov_range(config)}


class Outbox:
    """Messages for one visitor: few pictures, and the newest text of each kind.

    Used on the event loop only.
    """

    def __init__(self) -> None:
        self._pictures: deque[bytes] = deque(maxlen=_MOST_PICTURES)
        self._texts: dict[str, str] = {}
        self._filled = asyncio.Event()

    def put(self, message: bytes) -> None:
        """Add a picture."""
        self._pictures.append(message)
        self._filled.set()

    def say(self, **message: object) -> None:
        """Put a text in place of an earlier one with the same first key."""
        self._texts[next(iter(message))] = json.dumps(message)
        self._filled.set()

    async def wait(self, seconds: float) -> None:
        """Wait until there is something, or for ``seconds``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._filled.wait()

    def take(self) -> str | bytes | None:
        """Take the next message; None if there is none."""
        if self._texts:
            return self._texts.pop(next(iter(self._texts)))
        if self._pictures:
            return self._pictures.popleft()
        self._filled.clear()
        return None


class Live:
    """Visitors with WebSockets; none of them can stall another.

    Attributes:
        decoding: what they share.
        sound: of the clip, or None; a scene's is a file of the page.
    """

    def __init__(
        self,
        decoding: SharedDecoding,
        scene_id: str,
        most: int,
        stall_s: float = _STALL_S,
    ) -> None:
        """Accept visitors.

        Args:
            decoding: decodes for them.
            scene_id: of the scene's file, by which a page knows it again after a new start.
            most: visitors at a time.
            stall_s: seconds after which a visitor is dropped that does not read.
        """
        self.decoding = decoding
        scene = decoding.scene
        self.sound = ClipSound(scene.sound, scene.frames / scene.fps) if scene.sound else None
        self._scene_id = scene_id
        self._most = most
        self._stall_s = stall_s
        self._sockets: set[web.WebSocketResponse] = set()
        self._visits = Visits()
        self._outboxes: set[Outbox] = set()
        self._news: dict[str, object] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one visitor until it leaves or breaks the protocol."""
        socket = web.WebSocketResponse(
            timeout=_CLOSE_S, heartbeat=self._stall_s, compress=False, max_msg_size=MAX_MESSAGE
        )
        await socket.prepare(request)
        loop = asyncio.get_running_loop()
        sentence = ""
        if not self._visits.begin(request.remote or "", loop.time()):
            sentence = "This address has come too often: try again later"
        elif len(self._sockets) >= self._most:
            sentence = f"{self._most} visitors are here already: try again later"
        if sentence:
            await socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=sentence.encode())
            return socket
        outbox = Outbox()
        outbox.say(hello={"version": VERSION, "scene": self._scene_id})
        self._loop = loop
        self._outboxes.add(outbox)
        _say([outbox], self._news)

        def deliver(result: bytes | Failure) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(_put, outbox, result)

        visitor = self.decoding.join(deliver)
        self._sockets.add(socket)
        sender = asyncio.create_task(self._send(request, socket, outbox, visitor))
        try:
            if not await self._listen(socket, outbox, visitor):
                self._visits.offend(request.remote or "", loop.time())
        finally:
            self._sockets.discard(socket)
            self._outboxes.discard(outbox)
            self.decoding.leave(visitor)
            sender.cancel()
        return socket

    def tell(self, **news: object) -> None:
        """Send a text to all visitors, and to those who come later; from any thread."""
        self._news = self._news | news
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(_say, self._outboxes, news)

    async def close(self, _application: web.Application) -> None:
        """Say goodbye to all visitors."""
        if self.sound is not None:
            self.sound.stop()
        closing = (socket.close(code=WSCloseCode.GOING_AWAY) for socket in [*self._sockets])
        await asyncio.gather(*closing, return_exceptions=True)

    async def _listen(
        self, socket: web.WebSocketResponse, outbox: Outbox, visitor: Visitor
    ) -> bool:
        """Hear a visitor until it leaves; return False if it broke the protocol."""
        budget = Budget(_MESSAGES_PER_S, 2 * _MESSAGES_PER_S)
        loop = asyncio.get_running_loop()
        async for message in socket:
            try:
                if message.type != WSMsgType.TEXT:
                    raise MessageError("it is not a text")
                if not budget.spend(loop.time()):
                    raise MessageError("it is one of too many")
                heard = parsed(message.data)
                changes = isinstance(heard, Ask) and not visitor.decodes(heard)
                if changes and not budget.spend(loop.time(), _CHANGE_COST):
                    raise MessageError("it is one of too many changes of the decoder")
                self._hear(heard, outbox, visitor)
            except MessageError as error:
                sentence = f"A message is refused: {error}"
                await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=sentence.encode())
                return False
        return True

    def _hear(self, message: Ask | Seen | Ping, outbox: Outbox, visitor: Visitor) -> None:
        if isinstance(message, Ping):
            outbox.say(pong=message.value)
        elif isinstance(message, Seen):
            self.decoding.seen(visitor, message.number)
        else:
            try:
                self.decoding.ask(visitor, message)
            except LookupError as error:
                raise MessageError("there is no such decoder or frame") from error

    async def _send(
        self,
        request: web.Request,
        socket: web.WebSocketResponse,
        outbox: Outbox,
        visitor: Visitor,
    ) -> None:
        """Send what there is; drop a visitor that does not read."""
        try:
            while self.decoding.stalled(visitor) < self._stall_s:
                await outbox.wait(self._stall_s / 4)
                while (message := outbox.take()) is not None:
                    async with asyncio.timeout(self._stall_s):
                        if isinstance(message, str):
                            await socket.send_str(message)
                        else:
                            await socket.send_bytes(message)
        except (TimeoutError, ConnectionError):
            pass
        if request.transport is not None:
            request.transport.abort()


def _say(outboxes: Iterable[Outbox], news: dict[str, object]) -> None:
    for outbox in outboxes:
        for name, value in news.items():
            outbox.say(**{name: value})


def _put(outbox: Outbox, result: bytes | Failure) -> None:
    if isinstance(result, bytes):
        outbox.put(result)
    else:
        ask = result.ask
        outbox.say(error=result.sentence, generation=ask.generation, id=ask.id, ended=result.ended)
