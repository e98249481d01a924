"""A server of one page: its files, and pictures that this machine decodes for it."""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Self

from aiohttp import http, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.typedefs import Handler

from nerv360.errors import InputError
from nerv360.viewer.sharing.address import Address, same_origin
from nerv360.viewer.sharing.folder import SOUND
from nerv360.viewer.sharing.live import SOCKET, Live
from nerv360.viewer.sharing.peers import is_local, peer_of

if TYPE_CHECKING:
    from nerv360.viewer.sharing.scene_files import SceneFiles

log = logging.getLogger(__name__)

_MOST_CONNECTIONS = 256
_MOST_OF_A_PEER = 64  # a page has up to 7 connections
_IDLE_S = 15.0
_SLOWEST_S = 600.0
_KEPT_FILES = 12
"""Made files in memory: those of a few chapters."""
_LINGER_S = 1.0
_END_S = 2.0
_TYPES = {
    # System tables differ, and browsers run modules only with this type.
    ".js": "text/javascript",
    ".html": "text/html",
    ".css": "text/css",
    ".json": "application/json",
    ".avif": "image/avif",
    ".svg": "image/svg+xml",
    ".ogg": "audio/ogg",
}
_TEXTS = ("text/", "application/json")
_FRAMED = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_POLICY = "Content-Security-Policy"
_HEADERS = {
    **_FRAMED,
    _POLICY: _FRAMED[_POLICY] + "; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
}


class WebServer:
    """Server of a folder's files at one address.

    Attributes:
        address: where it listens; its ``url`` is the address of the page.
    """

    def __init__(
        self,
        folder: Path,
        address: Address,
        live: Live | None = None,
        files: SceneFiles | None = None,
        *,
        idle_s: float = _IDLE_S,
        framed: bool = False,
    ) -> None:
        """Prepare to answer; `serve_forever` begins.

        Args:
            folder: of an export; read when a file is asked for.
            address: closed together with the server.
            live: decodes for pages; None if they decode by themselves.
            files: makes the scene's own files, when they are asked for.
            idle_s: seconds that a connection may take for its next request.
            framed: other pages, such as a notebook, may show this one in a frame. They need its
                address, so it should have a token.
        """
        self.address = address
        self._folder = folder
        self._live = live
        self._made = frozenset(files.names) if files else frozenset[str]()
        self._make = functools.lru_cache(_KEPT_FILES)(files.make) if files else None
        self._making = ThreadPoolExecutor(1, "page files")
        self._idle_s = idle_s
        self._headers = _FRAMED if framed else _HEADERS
        self._ended = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end = asyncio.Event()
        # Connections before their first request, for which the library knows no limit.
        self._silent: set[web.RequestHandler] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.address.socket.close()

    def serve_forever(self) -> None:
        """Answer until `shutdown`."""
        asyncio.run(self._serve())

    def shutdown(self) -> None:
        """End `serve_forever`, from a signal handler or another thread; before it, prevent it."""
        self._ended.set()
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._end.set)

    async def _serve(self) -> None:
        runner = web.AppRunner(
            self._application(),
            access_log=None,
            logger=log,
            handle_signals=False,
            handler_cancellation=True,
            keepalive_timeout=self._idle_s,
            lingering_time=_LINGER_S,
            shutdown_timeout=_END_S,
        )
        await runner.setup()
        server = runner.server
        assert server is not None

        loop = asyncio.get_running_loop()

        def connected() -> asyncio.Protocol:
            handler = server()
            self._silent.add(handler)
            loop.call_later(self._idle_s, self._drop_silent, handler)
            return handler

        self._loop = loop
        listening = await loop.create_server(
            lambda: _Door(server, connected), sock=self.address.socket
        )
        if self._ended.is_set():
            self._end.set()
        try:
            await self._end.wait()
        finally:
            self._loop = None
            listening.close()
            await runner.cleanup()
            self._making.shutdown(cancel_futures=True)
            self._live = None  # aiohttp keeps handlers of ended servers in a cache

    def _drop_silent(self, handler: web.RequestHandler) -> None:
        if handler in self._silent:
            self._silent.discard(handler)
            handler.force_close()

    def _application(self) -> web.Application:
        application = web.Application(middlewares=[self._checked], client_max_size=1)
        application.on_response_prepare.append(self._add_headers)
        application.router.add_route("*", "/{path:.*}", self._answer)
        if self._live is not None:
            application.on_shutdown.append(self._part)
        return application

    async def _part(self, application: web.Application) -> None:
        if self._live is not None:
            await self._live.close(application)

    async def _add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(self._headers)
        response.headers.pop("Server", None)

    @web.middleware
    async def _checked(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse requests that are not meant for this server, and close their connections."""
        self._silent.discard(request.protocol)
        try:
            if not self.address.knows(request.headers.getall("Host", [])):
                raise web.HTTPForbidden(text="This server answers to its own name only.")
            if self.address.path_within(request.raw_path) is None:
                raise web.HTTPForbidden(text="This address lacks the token that `serve` printed.")
            return await handler(request)
        except web.HTTPException as refusal:
            refusal.force_close()
            raise

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.method not in ("GET", "HEAD"):
            raise web.HTTPMethodNotAllowed(request.method, ["GET", "HEAD"])
        name = self.address.path_within(request.raw_path) or "index.html"
        sound = None if self._live is None else self._live.sound
        if name == SOUND and sound is not None and not (self._folder / SOUND).is_file():
            return await sound.send(request)
        if self._make is not None and name in self._made:
            loop = asyncio.get_running_loop()
            try:
                content = await loop.run_in_executor(self._making, self._make, name)
            except InputError as error:
                log.warning("%s", error)
                raise web.HTTPServiceUnavailable(text="The scene cannot be read.") from error
            return _typed(_Made(body=content), name)
        if name != SOCKET or self._live is None:
            return self._file(name)
        if not same_origin(request.headers.getall("Origin", []), request.headers["Host"]):
            raise web.HTTPForbidden(text="Only the page of this server gets pictures.")
        return await self._live.handle(request)

    def _file(self, name: str) -> web.StreamResponse:
        path = self._folder / name
        if name.endswith("/") or len(name) > 200 or not path.is_file():
            raise web.HTTPNotFound
        return _typed(_File(path), name)


class _File(web.FileResponse):
    """A file whose visitor is dropped if it does not read."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        try:
            async with asyncio.timeout(_SLOWEST_S):
                return await super().prepare(request)
        except TimeoutError as error:
            raise ConnectionResetError("the visitor does not read") from error


class _Made(web.Response):
    """Bytes whose visitor is dropped if it does not read."""

    async def write_eof(self, data: bytes = b"") -> None:
        try:
            async with asyncio.timeout(_SLOWEST_S):
                await super().write_eof(data)
        except TimeoutError as error:
            raise ConnectionResetError("the visitor does not read") from error


def _typed(response: web.StreamResponse, name: str) -> web.StreamResponse:
    """Return ``response`` with the type of the file ``name``."""
    kind = _TYPES.get(Path(name).suffix, "application/octet-stream")
    response.content_type = kind
    if kind.startswith(_TEXTS):
        response.charset = "utf-8"
    return response


class _Door(asyncio.Protocol):
    """A new connection; it is closed at once if it is one too many."""

    def __init__(self, server: web.Server, connected: Callable[[], asyncio.Protocol]) -> None:
        """Lead to what ``connected`` returns."""
        self._server = server
        self._connected = connected

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        address = _address_of(transport)
        others = [_address_of(each.transport) for each in self._server.connections]
        if len(others) >= _MOST_CONNECTIONS or (
            not is_local(address)
            and sum(peer_of(each) == peer_of(address) for each in others) >= _MOST_OF_A_PEER
        ):
            return transport.abort()
        handler = self._connected()
        transport.set_protocol(handler)
        return handler.connection_made(transport)


def _address_of(transport: asyncio.BaseTransport | None) -> str:
    name = None if transport is None else transport.get_extra_info("peername")
    return str(name[0]) if name else ""


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """Return False for the library's tracebacks of malformed requests; they are answered."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, http.HttpProcessingError)


log.addFilter(_is_worth_a_line)
