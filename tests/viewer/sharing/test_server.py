"""The server that `nerv360 serve` runs, and visitors that leave."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nerv360.viewer.sharing import WebServer

_AT_ONCE = struct.pack("ii", 1, 0)
"""A closed connection is reset, and what was on the way is thrown away."""


def test_a_visitor_that_leaves_in_the_middle_is_no_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "scene.bin").write_bytes(bytes(1 << 24))
    server = WebServer(tmp_path, 0)
    server.daemon_threads = False  # so that closing it waits for answers
    with server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            with socket.create_connection(("127.0.0.1", server.server_port), timeout=60) as visitor:
                visitor.sendall(b"GET /scene.bin HTTP/1.0\r\nHost: localhost\r\n\r\n")
                assert visitor.recv(12) == b"HTTP/1.0 200"
                visitor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        finally:
            server.shutdown()
            serving.join()
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def served(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[..., int]]:
    """A server of one file in a folder; it tells the status of the answer to a path and Hosts."""
    (tmp_path / "scene").mkdir()
    (tmp_path / "scene" / "lzma.js").write_text("export {};")
    (tmp_path / "index.html").write_text("<p>")

    def ask(path: str, *hosts: str, method: str = "GET") -> int:
        lines = [f"{method} {path} HTTP/1.1", *(f"Host: {host}" for host in hosts)]
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=60) as visitor:
            visitor.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1"))
            visitor.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: visitor.recv(1 << 16), b""))
        assert b"lzma" not in answer, "a folder is not listed"
        return int(answer.split()[1])

    with WebServer(tmp_path, 0) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield ask
        finally:
            server.shutdown()
            serving.join()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:8360", "localhost", "LOCALHOST:9999", "[::1]:8360", "[::1]", "::1"],
)
def test_it_answers_to_the_names_of_this_machine(served: Callable[..., int], host: str) -> None:
    assert served("/", host) == 200
    assert served("/scene/lzma.js", host, method="HEAD") == 200


@pytest.mark.parametrize(
    "hosts",
    [
        ["evil.example"],
        ["evil.example:8360"],
        ["127.0.0.1.evil.example"],
        ["localhost.evil.example"],
        ["evil.example#127.0.0.1"],
        ["localhost@evil.example"],
        ["127.0.0.1:8360:1"],
        ["[::2]"],
        ["0.0.0.0"],
        [""],
        [],
        ["localhost", "evil.example"],
    ],
)
def test_it_answers_to_no_other_name(served: Callable[..., int], hosts: list[str]) -> None:
    assert served("/", *hosts) == 403
    assert served("/scene/lzma.js", *hosts, method="HEAD") == 403


@pytest.mark.parametrize(
    "path",
    [
        "/%00",
        "/scene/%00.js",
        "/scene/",
        "/scene/?x=1",
        "/%ff%fe",
        "/%ed%a0%80",
        "/..%2f..%2fetc%2fpasswd",
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/" + "a" * 5000,
        "/" + "a/" * 5000,
        "/index.html/",
        "/index.html/more",
        "//evil.example/%00",
        "/%",
        "/\x1b[2J\x9b",
        "*",
        "http://evil.example/",
    ],
)
def test_odd_paths_are_not_found(served: Callable[..., int], path: str) -> None:
    assert served(path, "localhost") == 404
