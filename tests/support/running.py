"""Applications under test, run turn by turn."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.support.hand import CallbackHand
from viewer.app import App

_TURN = 1 / 60


def run_until(app: App, condition: Callable[[], object]) -> None:
    """Turns until ``condition`` holds; two minutes without it fail the test."""
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        app.step(_TURN)
        app.window.swap()


def settle(app: App) -> None:
    """Until the picture for what is shown now has come and the background is complete."""
    app.step(_TURN)
    run_until(app, lambda: app.worker.idle)


def press(app: App, key: str) -> None:
    """A key, down and up."""
    hand = CallbackHand(app.window)
    hand.key(key, True)
    hand.key(key, False)
