"""The process's drawer: opens gl engines while there is a context for them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from nerv360.decoding import Engine, draw_by
from nerv360.errors import UnavailableError

if TYPE_CHECKING:
    from nerv360.scene import Decoder
    from nerv360.viewer.shading.context import ShaderContext

log = logging.getLogger(__name__)

_NO_WINDOW = "there is no window to draw beside"
_SOFTWARE = ("llvmpipe", "softpipe", "swrast", "swiftshader", "software", "basic render")


class ContextDrawer:
    """Opens gl engines in a context that lives as long as a window."""

    def __init__(self) -> None:
        self._context: ShaderContext | None = None
        self._shares = False
        self._reason = _NO_WINDOW

    def offer(self) -> None:
        """Allow the gl engine to be requested before its window exists."""
        draw_by(self.open)

    def attach(self, *, shares: bool, software: bool = True) -> None:
        """Create a context beside the current one, on the main thread.

        If that fails, opening a gl engine reports why.

        Args:
            shares: pictures stay in textures, for that window; otherwise they are read back.
            software: accept a context that draws on the CPU.
        """
        from nerv360.viewer.shading.context import ShaderContext
        from nerv360.viewer.shading.failure import GraphicsError

        self.offer()
        self._shares = shares
        try:
            self._context = ShaderContext()
        except GraphicsError as error:
            self._reason = str(error)
            log.warning("the gl engine cannot be used: %s", error)
            return
        if not software and draws_in_software(self._context.renderer):
            self._reason = f"{self._context.renderer} draws on the CPU"
            self._context.close()
            self._context = None

    def attach_for(self, engine: str) -> None:
        """Call `attach` beside the viewer's window if ``engine`` may use it.

        That is if ``engine`` is ``gl``, or if it is ``auto`` and a GPU may draw faster than the CPU
        decodes. Whether the CPU would decode is known only when torch is loaded. The window's
        context is current.
        """
        if engine == "gl":
            self.attach(shares=True)
        elif engine == "auto":
            from OpenGL import GL

            if not draws_in_software(GL.glGetString(GL.GL_RENDERER).decode(errors="replace")):
                self.attach(shares=True)

    def detach(self) -> None:
        """Close the context, on the main thread, before its window."""
        if self._context is not None:
            self._context.close()
        self._context = None
        self._reason = _NO_WINDOW
        draw_by(None)

    @property
    def renderer(self) -> str | None:
        """OpenGL's name of what draws; None without a context."""
        return self._context.renderer if self._context else None

    def open(self, decoder: Decoder, size: tuple[int, int]) -> Engine:
        """Open a gl engine; see `draw_by`."""
        from nerv360.viewer.shading.engine import ShaderEngine

        if self._context is None:
            raise UnavailableError(self._reason)
        return ShaderEngine(self._context, decoder, size, shares=self._shares)


DRAWER = ContextDrawer()
"""Shared by all windows: there is one at a time."""


def draws_in_software(renderer: str) -> bool:
    """Return True if this renderer is software: decoding on the CPU is then faster than drawing."""
    return any(name in renderer.lower() for name in _SOFTWARE)
