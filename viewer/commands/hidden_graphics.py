"""Graphics in a hidden window, for commands that decode by drawing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def hidden_graphics(*, reads: bool = True, software: bool = True) -> Iterator[None]:
    """Let engines draw inside.

    Args:
        reads: their pictures are read back; otherwise they stay in textures.
        software: a processor may be what draws.

    Raises:
        InputError: there is no display, or no OpenGL 3.3 on it.
    """
    from nerv360.viewer.picture import Window
    from nerv360.viewer.shading import DRAWER

    window = Window("NeRV360", 64, 64, visible=False)
    try:
        DRAWER.attach(shares=not reads, software=software)
        yield
    finally:
        DRAWER.detach()
        window.close()
