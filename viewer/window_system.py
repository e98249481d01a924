"""Choices for GLFW, PyOpenGL and imgui, made in the environment before any of them is imported."""

from __future__ import annotations

import os
import sys


def prepare_libraries() -> None:
    """Settle the window system, and leave out what costs a drawing half of its calls."""
    # PyOpenGL asks for errors after every call. Each call gives the interpreter away, and where a
    # thread is busy it comes back a switch interval later.
    os.environ.setdefault("PYOPENGL_ERROR_CHECKING", "0")
    choose_window_system()


def choose_window_system() -> None:
    """Prefer X11 (or XWayland) on Linux, Wayland only where there is nothing else.

    Each of the three libraries guesses for itself, and under Wayland they guess differently; the
    context that one creates is then unknown to the other. What the user has set is kept.
    """
    if not sys.platform.startswith("linux"):
        return
    system = "wayland" if wayland_only() else "x11"
    os.environ.setdefault("PYGLFW_LIBRARY_VARIANT", system)
    os.environ.setdefault("PYOPENGL_PLATFORM", system)


def wayland_only() -> bool:
    """There is a Wayland compositor and no X server."""
    return bool(os.environ.get("WAYLAND_DISPLAY")) and not os.environ.get("DISPLAY")
