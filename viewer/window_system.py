"""Environment settings for GLFW, PyOpenGL and imgui, made before any of them is imported."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from typing import Any

_handlers: list[Any] = []
"""Callbacks of Xlib; Python would free one that nothing refers to."""


def prepare_libraries() -> None:
    """Choose the window system, and switch off PyOpenGL's error checks."""
    # PyOpenGL's error checks double the calls. Each call releases the interpreter lock and, with a
    # busy thread, waits a switch interval to get it back.
    os.environ.setdefault("PYOPENGL_ERROR_CHECKING", "0")
    choose_window_system()


def choose_window_system() -> None:
    """Prefer X11 (or XWayland) on Linux; use Wayland only if there is nothing else.

    GLFW, PyOpenGL and imgui each choose for themselves. Under Wayland they choose differently, and
    one does not know the context that another created. Choices of the user are kept.
    """
    if not sys.platform.startswith("linux"):
        return
    system = "wayland" if wayland_only() else "x11"
    os.environ.setdefault("PYGLFW_LIBRARY_VARIANT", system)
    os.environ.setdefault("PYOPENGL_PLATFORM", system)


def wayland_only() -> bool:
    """Return True if there is a Wayland compositor and no X server."""
    return bool(os.environ.get("WAYLAND_DISPLAY")) and not os.environ.get("DISPLAY")


def when_display_is_lost(act: Callable[[], None]) -> None:
    """Call ``act`` if the X server ends, on the thread that notices; then end the process.

    Otherwise Xlib would end the process without any cleanup in Python. Wayland does not need this:
    GLFW asks the window to close.
    """
    if not sys.platform.startswith("linux") or wayland_only():
        return

    def lost(_display: Any) -> int:
        act()
        return 0

    handler = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(lost)
    try:
        library = ctypes.CDLL("libX11.so.6")  # the one that GLFW has loaded
    except OSError:
        return
    _handlers.append(handler)
    library.XSetIOErrorHandler(handler)
