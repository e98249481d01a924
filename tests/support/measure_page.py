"""Measure the page of `nerv360 serve` in Chromium, decoded by the server and by the browser.

    python -m tests.support.measure_page -o docs/benchmarks/page-2-cores.json

Rates are in pictures per second, while a key turns the view and the clip plays. The page is
measured in turns with the engine by itself (a `DecodeWorker`, as the window has), because a shared
machine changes from minute to minute. Without a graphics card the processor draws the page, too: a
small view shows how much of the engine's rate the server and the link let through.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import math
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from nerv360.geometry import Look
from nerv360.scene import read_scene
from nerv360.viewer.decode import DecodeWorker, Request
from nerv360.viewer.opening import DeviceChoice, prepare_scene
from nerv360.viewer.paths import DEMO
from tests.support.browser import DRAWS, Browser, browser
from tests.support.link import slow_link

SECONDS = 8.0
ROUNDS = 3
WIDTH, HEIGHT = 1280, 720
WATCH = """
const Plain = WebSocket;
const asked = new Map();
window.ages = [];
window.took = [];
let newest = null;
window.WebSocket = class extends Plain {
  constructor(...given) {
    super(...given);
    this.addEventListener("message", ({ data }) => {
      if (typeof data === "string") return;
      const length = new DataView(data).getUint32(0, true);
      const { id } = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
      newest = asked.get(id);
      for (const each of asked.keys()) if (each < id) asked.delete(each);
      if (newest) window.took.push(performance.now() - newest);
    });
  }
  send(text) {
    const { ask } = JSON.parse(text);
    if (ask) asked.set(ask.id, performance.now());
    super.send(text);
  }
};
window.frames_ = 0;
const sample = (now) => {
  window.frames_ += 1;
  if (newest) window.ages.push(performance.now() - newest);
  requestAnimationFrame(sample);
};
requestAnimationFrame(sample);
"""


@contextlib.contextmanager
def served(*options: str) -> Iterator[tuple[str, psutil.Process]]:
    """Serve the demo from a process of its own; yield its address and process."""
    command = [sys.executable, "-m", "nerv360.viewer", "serve", "--no-browser", "--port", "0"]
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[0], psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(60)


def engine_rate() -> float:
    """Measure the engine by itself, while the look turns and the clip plays."""
    scene = prepare_scene(read_scene(DEMO), DEMO, DeviceChoice("cpu"))
    worker = DecodeWorker()
    worker.open(scene.source(scene.decoders[0]))
    begun, count = time.monotonic(), 0
    try:
        while time.monotonic() < begun + SECONDS + 2:
            seconds = time.monotonic() - begun
            frame = int(seconds * scene.fps) % scene.frames
            worker.request(Request(Look(yaw=0.35 * seconds % math.tau), WIDTH / HEIGHT, frame))
            time.sleep(0.005)
            with worker.results() as results:
                count += len(results.pictures) if seconds > 2 else 0
    finally:
        worker.stop()
    return count / SECONDS


def turned(page: Browser, seconds: float) -> dict[str, float]:
    """Turn the view by a key that is held, and tell what the page saw."""
    key = {"key": "ArrowRight", "code": "ArrowRight", "windowsVirtualKeyCode": 39}
    page.devtools("Input.dispatchKeyEvent", type="rawKeyDown", **key)
    time.sleep(2)
    page.run("window.ages = []; window.took = []; window.frames_ = 0")
    begun = time.monotonic()
    time.sleep(seconds)
    arrivals, frames, ages = page.run("return [window.took, window.frames_, window.ages]")
    took = time.monotonic() - begun
    page.devtools("Input.dispatchKeyEvent", type="keyUp", **key)
    found = {"pictures_per_s": len(arrivals) / took, "display_per_s": frames / took}
    if arrivals:
        found["arrived_after_median_ms"] = statistics.median(arrivals)
    if ages:
        ages.sort()
        found["age_median_ms"] = statistics.median(ages)
        found["age_95_percent_ms"] = ages[int(0.95 * len(ages))]
    return found


def opened(page: Browser, url: str, size: tuple[int, int]) -> None:
    """Load the page, with a watch on its messages."""
    with page.prepared(WATCH):
        page.open(url, *size)
        page.wait(lambda: page.shown("shown") == "decoded")
    time.sleep(3)


def by_server(page: Browser, url: str, size: tuple[int, int]) -> dict[str, Any]:
    """Measure the engine by itself and the page that the server decodes, in turns."""
    rounds = []
    for _ in range(ROUNDS):
        engine = engine_rate()
        opened(page, url, size)
        found = turned(page, SECONDS)
        page.driver.get("about:blank")
        rounds.append({"engine_by_itself_per_s": engine, **found})
    ratios = [each["pictures_per_s"] / each["engine_by_itself_per_s"] for each in rounds]
    return {"size": size, "rounds": rounds, "page_over_engine_median": statistics.median(ratios)}


def by_browser(page: Browser, url: str) -> float:
    """Return the seconds that the page takes for a picture that it decodes itself."""
    page.open(url, WIDTH, HEIGHT)
    page.wait(lambda: page.shown("shown") == "decoded")
    page.run("document.getElementById('place').click()")
    page.wait(lambda: re.search(r"\d fps", page.text("place-browser")))
    time.sleep(20)
    latency = page.text("decode").rpartition(", ")[2]
    found = re.fullmatch(r"([\d.]+) (ms|s)", latency)
    page.driver.get("about:blank")
    assert found is not None, latency
    return float(found[1]) / (1000 if found[2] == "ms" else 1)


def kept_mib(page: Browser) -> float:
    """Return what the page's scripts hold after a collection of garbage, MiB."""
    page.devtools("HeapProfiler.collectGarbage")
    used: int = page.devtools("Runtime.getHeapUsage")["usedSize"]
    return used / 2**20


def far_away(
    page: Browser, url: str, process: psutil.Process, size: tuple[int, int], minutes: float
) -> dict[str, Any]:
    """Measure the page over a link of 100 ms and 20 Mbit/s, and the memory of both ends."""
    port = int(url.rsplit(":", 1)[1].strip("/"))
    with slow_link(port, 0.1, 20e6) as link:
        opened(page, f"http://127.0.0.1:{link.port}/", size)
        found: dict[str, Any] = {"size": size, **turned(page, SECONDS)}
        found["says"] = page.text("place-server")
        memory = []
        end = time.monotonic() + 60 * minutes
        while time.monotonic() < end:
            turned(page, 20)
            memory.append([kept_mib(page), process.memory_info().rss / 2**20])
        found["page_and_server_mib"] = memory
        page.driver.get("about:blank")
    return found


async def _visit(session: aiohttp.ClientSession, url: str, seconds: float) -> int:
    """Ask for pictures without a pause; return their number."""
    count, end = 0, time.monotonic() + seconds
    async with session.ws_connect(url + "live", headers={"Origin": url.rstrip("/")}) as opened:
        await opened.receive()
        while time.monotonic() < end:
            await opened.send_json({"ask": _ask(count)})
            data = (await opened.receive()).data
            header = json.loads(data[4 : 4 + int.from_bytes(data[:4], "little")])
            await opened.send_json({"seen": header["number"]})
            count += 1
    return count


async def _stream(url: str, seconds: float) -> float:
    """Ask as a page at 60 Hz does, and show nothing; return the pictures per second."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url + "live", headers={"Origin": url.rstrip("/")}) as opened,
    ):

        async def ask() -> None:
            for number in itertools.count():
                await opened.send_json({"ask": _ask(number)})
                await asyncio.sleep(1 / 60)

        await opened.receive()
        asking = asyncio.create_task(ask())
        count, begun = 0, time.monotonic()
        while time.monotonic() < begun + seconds + 1:
            data = (await opened.receive()).data
            header = json.loads(data[4 : 4 + int.from_bytes(data[:4], "little")])
            await opened.send_json({"seen": header["number"]})
            count += time.monotonic() > begun + 1
        asking.cancel()
    return count / seconds


def without_browser(url: str) -> dict[str, Any]:
    """Measure the engine by itself and the server for a visitor that draws nothing, in turns."""
    rounds = [
        {
            "engine_by_itself_per_s": engine_rate(),
            "server_per_s": asyncio.run(_stream(url, SECONDS)),
        }
        for _ in range(ROUNDS + 2)
    ]
    ratios = [each["server_per_s"] / each["engine_by_itself_per_s"] for each in rounds]
    return {"rounds": rounds, "server_over_engine_median": statistics.median(ratios)}


async def _crowd(url: str, seconds: float) -> list[int]:
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as deaf,
    ):
        for _ in range(5):
            silent = await deaf.ws_connect(
                url + "live", headers={"Origin": url.rstrip("/")}, autoping=False
            )
            for number in range(50):
                await silent.send_json({"ask": _ask(number)})
        return await asyncio.gather(*(_visit(session, url, seconds) for _ in range(15)))


def crowd(url: str, process: psutil.Process, seconds: float = 30) -> dict[str, Any]:
    """Serve twenty visitors, five of whom never read."""
    asyncio.run(come_once(url))
    before = process.memory_info().rss / 2**20
    counts = asyncio.run(_crowd(url, seconds))
    after = process.memory_info().rss / 2**20
    return {
        "pictures_of_each_reader": counts,
        "least_over_most": min(counts) / max(counts),
        "server_mib_before_and_after": [before, after],
    }


def _ask(number: int) -> dict[str, Any]:
    look = [0.1 * number % 6, 0, 0, 1.4]
    return {
        "id": number, "generation": 1, "decoder": "nerv360", "frame": number % 100, "look": look,
        "width": WIDTH,
    }  # fmt: skip


async def come_once(url: str) -> None:
    """Visit for two seconds, so that the engine is open."""
    async with aiohttp.ClientSession() as session:
        await _visit(session, url, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--minutes", type=float, default=5.0, help="for the memory of the far page")
    given = parser.parse_args()
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = {
        "what": __doc__.splitlines()[0],
        "commit": commit.stdout.strip(),
        "machine": {"processor": platform.processor() or platform.machine(),
                    "cores": os.cpu_count(), "load_at_begin": os.getloadavg()[0]},
        "size": [WIDTH, HEIGHT],
    }  # fmt: skip
    sizes = ((WIDTH, HEIGHT), (320, 180))
    with (
        served("--decode", "here", "--visitors", "20") as (url, process),
        tempfile.TemporaryDirectory() as profile,
        browser(Path(profile), *DRAWS) as page,
    ):
        found["twenty visitors, five deaf"] = crowd(url, process)
        found["a visitor that draws nothing"] = without_browser(url)
        found["no delay"] = [by_server(page, url, size) for size in sizes]
        found["browser_s_a_picture"] = by_browser(page, url)
        far = [
            far_away(page, url, process, size, minutes)
            for size, minutes in zip(sizes, (given.minutes, 0.0), strict=True)
        ]
        found["100 ms, 20 Mbit/s"] = far
    found["machine"]["load_at_end"] = os.getloadavg()[0]
    given.o.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
