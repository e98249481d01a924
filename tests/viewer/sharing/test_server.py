"""The server that `nerv360 serve` runs: whom it answers, what it refuses, visitors that leave."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nerv360.errors import InputError
from nerv360.viewer.sharing import Address, check_host
from tests.support.serving import answer, get, running, status

_AT_ONCE = struct.pack("ii", 1, 0)
"""A closed connection is reset, and what was on the way is thrown away."""
OWN = "Host: localhost\r\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "scene").mkdir()
    (tmp_path / "scene" / "unpack.js").write_text("export {}; // unpack")
    (tmp_path / "index.html").write_text("<p>")
    (tmp_path / "still.avif").write_bytes(bytes(range(100)))
    return tmp_path


@pytest.fixture
def port(
    folder: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Iterator[int]:
    """Yield the port of a server of a small page, which must say nothing."""
    with running(folder, idle_s=2.0) as address:
        yield address.port
    assert capfd.readouterr() == ("", "")
    assert caplog.get_records("call") == []


@pytest.fixture
def served(port: int) -> Callable[..., int]:
    """Return a function that tells the status of the answer to a path and Hosts."""

    def ask(path: str, *hosts: str, method: str = "GET") -> int:
        said = answer(port, get(path, *hosts, method=method))
        assert b"unpack" not in said or path.endswith("unpack.js"), "a folder is not listed"
        return status(said)

    return ask


def test_one_address_cannot_take_all_connections(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def let_in(address: Address) -> int:
        visitors = []
        for _ in range(100):
            with contextlib.suppress(ConnectionError):
                visitor = socket.create_connection(("127.0.0.1", address.port), timeout=60)
                visitors.append(visitor)
        count = 0
        for visitor in visitors:
            with contextlib.suppress(ConnectionError), visitor:
                visitor.sendall(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                count += visitor.recv(15) == b"HTTP/1.1 200 OK"
        return count

    with running(folder) as address:
        assert let_in(address) == 100
    monkeypatch.setattr("nerv360.viewer.sharing.server.is_local", lambda address: False)
    with running(folder) as address:
        assert let_in(address) == 64


def test_a_visitor_that_leaves_in_the_middle_is_no_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "scene.bin").write_bytes(bytes(1 << 24))
    with (
        running(tmp_path) as address,
        socket.create_connection(("127.0.0.1", address.port), timeout=60) as visitor,
    ):
        visitor.sendall(b"GET /scene.bin HTTP/1.0\r\nHost: localhost\r\n\r\n")
        assert visitor.recv(12) == b"HTTP/1.0 200"
        visitor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:8360", "localhost", "LOCALHOST:9999", "[::1]:8360", "[::1]", "::1"],
)
def test_it_answers_to_the_names_of_this_machine(served: Callable[..., int], host: str) -> None:
    assert served("/", host) == 200
    assert served("/scene/unpack.js", host, method="HEAD") == 200


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
    assert served("/", *hosts) in (400, 403)
    assert served("/scene/unpack.js", *hosts, method="HEAD") in (400, 403)


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
    assert served(path, "localhost") in (400, 404)


def test_it_says_how_a_browser_may_use_its_files(port: int) -> None:
    head, _, body = answer(port, get("/scene/unpack.js", "localhost")).partition(b"\r\n\r\n")
    lines = {line.split(b": ")[0].lower(): line.split(b": ")[1] for line in head.split(b"\r\n")[1:]}
    assert body == b"export {}; // unpack"
    assert lines[b"content-type"] == b"text/javascript; charset=utf-8"
    assert lines[b"x-content-type-options"] == b"nosniff"
    assert lines[b"cross-origin-resource-policy"] == b"same-origin"
    assert b"frame-ancestors 'none'" in lines[b"content-security-policy"]
    assert b"default-src 'none'" in lines[b"content-security-policy"]
    assert b"server" not in lines
    refused = answer(port, get("/scene/", "localhost"))
    assert b"nosniff" in refused


def test_parts_of_a_file_are_served(port: int) -> None:
    for wanted, code, expected in (
        ("bytes=10-19", 206, bytes(range(10, 20))),
        ("bytes=-5", 206, bytes(range(95, 100))),
        ("bytes=90-", 206, bytes(range(90, 100))),
        ("bytes=100-", 416, None),
    ):
        said = answer(port, get("/still.avif", "localhost", more=f"Range: {wanted}\r\n"))
        head, _, body = said.partition(b"\r\n\r\n")
        assert status(head) == code
        assert expected is None or body == expected
    known = answer(port, get("/still.avif", "localhost"))
    tag = next(line for line in known.decode("latin-1").split("\r\n") if line.startswith("Etag"))
    again = get("/still.avif", "localhost", more=f"If-None-Match: {tag[6:]}\r\n")
    assert status(answer(port, again)) == 304


def hostile_requests() -> list[bytes]:
    """Return requests that no browser sends for a page, or for a page of others."""
    paths = [
        "/%00", "/%2500", "/\\..\\etc\\passwd", "/..", "/../", "/./", "/.", "//", "///", "/scene",
        "/scene/../index.html", "/scene/..%2findex.html", "/%2e%2e/", "/%252e%252e/etc/passwd",
        "/etc/passwd", "/index.html%00.js", "/index.html%20", "/index.html.", "/INDEX.HTML",
        "/.htaccess", "/.git/config", "/~root/", "/proc/self/environ", "/index.html;a=b",
        "/cgi-bin/x", "/index.html#", "/scene%5cunpack.js", "/scene/unpack.js%0d%0aX:%20y",
        "/%c0%ae%c0%ae/", "/" + "%41" * 3000, "/" + "x" * 70000, "/?" + "q" * 9000,
        "http://localhost/index.html", "file:///etc/passwd", "localhost:80", "", "/\t", "/\x7f",
        "/\x80", "/index.html\x00",
    ]  # fmt: skip
    methods = ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "PROPFIND"]
    methods += ["get", "G ET", "G\x00T", "(){:;}", "X" * 9000]
    whole = [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / SPDY/3\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
        b"\x00" * 4096,
        b"\xff" * 100_000,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"SSH-2.0-x\r\n",
        b"GET /index.html\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n folded: x\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\nHost: evil.example\n\n",
    ]
    fields = [
        "Host: evil.example\r\n",
        "Host: 127.0.0.1\r\nHost: 127.0.0.1\r\n",
        "Host: localhost, evil.example\r\n",
        "Host: localhost/\r\n",
        "Host: localhost\x00\r\n",
        "Host : localhost\r\n",
        OWN + "Content-Length: 5\r\nContent-Length: 6\r\n",
        OWN + "Content-Length: -1\r\n",
        OWN + "Content-Length: 1e3\r\n",
        OWN + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        OWN + "Transfer-Encoding: chunked, chunked\r\n",
        OWN + "Transfer-Encoding: xchunked\r\n",
        OWN + "X" * 9000 + ": y\r\n",
        OWN + "X: " + "y" * 70000 + "\r\n",
        OWN + "".join(f"X{k}: y\r\n" for k in range(2000)),
        OWN + "X\x00: y\r\n",
        OWN + "no colon here\r\n",
        OWN + ": empty\r\n",
        OWN + "Range: bytes=99999999999999999999-\r\n",
        OWN + "Range: bytes=5-1\r\n",
        OWN + "Range: bytes=" + ",".join(["0-1"] * 900) + "\r\n",
        OWN + "Range: apples=0-1\r\n",
    ]
    return [
        *(get(path, "localhost") for path in paths),
        *(get("/index.html", "localhost", method=method) for method in methods),
        *whole,
        *(
            f"GET /index.html HTTP/1.1\r\n{field}Connection: close\r\n\r\n".encode("latin-1")
            for field in fields
        ),
    ]


def test_hostile_requests_are_refused(port: int) -> None:
    requests = hostile_requests()
    assert len(requests) >= 75
    for request in requests:
        said = answer(port, request)
        assert said == b"" or 400 <= status(said) < 500, (request[:200], said[:300])
        assert b"<p>" not in said
        assert b"Traceback" not in said
    assert status(answer(port, get("/", "localhost"))) == 200


def test_requests_that_never_end_are_dropped(port: int) -> None:
    begun = time.monotonic()
    slow = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(300)]
    for visitor in slow[::2]:
        visitor.sendall(b"GET /index.html HTTP/1.1\r\nHost: local")
    for visitor in slow:
        with contextlib.suppress(ConnectionError):
            assert visitor.recv(1) == b""
        visitor.close()
    assert time.monotonic() - begun < 30
    assert status(answer(port, get("/", "localhost"))) == 200


def test_a_body_is_not_waited_for(port: int) -> None:
    begun = time.monotonic()
    more = "Content-Length: 1000000000\r\n"
    said = answer(port, get("/index.html", "localhost", method="POST", more=more))
    assert status(said) == 405
    assert time.monotonic() - begun < 10


def test_beyond_this_machine_a_token_is_asked_for(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with running(folder, "0.0.0.0") as address:
        assert address.token is not None
        assert len(address.token) >= 20
        assert address.url == f"http://{socket.gethostname()}:{address.port}/{address.token}/"
        tokens = ["", address.token[:-1], address.token + "x", address.token.lower(), "%00", "é"]
        for host in ("localhost", "10.0.0.7:8360", "gpu.example"):
            port, page = address.port, f"/{address.token}/"
            assert status(answer(port, get(page, host))) == 200
            assert status(answer(port, get(f"{page}scene/unpack.js", host))) == 200
            assert status(answer(port, get(f"{page}scene/", host))) == 404
            for token in tokens:
                said = answer(port, get(f"/{token}/index.html", host))
                assert status(said) in (400, 403)
                assert address.token.encode() not in said
        assert status(answer(address.port, get("/index.html", "localhost"))) == 403
        assert status(answer(address.port, get(f"/{address.token}", "localhost"))) == 404
        assert status(answer(address.port, get(page, "a", "b"))) in (400, 403)
    assert capfd.readouterr() == ("", "")


def test_an_address_that_cannot_be_used_is_a_sentence() -> None:
    with pytest.raises(
        InputError, match=r"no\.such\.name\.invalid is not a name or address of this machine"
    ):
        check_host("no.such.name.invalid")
    with pytest.raises(
        InputError, match=r"203\.0\.113\.9 is not a name or address of this machine"
    ):
        check_host("203.0.113.9")
    check_host("127.0.0.1")
    one = Address()
    with one.socket, pytest.raises(InputError, match=f"{one.port} is taken or not allowed"):
        Address(port=one.port)


def test_the_host_of_its_own_url_is_known() -> None:
    address = Address("127.0.0.2")
    with address.socket:
        assert address.url == f"http://127.0.0.2:{address.port}/"
        assert address.knows([f"127.0.0.2:{address.port}"])
        assert address.knows([f"localhost:{address.port}"])
        for other in ("127.0.0.3", "127x0.0.2", "127.0.0.2.evil.example", "evil.example"):
            assert not address.knows([f"{other}:{address.port}"])
