"""The server that `nerv360 serve` runs, and visitors that leave."""

from __future__ import annotations

import socket
import struct
import threading
from pathlib import Path

import pytest

from viewer.sharing import WebServer

_AT_ONCE = struct.pack("ii", 1, 0)
"""A closed connection is reset, and what was on the way is thrown away."""


def test_a_visitor_that_leaves_in_the_middle_is_no_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "scene.bin").write_bytes(bytes(1 << 24))
    server = WebServer(tmp_path, 0)
    server.daemon_threads = False  # so that closing it waits for answers
    with server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            with socket.create_connection(("127.0.0.1", server.server_port), timeout=60) as visitor:
                visitor.sendall(b"GET /scene.bin HTTP/1.0\r\n\r\n")
                assert visitor.recv(12) == b"HTTP/1.0 200"
                visitor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        finally:
            server.shutdown()
            serving.join()
    assert capfd.readouterr() == ("", "")
