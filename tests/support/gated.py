"""A decoder whose every step waits at a gate that the test opens, under the real application.

Colours tell where they came from: each scene, decoder and frame has a colour of its
own, and what surrounds a picture has that of its decoder's background; in scene B that of the
scene's still panorama, which the pictures of its first two decoders cover.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch

from nerv360.decoding.engine import Picture
from nerv360.geometry import Look
from nerv360.viewer.app import App
from nerv360.viewer.decode import background as decode_background
from nerv360.viewer.decode.background import Background
from nerv360.viewer.decode.open_scene import Cost, EngineSource, OpenScene
from nerv360.viewer.panels.message import MessagePanel
from nerv360.viewer.picture.renderer import CLEAR_COLOUR
from nerv360.viewer.picture.screenshot import capture
from nerv360.viewer.picture.window import Window
from nerv360.viewer.settings import Settings
from tests.support.decoding import watched_workers

DECODERS = ("nerv360", "hnerv", "hnerv-boost")
FRAMES = {"A": 6, "B": 3}
COVERING = {"A": (), "B": DECODERS[:2]}
_POISON = (255, 0, 255)
_LIMIT_S = 60.0

Colour = tuple[int, int, int]
_NOTHING: Colour = tuple(round(255 * share) for share in CLEAR_COLOUR)  # type: ignore[assignment]


def colour(scene: str, decoder: str, frame: int) -> Colour:
    """Return the colour of a picture."""
    return 60 + 120 * list(FRAMES).index(scene), 50 + 70 * DECODERS.index(decoder), 40 + 30 * frame


STILL: Colour = (230, 20, 210)
_STILL = torch.tensor(STILL, dtype=torch.uint8).expand(16, 32, 3).contiguous()
_PIXELS = _STILL.numpy()


class StepFailedError(RuntimeError):
    """End of a step that the test lets fail."""


class Gate:
    """Holds every step of the decoding thread until the test lets it pass or fail.

    Attributes:
        waiting: names of the steps that are held, oldest first.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: list[tuple[str, list[bool]]] = []
        self._parked = False
        self._open = False

    @property
    def waiting(self) -> list[str]:
        with self._changed:
            return [name for name, _ in self._held]

    def step(self, name: str) -> None:
        """Wait; called by the held thread."""
        with self._changed:
            if self._open:
                return
            answer: list[bool] = []
            self._held.append((name, answer))
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: answer or self._open, _LIMIT_S), name
            if answer == [False]:
                raise StepFailedError(f"{name} failed")

    def answer(self, passes: bool) -> None:
        """Let the oldest step pass or fail, if one is held, and wait until nothing moves."""
        with self._changed:
            if self._held:
                self._held.pop(0)[1].append(passes)
                self._changed.notify_all()
        self.settle()

    def settle(self) -> None:
        """Wait until the decoding thread is held or has nothing to do."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._held or self._parked, _LIMIT_S)

    def open(self) -> None:
        """Hold nothing any more."""
        with self._changed:
            self._open = True
            self._held.clear()
            self._changed.notify_all()

    def park(self, parked: bool) -> None:
        """Note that the decoding thread begins to rest, or is woken."""
        with self._changed:
            self._parked = parked
            self._changed.notify_all()


class GatedEngine:
    """Pictures of one colour in two buffers that are poisoned before they are written again."""

    device = torch.device("cpu")
    ring = 2
    precision = torch.float32

    def __init__(self, gate: Gate, scene: str, decoder: str, use: str, hfov_deg: float) -> None:
        gate.step(f"opening {use} of {scene} {decoder}")
        self.name = f"{scene} {decoder}"
        self.full_frame = decoder != "nerv360"
        self.size = (16, 32) if self.full_frame else (18, 32)
        self.hfov_range = (math.radians(30.0), math.radians(hfov_deg))
        self.still = still_of(scene, decoder)
        self._gate, self._scene, self._decoder, self._use = gate, scene, decoder, use
        self._buffers = [torch.zeros(*self.size, 4, dtype=torch.uint8) for _ in range(self.ring)]
        self._decoded = 0

    def decode(self, look: Look, frame: int) -> Picture:
        if not 0 <= frame < FRAMES[self._scene]:
            raise IndexError(f"{self.name} has no frame {frame}")
        pixels = self._buffers[self._decoded % self.ring]
        self._decoded += 1
        pixels[:] = torch.tensor([*_POISON, 255])
        self._gate.step(f"{self._use} {frame} of {self.name}")
        pixels[:] = torch.tensor([*colour(self._scene, self._decoder, frame), 255])
        if self.full_frame:
            look = Look()
        else:
            hfov = min(max(look.hfov, self.hfov_range[0]), self.hfov_range[1])
            look = Look(look.yaw, look.pitch, 0.0, hfov)
        return Picture(pixels, look, frame, self.full_frame, 0.01)


def still_of(scene: str, decoder: str) -> torch.Tensor | None:
    """Still panorama that a decoder's pictures cover."""
    return _STILL if decoder in COVERING[scene] else None


def gated_scene(gate: Gate, scene: str) -> OpenScene:
    """Return a scene of three decoders, each with an engine to fall back to.

    The first decodes narrow viewports with a background around them.
    """

    def source(decoder: str) -> EngineSource:
        def make(use: str, hfov_deg: float) -> Callable[[], GatedEngine]:
            return lambda: GatedEngine(gate, scene, decoder, use, hfov_deg)

        filled = decoder == "nerv360" and decoder not in COVERING[scene]
        background = make("background", 100.0) if filled else None
        return EngineSource([make("picture", 40.0), make("spare picture", 40.0)], background)

    return OpenScene(
        title=scene,
        frames=FRAMES[scene],
        fps=10.0,
        size=(16, 32),
        decoders=DECODERS,
        source=source,
        cost=lambda decoder: Cost(16 * 32, decoder != "nerv360", 1),
        free_bytes=lambda: 2,
        still=lambda decoder, _: _PIXELS if decoder in COVERING[scene] else None,
    )


class GatedApp:
    """The application on gated scenes, each of its events one letter.

    A, B: open that scene; C: the key C; T: Tab; N: the next frame; R: a turn of the loop, which
    receives and requests; D: let the oldest step of the decoder pass; F: let it fail.
    """

    letters = "ABCTNRDF"

    def __init__(self, window: Window, patch: pytest.MonkeyPatch) -> None:
        self.gate = Gate()
        self._failed = False
        patch.setattr(MessagePanel, "notify", lambda _, sentence: self._said(sentence))
        with watched_workers(patch, self.gate.park):
            self.app = App(
                window,
                gated_scene(self.gate, "A"),
                lambda path: gated_scene(self.gate, "A"),
                settings=Settings(inertia=False, overlay=False),
            )
        # At its own size most of the test would be spent in it.
        patch.setattr(decode_background, "Background", partial(Background, size=(24, 48)))
        patch.setattr(self.app.overlay, "draw", lambda *_: None)  # panels would hide the colours

    def play(self, letters: str) -> None:
        """Begin with scene A, shown; do what ``letters`` say; in the end let everything pass."""
        self._do("A")
        self._drain()
        self._failed = False
        for letter in letters:
            self._do(letter)
        self._drain()
        self._check_end()

    def close(self) -> None:
        self.gate.open()
        self.app.close()

    def _do(self, letter: str) -> None:
        app = self.app
        if letter in FRAMES:
            app.open(gated_scene(self.gate, letter), DECODERS[0])
            app.playback.playing = False
        elif letter == "C":
            app.panes.toggle()
        elif letter == "T":
            app.panes.next_decoder()
        elif letter == "N":
            app.playback.step(1)
        elif letter == "R":
            app.update(0.0)
        elif letter in "DF":
            self._failed |= letter == "F"
            self.gate.answer(letter == "D")
        self.gate.settle()
        self._check()

    def _drain(self) -> None:
        for _ in range(500):
            self.app.update(0.0)
            self.gate.settle()
            if not self.gate.waiting and self.app.worker.idle:
                return
            self.gate.answer(True)
        raise AssertionError(f"no end of work: {self.gate.waiting}")

    def _said(self, sentence: str) -> None:
        """Check that an error belongs to the open scene."""
        if "failed" in sentence or "frame" in sentence:
            assert any(
                f"{self.app.panes.scene.title} {name}" in sentence for name in self._shown
            ), sentence
            assert self._failed, sentence

    @property
    def _shown(self) -> tuple[str, ...]:
        return self.app.panes.shown

    def _check(self) -> None:
        """Check that the screen shows only the open scene."""
        scene, opening = self.app.panes.scene.title, self.app.panes.opening
        for decoder, inside, around in self._seen():
            named = DECODERS if opening or self._failed else (decoder,)
            of_scene = {colour(scene, n, f) for n in named for f in range(FRAMES[scene])}
            behind = {STILL} if set(named) & set(COVERING[scene]) else set[Colour]()
            if decoder not in COVERING[scene]:
                behind |= {_NOTHING}
            assert near(inside, behind | of_scene), (scene, decoder, inside)
            if near(around, behind | {inside}):
                continue
            known = {colour(scene, "nerv360", f) for f in range(FRAMES[scene])}
            # A background in the making mixes nothing and the frames that it has parts of.
            assert not COVERING[scene], around
            assert within(around, {_NOTHING} | known), around

    def _check_end(self) -> None:
        """Check that the newest request is on the screen, or an error says why not."""
        scene, frame = self.app.panes.scene.title, self.app.playback.frame
        for decoder, inside, around in self._seen():
            wanted = colour(scene, decoder, frame)
            narrow = decoder == "nerv360" and decoder in COVERING[scene]
            if not (self._failed and self.app.panes.error):
                assert near(inside, {wanted}), (scene, decoder, frame, inside)
            if not self._failed:
                assert near(around, {STILL if narrow else wanted}), (scene, decoder, frame, around)

    def _seen(self) -> list[tuple[str, Colour, Colour]]:
        """For each side its decoder, and the colours inside and around a narrow picture."""
        self.app.draw()
        pixels: Any = capture(self.app.window)
        height, width, _ = pixels.shape
        row, places = height // 2, ((0.35, 0.03), (0.65, 0.97))
        return [
            (name, *(tuple(map(int, pixels[row, round(x * width)])) for x in place))  # type: ignore[misc]
            for name, place in zip(self._shown, places, strict=False)
        ]


def near(seen: Colour, colours: set[Colour]) -> bool:
    return any(max(abs(a - b) for a, b in zip(seen, c, strict=True)) <= 4 for c in colours)


def within(seen: Colour, colours: set[Colour]) -> bool:
    channels = zip(seen, zip(*colours, strict=True), strict=True)
    return all(min(known) - 4 <= value <= max(known) + 4 for value, known in channels)
