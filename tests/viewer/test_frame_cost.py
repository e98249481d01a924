"""Cost of one frame: calls that give the interpreter away."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable

import pytest
from OpenGL import GL

from nerv360.viewer.app import App
from tests.support.running import settle


def counted(monkeypatch: pytest.MonkeyPatch, module: object, prefix: str) -> Counter[str]:
    """Count calls of functions of ``module`` whose names begin with ``prefix``, from now on."""
    calls: Counter[str] = Counter()

    def counting(name: str, function: Callable[..., object]) -> Callable[..., object]:
        @functools.wraps(function, updated=())
        def call(*arguments: object) -> object:
            calls[name] += 1
            return function(*arguments)

        return call

    for name in dir(module):
        value = getattr(module, name)
        if name.startswith(prefix) and callable(value) and not isinstance(value, type):
            monkeypatch.setattr(module, name, counting(name, value))
    return calls


def test_a_frame_takes_few_calls_of_opengl(
    open_app: Callable[..., App], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call through ctypes releases the interpreter's lock.

    If another thread is busy, it comes back a switch interval later.
    """
    app = open_app()
    settle(app)
    calls = counted(monkeypatch, GL, "gl")
    app.draw()
    assert calls["glDrawArrays"] == 1
    assert calls.total() <= 20, calls
