"""Applications under test, run turn by turn."""

from __future__ import annotations

import time
from collections.abc import Callable

import glfw
import torch

from nerv360.viewer.app import App
from nerv360.viewer.picture.screenshot import capture
from tests.support.hand import CallbackHand

_TURN_S = 1 / 60


def run_until(app: App, condition: Callable[[], object], turn_s: float = _TURN_S) -> None:
    """Step in ``turn_s`` until ``condition`` holds; fail the test after two minutes."""
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        app.step(turn_s)
        app.window.swap()


def settle(app: App) -> None:
    """Step until the present picture has come and the background is complete."""
    app.step(_TURN_S)
    run_until(app, lambda: app.worker.idle)


def resize(app: App, width: int, height: int) -> None:
    """Step until the window has that size."""
    glfw.set_window_size(app.window.handle, width, height)
    run_until(app, lambda: app.window.size == (width, height))


def press(app: App, key: str) -> None:
    """Press and release a key."""
    hand = CallbackHand(app.window)
    hand.key(key, True)
    hand.key(key, False)


def drawn(app: App) -> torch.Tensor:
    """Return the window's latest drawing, height×width×3, 0 to 255."""
    return torch.as_tensor(capture(app.window)).float()


def image(app: App) -> torch.Tensor:
    """Return a new drawing of the window, height×width×3, 0 to 255."""
    app.step(0.0)
    return drawn(app)
