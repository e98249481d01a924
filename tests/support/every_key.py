"""Opens the demo by every engine of the CPU, and presses every key in a window.

It prints which compilers that has loaded. It is a program, because modules are loaded for a whole
process.
"""

from __future__ import annotations

import os
import sys

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch

from nerv360.decoding import open_engine
from nerv360.geometry import Look
from nerv360.scene import read_scene
from nerv360.viewer.app import App
from nerv360.viewer.input.keymap import CHARACTERS, KEYS, Action
from nerv360.viewer.opening import DeviceChoice, prepare_scene
from nerv360.viewer.paths import DEMO
from nerv360.viewer.picture.window import Window
from tests.support.hand import CallbackHand
from tests.support.running import settle

COMPILERS = ("triton", "torch._dynamo", "torch._inductor")


def main() -> None:
    cpu = torch.device("cpu")
    scene = read_scene(DEMO)
    for kind in ("auto", "folded", "eager"):
        open_engine(scene, "nerv360", cpu, kind=kind).decode(Look(), 0)
    window = Window("every key", 320, 180)
    app = App(
        window,
        prepare_scene(scene, DEMO, DeviceChoice("cpu")),
        lambda path: prepare_scene(scene, path, DeviceChoice("cpu")),
    )
    app.playback.playing = False
    try:
        press_all(app, window)
    finally:
        app.close()  # also the dialog for files, for which the process would wait
    window.close()
    print(*[name for name in COMPILERS if name in sys.modules])


def press_all(app: App, window: Window) -> None:
    settle(app)
    hand = CallbackHand(window)
    # Esc closes the menu, and then the window.
    for name in [*sorted(KEYS, key="ESCAPE".__eq__), "ESCAPE"]:
        hand.key(name, True)
        app.step(1 / 60)
        hand.key(name, False)
        app.playback.playing = False
        if KEYS[name].action in (Action.NEXT_DECODER, Action.SPLIT):
            settle(app)
    for character in CHARACTERS:
        hand.character(character)
        app.step(1 / 60)
    assert window.should_close, "Esc is a key too"


if __name__ == "__main__":
    main()
