"""OpenGL context that shares the window's textures; any one thread at a time may hold it."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import glfw
from OpenGL import GL

from nerv360.shaders import Limits
from nerv360.viewer.shading.failure import GraphicsError

_WAIT_S = 30.0


class ShaderContext:
    """OpenGL context of a window that is never shown.

    It is created and closed on the main thread. In between, the drawing thread holds it by
    `current`, one thread at a time.

    Attributes:
        renderer: OpenGL's name of the hardware or software that draws.
        limits: the driver's limits on a drawing.
    """

    def __init__(self) -> None:
        """Create it beside the GLFW window whose context is current, which stays current.

        Raises:
            GraphicsError: the window system cannot create a second context.
        """
        self._lock = threading.RLock()
        self._depth = 0
        self._dropped: list[tuple[str, int]] = []
        window = glfw.get_current_context()
        glfw.window_hint(glfw.VISIBLE, False)
        self._handle: Any = glfw.create_window(16, 16, "NeRV360 decoder", None, window)
        if not self._handle:
            raise GraphicsError("the window system cannot create a second OpenGL context")
        self.renderer = GL.glGetString(GL.GL_RENDERER).decode(errors="replace")
        self.limits = Limits(
            targets=min(8, _number(GL.GL_MAX_DRAW_BUFFERS), _number(GL.GL_MAX_COLOR_ATTACHMENTS)),
            side=_number(GL.GL_MAX_TEXTURE_SIZE),
            layers=_number(GL.GL_MAX_ARRAY_TEXTURE_LAYERS),
            block_bytes=_number(GL.GL_MAX_UNIFORM_BLOCK_SIZE),
            vectors=_number(GL.GL_MAX_FRAGMENT_UNIFORM_COMPONENTS) // 4,
        )

    @contextmanager
    def current(self) -> Iterator[None]:
        """Hold the context on this thread.

        Raises:
            GraphicsError: it is closed or lost.
        """
        with self._lock:
            before = glfw.get_current_context()
            if self._handle is None:
                raise GraphicsError("the window whose textures it shares is closed")
            glfw.make_context_current(self._handle)
            if not _same(glfw.get_current_context(), self._handle):
                raise GraphicsError("its OpenGL context cannot be made current")
            self._depth += 1
            try:
                self._delete_dropped()
                yield
            finally:
                self._depth -= 1
                if not self._depth:
                    GL.glFlush()
                    glfw.make_context_current(before)

    def drop(self, kind: str, name: int) -> None:
        """Schedule an object for deletion when the context is next held; callable from any thread.

        Args:
            kind: ending of its ``glDelete…`` function.
        """
        self._dropped.append((kind, name))

    def close(self) -> None:
        """Destroy it, on the main thread, unless a thread draws for too long."""
        if not self._lock.acquire(timeout=_WAIT_S):
            return
        try:
            if self._handle is not None:
                glfw.destroy_window(self._handle)
            self._handle = None
        finally:
            self._lock.release()

    def _delete_dropped(self) -> None:
        while self._dropped:
            kind, name = self._dropped.pop()
            if kind == "Program":
                GL.glDeleteProgram(name)
            else:
                getattr(GL, f"glDelete{kind}")(1, [name])


def _number(name: Any) -> int:
    return int(GL.glGetIntegerv(name))


def _same(one: Any, other: Any) -> bool:
    return ctypes.cast(one, ctypes.c_void_p).value == ctypes.cast(other, ctypes.c_void_p).value
