"""Sound of a served clip, encoded once and sent while it is encoded."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from aiohttp import web

from nerv360.errors import InputError
from nerv360.sound import encode_into
from nerv360.viewer import process_end
from nerv360.viewer.failures import describe

if TYPE_CHECKING:
    from nerv360.sound import SoundTrack

log = logging.getLogger(__name__)

_TURN_S = 0.05
_SLOWEST_S = 60.0


class ClipSound:
    """A clip's sound as Opus in Ogg; a thread encodes it when a page first asks for it."""

    def __init__(self, find: Callable[[], SoundTrack | None], seconds: float) -> None:
        """Prepare the sound of a clip of ``seconds``; ``find`` finds it, as `OpenScene.sound`."""
        self._find, self._seconds = find, seconds
        self._content = bytearray()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._complete = self._stopping = False

    def write(self, content: bytes) -> int:
        """Take encoded bytes.

        Raises:
            OSError: no more are wanted.
        """
        if self._stopping:
            raise OSError("the server ends")
        with self._lock:
            self._content += content
        return len(content)

    def stop(self) -> None:
        """End encoding soon."""
        self._stopping = True

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Send all of it; a visitor that does not read, or damaged sound, ends the connection."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._encode, name="sound", daemon=True)
            self._thread.start()
            process_end.watch(self._thread.is_alive)
        response = web.StreamResponse()
        response.content_type = "audio/ogg"
        await response.prepare(request)
        place = 0
        while request.method != "HEAD":
            ended = not self._thread.is_alive()
            with self._lock:
                part = bytes(self._content[place:])
            place += len(part)
            async with asyncio.timeout(_SLOWEST_S):
                await response.write(part)
            if ended:
                break
            await asyncio.sleep(_TURN_S)
        if not self._complete and request.transport is not None:
            request.transport.abort()
        return response

    def _encode(self) -> None:
        try:
            track = self._find()
            if track is not None:
                encode_into(self, track, self._seconds)
                self._complete = True
        except (InputError, OSError) as error:
            if not self._stopping:
                log.warning("%s: the page goes on without sound", describe(error))
        except Exception:
            log.exception("the sound has failed; the page goes on without it")
