"""A link with a delay and a rate between a browser and a server, and one that can stop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Iterator

_PIECE = 4096


class SlowLink:
    """A proxy on this machine, each way with half the round trip and the same rate.

    Attributes:
        port: where it listens.
    """

    def __init__(self, port: int, round_trip_s: float = 0.0, bits_per_s: float = 0.0) -> None:
        """Prepare it.

        Args:
            port: of the server.
            round_trip_s: that it adds.
            bits_per_s: of all connections together, each way; 0 for any rate.
        """
        self.port = 0
        self._to = port
        self._delay_s = round_trip_s / 2
        self._rate = bits_per_s / 8
        self._free = {"up": 0.0, "down": 0.0}
        self._loop = asyncio.new_event_loop()
        self._goes = asyncio.Event()
        self._goes.set()

    def lead_to(self, port: int) -> None:
        """Carry connections from now on to another server."""
        self._to = port

    def stop(self) -> None:
        """Carry nothing until `go`; connections stay."""
        self._loop.call_soon_threadsafe(self._goes.clear)

    def go(self) -> None:
        """Carry what has waited, and go on."""
        self._loop.call_soon_threadsafe(self._goes.set)

    async def serve(self, ready: threading.Event, end: asyncio.Event) -> None:
        """Carry connections until ``end``."""
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await end.wait()
        server.close()
        carrying = asyncio.all_tasks() - {asyncio.current_task()}
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)

    async def _carry(self, visitor: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        try:
            server, there = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            back.close()
            return
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await asyncio.gather(self._pump(visitor, there, "up"), self._pump(server, back, "down"))
        there.close()
        back.close()

    async def _pump(self, source: asyncio.StreamReader, to: asyncio.StreamWriter, way: str) -> None:
        pieces: deque[tuple[float, bytes]] = deque()
        filled = asyncio.Event()
        reading = asyncio.create_task(self._read(source, pieces, filled, way))
        try:
            while True:
                while not pieces:
                    filled.clear()
                    await filled.wait()
                at, piece = pieces[0]
                await asyncio.sleep(at - self._loop.time())
                await self._goes.wait()
                pieces.popleft()
                if not piece:
                    to.close()
                    return
                to.write(piece)
                await to.drain()
        finally:
            reading.cancel()

    async def _read(
        self,
        source: asyncio.StreamReader,
        pieces: deque[tuple[float, bytes]],
        filled: asyncio.Event,
        way: str,
    ) -> None:
        """Read as fast as the link carries: what waits longer stays with the sender."""
        while True:
            piece = await source.read(_PIECE)
            now = self._loop.time()
            if self._rate:
                self._free[way] = max(self._free[way], now) + len(piece) / self._rate
                await asyncio.sleep(self._free[way] - now)
            await self._goes.wait()
            pieces.append((self._loop.time() + self._delay_s, piece))
            filled.set()
            if not piece:
                return


@contextlib.contextmanager
def slow_link(port: int, round_trip_s: float = 0.0, bits_per_s: float = 0.0) -> Iterator[SlowLink]:
    """Yield a link to a server's port."""
    link = SlowLink(port, round_trip_s, bits_per_s)
    ready, end = threading.Event(), asyncio.Event()
    serving = threading.Thread(
        target=lambda: link._loop.run_until_complete(link.serve(ready, end)), daemon=True
    )
    serving.start()
    assert ready.wait(60)
    try:
        yield link
    finally:
        link._loop.call_soon_threadsafe(end.set)
        serving.join(60)
        link._loop.close()
