"""The files that the program brings along: its shaders and the demo scene."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def data_file(name: str) -> Path:
    """The file called ``name``, such as ``shaders/timewarp.frag``, whether it was installed inside
    the package or lies at the top of a checkout.
    """
    installed = _PACKAGE / name
    return installed if installed.exists() else _PACKAGE.parent / name


DEMO = data_file("assets/demo.safetensors")
"""The demo scene."""
