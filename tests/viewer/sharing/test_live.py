"""Pictures over a WebSocket: pages, and visitors that mean harm."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import struct
import threading
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from nerv360.geometry import Look
from nerv360.viewer.sharing import Live, WebServer
from nerv360.viewer.sharing.address import Address
from nerv360.viewer.sharing.live import Outbox
from nerv360.viewer.sharing.messages import Ask
from tests.support.fake_engine import FakeEngine
from tests.support.serving import PATIENCE_S, answer, running, shared_decoding, status
from tests.support.sphere_scene import FRAMES, sphere_scene

UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@pytest.fixture
def live() -> Iterator[Live]:
    with shared_decoding(sphere_scene(partial(FakeEngine, (90, 160), frames=FRAMES))) as decoding:
        yield Live(decoding, "sphere", 6, stall_s=2.0)


@pytest.fixture
def address(
    live: Live, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Iterator[Address]:
    (tmp_path / "index.html").write_text("<p>")
    with running(tmp_path, live=live) as address:
        yield address
    assert live.decoding.visitors == 0, "who has left is forgotten"
    assert capfd.readouterr() == ("", "")
    assert caplog.get_records("call") == []


def ask(number: int, **given: object) -> str:
    fields = {
        "id": number, "generation": 1, "decoder": "one", "frame": number % FRAMES,
        "look": [0.1 * number % 6, 0, 0, 1.3], "width": 160,
    }  # fmt: skip
    return json.dumps({"ask": {**fields, **given}})


@asynccontextmanager
async def visit(address: Address) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """Yield a WebSocket as a page of this server opens it."""
    origin = address.url.rstrip("/")
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(address.url + "live", headers={"Origin": origin}) as opened,
    ):
        yield opened


async def heard(opened: aiohttp.ClientWebSocketResponse) -> Any:
    """Return the next message: a text's value, a picture's header, or the code of a close."""
    message = await opened.receive(PATIENCE_S)
    if message.type == aiohttp.WSMsgType.TEXT:
        return json.loads(message.data)
    if message.type == aiohttp.WSMsgType.BINARY:
        length = int.from_bytes(message.data[:4], "little")
        return json.loads(message.data[4 : 4 + length])
    return opened.close_code


def test_a_page_asks_and_gets_pictures(address: Address) -> None:
    async def page() -> None:
        async with visit(address) as opened:
            assert await heard(opened) == {"hello": {"version": 1, "scene": "sphere"}}
            await opened.send_str('{"ping": 17.5}')
            assert await heard(opened) == {"pong": 17.5}
            for number in range(20):
                await opened.send_str(ask(number))
                header = await heard(opened)
                assert (header["id"], header["frame"]) == (number, number % FRAMES)
                await opened.send_str(json.dumps({"seen": header["number"]}))

    asyncio.run(page())


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("not JSON", 1008),
        (b"binary", 1008),
        ("x" * 3000, 1009),
        ("[" * 2000, 1008),
        (ask(1, decoder="three"), 1008),
        (ask(1, frame=10**6), 1008),
        (ask(1, look=[0, 0, 0, 1e99]), 1008),
        ('{"seen": NaN}', 1008),
    ],
)
def test_a_malformed_message_ends_the_visit(
    address: Address, message: str | bytes, code: int
) -> None:
    async def page() -> None:
        async with visit(address) as opened, visit(address) as other:
            assert "hello" in await heard(opened)
            assert "hello" in await heard(other)
            if isinstance(message, str):
                await opened.send_str(message)
            else:
                await opened.send_bytes(message)
            assert await heard(opened) == code
            await other.send_str(ask(3))
            assert (await heard(other))["id"] == 3

    asyncio.run(page())


def upgrade(address: Address, *lines: str, path: str = "/live") -> bytes:
    head = "\r\n".join([f"GET {path} HTTP/1.1", *lines])
    return answer(address.port, f"{head}\r\n{UPGRADE}\r\n".encode())


def test_only_a_page_of_this_server_is_let_in(address: Address) -> None:
    own = f"127.0.0.1:{address.port}"
    for lines in (
        [f"Host: {own}"],
        [f"Host: {own}", "Origin: http://evil.example"],
        [f"Host: {own}", "Origin: null"],
        [f"Host: {own}", "Origin:"],
        [f"Host: {own}", f"Origin: http://127.0.0.1:{address.port + 1}"],
        [f"Host: {own}", f"Origin: http://{own}.evil.example"],
        [f"Host: {own}", f"Origin: http://{own}", f"Origin: http://{own}"],
        ["Host: evil.example", "Origin: http://evil.example"],
    ):
        assert status(upgrade(address, *lines)) == 403
    no_upgrade = f"GET /live HTTP/1.1\r\nHost: {own}\r\nOrigin: http://{own}\r\nConnection: close"
    assert status(answer(address.port, f"{no_upgrade}\r\n\r\n".encode())) == 400


def test_beyond_this_machine_the_token_is_asked_for(live: Live, tmp_path: Path) -> None:
    with running(tmp_path, "0.0.0.0", live) as address:
        origin = ["Host: gpu:1", "Origin: http://gpu:1"]
        for path in ("/live", "//live", f"/{'x' * 24}/live"):
            assert status(upgrade(address, *origin, path=path)) in (400, 403)
        with socket.create_connection(("127.0.0.1", address.port), timeout=PATIENCE_S) as visitor:
            head = "\r\n".join([f"GET /{address.token}/live HTTP/1.1", *origin])
            visitor.sendall(f"{head}\r\n{UPGRADE}\r\n".encode())
            assert visitor.recv(12) == b"HTTP/1.1 101"


def test_one_visitor_too_many_is_told_so(address: Address) -> None:
    async def page() -> None:
        async with visit(address) as first:
            others = [visit(address) for _ in range(5)]
            opened = [await other.__aenter__() for other in others]
            for each in (first, *opened):
                assert "hello" in await heard(each)
            async with visit(address) as last:
                assert await heard(last) == 1013
            for other in others:
                await other.__aexit__(None, None, None)
            async with visit(address) as again:
                assert "hello" in await heard(again)

    asyncio.run(page())


def test_a_flood_ends_the_visit_of_its_sender_only(address: Address) -> None:
    async def page() -> None:
        async with visit(address) as opened, visit(address) as other:
            for _ in range(5000):
                try:
                    await opened.send_str('{"ping": 1}')
                except ConnectionError:
                    break
            while isinstance(await heard(opened), dict):
                pass
            assert opened.close_code in (1008, 1006)
            assert "hello" in await heard(other)
            await other.send_str(ask(3))
            assert (await heard(other))["id"] == 3

    asyncio.run(page())


def frame(text: bytes) -> bytes:
    """Return a text as a client's frame, masked with zeros."""
    return b"\x81\xfe" + struct.pack(">H", len(text)) + bytes(4) + text


def test_visitors_that_never_read_are_dropped_and_stall_nobody(
    address: Address, live: Live
) -> None:
    own = f"127.0.0.1:{address.port}"
    head = f"GET /live HTTP/1.1\r\nHost: {own}\r\nOrigin: http://{own}\r\n{UPGRADE}\r\n"
    deaf = [socket.create_connection(("127.0.0.1", address.port)) for _ in range(4)]
    for visitor in deaf:
        visitor.sendall(head.encode() + frame(ask(1).encode()))

    async def page() -> None:
        async with visit(address) as opened:
            assert "hello" in await heard(opened)
            number = 0
            while live.decoding.visitors > 1:
                number += 1
                await opened.send_str(ask(number))
                header = await heard(opened)
                assert header["id"] == number
                await opened.send_str(json.dumps({"seen": header["number"]}))
                await asyncio.sleep(0.01)
            assert number > 50, "it went on getting pictures"

    asyncio.run(asyncio.wait_for(page(), PATIENCE_S))
    for visitor in deaf:
        visitor.close()


def test_broken_frames_are_refused(address: Address) -> None:
    own = f"127.0.0.1:{address.port}"
    head = f"GET /live HTTP/1.1\r\nHost: {own}\r\nOrigin: http://{own}\r\n{UPGRADE}\r\n".encode()
    for broken in (
        b"\x81\x05hello",  # not masked
        b"\xf1\x80" + bytes(4),  # reserved bits
        b"\x83\x80" + bytes(4),  # an opcode that there is not
        b"\x81\xff" + struct.pack(">Q", 2**62) + bytes(4),  # longer than any memory
        b"\x01\x80" + bytes(4) + b"\x81\x80" + bytes(4),  # a text begins within another
        b"\x89\xfe\x01\x00" + bytes(4 + 256),  # a ping too long
        b"\x81\x82" + bytes(4) + b"\xff\xfe",  # no UTF-8
        b"GET / HTTP/1.1\r\n\r\n",
        bytes(range(256)) * 40,
    ):
        said = answer(address.port, head + broken)
        assert said.startswith(b"HTTP/1.1 101")
        assert len(said) < 2000


def test_who_floods_comes_back_seldom(address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    async def offences() -> int:
        """Offend at once after each greeting; return how often that was possible."""
        for count in range(50):
            async with visit(address) as opened:
                if await heard(opened) == 1013:
                    return count
                await opened.send_str("flood")
                assert await heard(opened) == 1008
        return 50

    assert asyncio.run(offences()) == 50, "this machine has no limits"
    monkeypatch.setattr("nerv360.viewer.sharing.peers.is_local", lambda address: False)
    assert asyncio.run(offences()) < 5


def test_changes_of_the_decoder_cost_more_than_other_messages(address: Address) -> None:
    async def page() -> None:
        async with visit(address) as opened, visit(address) as other:
            for number in range(20):
                try:
                    await opened.send_str(ask(number, decoder=("one", "two")[number % 2]))
                except ConnectionError:
                    break
            while isinstance(await heard(opened), dict):
                pass
            assert opened.close_code in (1008, 1006)
            assert "hello" in await heard(other)
            await other.send_str(ask(3))
            assert (await heard(other))["id"] == 3

    asyncio.run(page())


def test_a_comparison_does_not_count_as_changes_of_the_decoder(address: Address) -> None:
    async def page() -> None:
        async with visit(address) as opened:
            assert "hello" in await heard(opened)
            for number in range(20):
                side = number % 2
                await opened.send_str(ask(number, decoder=("one", "two")[side], side=side))
                header = await heard(opened)
                assert header["id"] == number
                await opened.send_str(json.dumps({"seen": header["number"]}))

    asyncio.run(page())


def test_a_visitor_that_lies_about_its_pictures_takes_little_memory(live: Live) -> None:
    outbox, delivered = Outbox(), threading.Semaphore(0)

    def deliver(result: object) -> None:
        assert isinstance(result, bytes)
        outbox.put(result)
        delivered.release()

    visitor = live.decoding.join(deliver)
    for number in range(200):
        live.decoding.ask(visitor, Ask(number, 1, "one", Look(), 0, 160))
        assert delivered.acquire(timeout=PATIENCE_S)
        live.decoding.seen(visitor, 2**53)
    kept = 0
    while outbox.take() is not None:
        kept += 1
    assert kept == 8
    live.decoding.leave(visitor)


def test_a_server_that_has_ended_keeps_nothing(tmp_path: Path) -> None:
    with shared_decoding(sphere_scene(partial(FakeEngine, (90, 160), frames=FRAMES))) as decoding:
        live = Live(decoding, "sphere", 2)
        ended = weakref.ref(live)

        async def page(address: Address) -> None:
            async with visit(address) as opened:
                assert "hello" in await heard(opened)

        with running(tmp_path, live=live) as address:
            asyncio.run(page(address))
    del live
    gc.collect()
    assert ended() is None


def test_the_end_of_the_server_is_told(live: Live, tmp_path: Path) -> None:
    address = Address()
    with WebServer(tmp_path, address, live) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()

        async def page() -> object:
            async with visit(address) as opened:
                assert "hello" in await heard(opened)
                server.shutdown()
                return await heard(opened)

        assert asyncio.run(page()) == 1001
        serving.join(PATIENCE_S)
        assert not serving.is_alive()
