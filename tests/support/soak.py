"""Uses the installed program in a real window as a restless hand does, for as long as one likes."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import psutil

from nerv360.viewer.input.keymap import CHARACTERS, KEYMAP
from nerv360.viewer.paths import DEMO
from tests.support.broken_scenes import Parts
from tests.support.hand import XHand
from tests.support.hostile import ORDERS, with_texts

KEYS = tuple(key for binding in KEYMAP for key in binding.keys if key != "ESCAPE")
_SIZES = ((640, 360), (1280, 720), (200, 400), (160, 90), (900, 500))
_START_S = 120.0
_END_S = 60.0


@dataclass
class Story:
    """Record of all that was done to the program, and of how it bore it.

    Attributes:
        events: what the hand did, in order.
        exit_code: the program's, after Esc; negative where a signal ended it.
        log: what it printed.
        resident: seconds since the beginning and bytes resident, in order.
        libraries: files that it had mapped before Esc.
        dropped: how many drops the window has taken.
    """

    events: list[str] = field(default_factory=list)
    exit_code: int | None = None
    log: str = ""
    resident: list[tuple[float, int]] = field(default_factory=list)
    libraries: set[str] = field(default_factory=set)
    dropped: int = 0


def soak(seconds: float, seed: int, folder: Path) -> Story:
    """Run ``nerv360 view`` with everything that it writes in ``folder``.

    First comes C sixteen times, then every key of the keymap in some order, then anything until
    ``seconds`` have passed, then Esc. The story ends early if the program does.
    """
    story, log = Story(), folder / "log"
    files = list(_droppable(folder))
    command = [str(Path(sys.executable).with_name("nerv360")), "view", "--size", "640x360"]
    environment = {
        **os.environ,
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_PICTURES_DIR": str(folder / "pictures"),
    }
    with log.open("wb") as output, _started(command, folder, environment, output) as program:
        window = _window(program, log)
        hand, choose = RestlessHand(window, files, story), random.Random(seed)
        began = time.monotonic()
        story.resident.append((0.0, psutil.Process(program.pid).memory_info().rss))
        for act in hand.acts(choose, lambda: time.monotonic() - began > seconds):
            if program.poll() is not None:
                break
            try:
                act()
            except subprocess.CalledProcessError:
                break  # the window is gone
            seconds_in = time.monotonic() - began
            if program.poll() is None:
                story.resident.append((seconds_in, psutil.Process(program.pid).memory_info().rss))
        if program.poll() is None:
            story.libraries = {m.path for m in psutil.Process(program.pid).memory_maps()}
            hand.press("ESCAPE")
        try:
            story.exit_code = program.wait(_END_S)
        except subprocess.TimeoutExpired:
            story.events.append(f"still running {_END_S:.0f} s after Esc")
    story.log = log.read_text(errors="replace")
    return story


def grown_bytes(resident: list[tuple[float, int]]) -> int:
    """Return the bytes that a program holds more in the last quarter of a story than in the second.

    They are those of half of the time, so that one large scene does not count.
    """
    end = resident[-1][0]

    def typical(begin: float, until: float) -> float:
        return median([size for t, size in resident if begin * end <= t <= until * end])

    return round(typical(0.75, 1.0) - typical(0.25, 0.5))


class RestlessHand:
    """Does one thing after another to the window of another program, and writes it down."""

    def __init__(self, window: int, files: list[Path], story: Story) -> None:
        self._window, self._files, self._story = window, files, story
        self._hand = XHand()

    def acts(self, choose: random.Random, over: Callable[[], bool]) -> Iterator[Callable[[], None]]:
        """Acts to do next, until it is over; the keys all come first."""
        for _ in range(16):
            yield lambda: self.press("C")
            yield lambda: time.sleep(choose.uniform(0.0, 0.5))
        keys = [*KEYS]
        choose.shuffle(keys)
        for key in keys:
            yield lambda key=key: self.press(key, choose.uniform(0.0, 0.15))  # type: ignore[misc]
        anything: list[Callable[[random.Random], None]] = [
            self._key, self._key, self._drag, self._zoom, self._resize, self._drop, self._pause,
        ]  # fmt: skip
        for act in anything:
            yield lambda act=act: act(choose)  # type: ignore[misc]
        while not over():
            act = choose.choice(anything)
            yield lambda act=act: act(choose)  # type: ignore[misc]

    def press(self, key: str, seconds: float = 0.0) -> None:
        """Hold a key for so long."""
        self._note(f"key {key}")
        self._focus()
        if key in CHARACTERS:
            self._hand.character(key)
        else:
            self._hand.key(key, True)
            time.sleep(seconds)
            self._hand.key(key, False)

    def _key(self, choose: random.Random) -> None:
        self.press(choose.choice(KEYS), choose.uniform(0.0, 0.3))

    def _drag(self, choose: random.Random) -> None:
        points = [(choose.randrange(10, 600), choose.randrange(10, 340)) for _ in range(6)]
        self._note(f"drag {points}")
        self._hand.move(*points[0])
        self._hand.button(True)
        for point in points[1:]:
            self._hand.move(*point)
            time.sleep(choose.uniform(0.0, 0.05))
        self._hand.button(False)

    def _zoom(self, choose: random.Random) -> None:
        steps = choose.choice((-9, -2, 2, 9))
        self._note(f"wheel {steps}")
        self._hand.wheel(steps)

    def _resize(self, choose: random.Random) -> None:
        width, height = choose.choice(_SIZES)
        self._note(f"resize {width}x{height}")
        _xdotool("windowsize", str(self._window), str(width), str(height))

    def _drop(self, choose: random.Random) -> None:
        paths = choose.sample(self._files, choose.choice((1, 1, 2)))
        self._note(f"drop {[os.fsencode(path.name) for path in paths]}")
        command = [sys.executable, "-m", "tests.support.xdnd", str(self._window)]
        finished = subprocess.run([*command, *map(os.fsencode, paths)], check=False)
        self._story.dropped += finished.returncode == 0

    def _pause(self, choose: random.Random) -> None:
        time.sleep(choose.uniform(0.0, 1.0))

    def _focus(self) -> None:
        # No window manager runs on a virtual screen, and who leaves full screen has no keyboard.
        _xdotool("windowfocus", str(self._window))

    def _note(self, event: str) -> None:
        self._story.events.append(event)


@contextmanager
def _started(
    command: list[str], folder: Path, environment: dict[str, str], output: object
) -> Iterator[subprocess.Popen[bytes]]:
    program = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=output,
        stderr=subprocess.STDOUT,  # type: ignore[call-overload]
    )
    try:
        yield program
    finally:
        if program.poll() is None:
            program.kill()
        program.wait()


def _window(program: subprocess.Popen[bytes], log: Path) -> int:
    """Return the program's window, once it shows a picture."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and program.poll() is None:
        if "first picture" in log.read_text(errors="replace"):
            return int(_xdotool("search", "--onlyvisible", "--pid", str(program.pid)).split()[-1])
        time.sleep(0.1)
    raise AssertionError(f"no picture in {_START_S:.0f} s: {log.read_text(errors='replace')}")


def _xdotool(*arguments: str) -> str:
    command = ["xdotool", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout


def _droppable(folder: Path) -> Iterator[Path]:
    """Files of every kind that somebody may drop."""
    scene = folder / "another scene ä.safetensors"
    shutil.copyfile(DEMO, scene)
    yield scene
    path = folder / "path.csv"
    path.write_text(
        "t_s,frame,yaw_deg,pitch_deg,roll_deg,hfov_deg\n"
        + "".join(f"{i / 10},{i},{i},{-i / 2},0,78\n" for i in range(20))
    )
    yield path
    broken = folder / "broken.safetensors"
    broken.write_bytes(DEMO.read_bytes()[:5000])
    yield broken
    parts = Parts(DEMO.read_bytes())
    with_texts(ORDERS)(parts)
    hostile = folder / "hostile\x1b[2J.safetensors"
    hostile.write_bytes(parts.bytes())
    yield hostile
    for name, content in (("holiday.jpg", b"\xff\xd8\xff"), (os.fsdecode(b"odd\xff.csv"), b"\xfe")):
        (folder / name).write_bytes(content)
        yield folder / name
    yield folder / "missing.safetensors"
