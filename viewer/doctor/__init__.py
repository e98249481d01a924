"""The program's needs, and what of them is missing here."""

from __future__ import annotations

import sys


def graphics_command(device: str) -> list[str]:
    """Return the command that prints, as JSON, what draws a window here.

    ``device`` is the name of the one that decodes.
    """
    return [sys.executable, "-m", "viewer.doctor.graphics", device]


__all__ = ["graphics_command"]
