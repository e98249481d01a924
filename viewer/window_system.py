"""Environment settings for GLFW, PyOpenGL and imgui, made before any of them is imported."""

from __future__ import annotations

import os
import sys


def prepare_libraries() -> None:
    """Choose the window system, and switch off PyOpenGL's error checks."""
    # PyOpenGL checks for errors after every call, which doubles the calls. Each call releases the
    # interpreter lock, and with a busy thread it takes a switch interval to get it back.
    os.environ.setdefault("PYOPENGL_ERROR_CHECKING", "0")
    choose_window_system()


def choose_window_system() -> None:
    """Prefer X11 (or XWayland) on Linux; use Wayland only if there is nothing else.

    By default each of the three libraries guesses for itself, and under Wayland they guess
    differently, so that one does not know the context that another created. Choices of the user are
    kept.
    """
    if not sys.platform.startswith("linux"):
        return
    system = "wayland" if wayland_only() else "x11"
    os.environ.setdefault("PYGLFW_LIBRARY_VARIANT", system)
    os.environ.setdefault("PYOPENGL_PLATFORM", system)


def wayland_only() -> bool:
    """Return True if there is a Wayland compositor and no X server."""
    return bool(os.environ.get("WAYLAND_DISPLAY")) and not os.environ.get("DISPLAY")
