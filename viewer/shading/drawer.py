"""The process's own drawer: it opens engines that draw, while there is a context for them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from model.decoding import Engine, draw_by, may_want_compilers
from model.errors import UnavailableError

if TYPE_CHECKING:
    from model.scene import Decoder
    from viewer.shading.context import ShaderContext

log = logging.getLogger(__name__)

_NO_WINDOW = "there is no window to draw beside"
_SOFTWARE = ("llvmpipe", "softpipe", "swrast", "swiftshader", "software", "basic render")


class ContextDrawer:
    """A `model.decoding.Drawer` whose context comes with a window and goes with it."""

    def __init__(self) -> None:
        self._context: ShaderContext | None = None
        self._shares = False
        self._reason = _NO_WINDOW

    def offer(self) -> None:
        """Let engines be asked for: a window will be there before they are opened."""
        draw_by(self)

    def attach(self, *, shares: bool, software: bool = True) -> None:
        """Make a context beside the one that is current, on the main thread. Where there can be
        none, engines that are asked for say why.

        Args:
            shares: pictures stay in textures, for that window; otherwise they are read back.
            software: a processor may be what draws.
        """
        from viewer.shading.context import ShaderContext
        from viewer.shading.failure import GraphicsError

        self.offer()
        self._shares = shares
        try:
            self._context = ShaderContext()
        except GraphicsError as error:
            self._reason = str(error)
            log.warning("nothing can be decoded by drawing: %s", error)
            return
        if not software and draws_in_software(self._context.renderer):
            self._reason = f"{self._context.renderer} draws on the processor"
            self._context.close()
            self._context = None

    def attach_for(self, engine: str) -> None:
        """`attach` beside the viewer's window, whose context is current, where ``engine`` may be
        drawn: where it names that, and where ``auto`` may find it faster than the processor.
        """
        if engine == "gl":
            self.attach(shares=True)
        elif engine == "auto" and not may_want_compilers():
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
        """Name of what draws; nothing without a context."""
        return self._context.renderer if self._context else None

    def refusal(self) -> str | None:
        """As `Drawer.refusal`: whether it works shows when an engine is opened."""
        return None

    def open(self, decoder: Decoder, size: tuple[int, int]) -> Engine:
        """As `Drawer.open`."""
        from viewer.shading.engine import ShaderEngine

        if self._context is None:
            raise UnavailableError(self._reason)
        return ShaderEngine(self._context, decoder, size, shares=self._shares)


DRAWER = ContextDrawer()
"""One for all windows, of which there is one at a time."""


def draws_in_software(renderer: str) -> bool:
    """A processor draws, by the name of what does: it multiplies faster than it draws."""
    return any(name in renderer.lower() for name in _SOFTWARE)
