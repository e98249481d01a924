"""A server of a page on another thread, and raw requests to it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nerv360.viewer.decode import OpenScene
from nerv360.viewer.sharing import Address, Live, SharedDecoding, WebServer

PATIENCE_S = 60.0


@contextlib.contextmanager
def running(
    folder: Path, host: str = "127.0.0.1", live: Live | None = None, **given: Any
) -> Iterator[Address]:
    """Yield the address of a server of ``folder``."""
    address = Address(host)
    with WebServer(folder, address, live, **given) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield address
        finally:
            server.shutdown()
            serving.join(PATIENCE_S)
    assert not serving.is_alive()


@contextlib.contextmanager
def shared_decoding(scene: OpenScene) -> Iterator[SharedDecoding]:
    """Yield what decodes for visitors; its thread ends also if the test fails."""
    shared = SharedDecoding(scene)
    try:
        yield shared
    finally:
        shared.stop()


def answer(port: int, request: bytes, host: str = "127.0.0.1") -> bytes:
    """All that the server says to these bytes until it closes the connection."""
    with socket.create_connection((host, port), timeout=PATIENCE_S) as visitor:
        with contextlib.suppress(ConnectionError):
            visitor.sendall(request)
        parts = []
        with contextlib.suppress(ConnectionError):
            while part := visitor.recv(1 << 16):
                parts.append(part)
    return b"".join(parts)


def get(path: str, *hosts: str, method: str = "GET", more: str = "") -> bytes:
    """Return a request after which the connection closes."""
    lines = [f"{method} {path} HTTP/1.1", *(f"Host: {host}" for host in hosts)]
    text = "\r\n".join([*lines, "Connection: close", ""]) + "\r\n"
    return (text[:-2] + more + "\r\n").encode("latin-1")


def status(said: bytes) -> int:
    """Return the status of an answer."""
    assert said.startswith(b"HTTP/1."), said[:200]
    return int(said.split()[1])
