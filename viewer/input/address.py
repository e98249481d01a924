"""The present view as text: a link's fragment for the page, and a command for a terminal."""

from __future__ import annotations

import shlex
from pathlib import Path
from urllib.parse import urlencode

from nerv360.geometry import Look


def view_fragment(look: Look, frame: int | None, decoder: str | None) -> str:
    """Return the end of a page's address, such as ``#yaw=30&pitch=-10&hfov=60&frame=7``.

    Args:
        frame: at which the page pauses; None lets it play.
        decoder: None for the first one.
    """
    return "#" + urlencode(_fields(look, frame, decoder))


def view_command(file: Path | None, look: Look, frame: int, decoder: str) -> str:
    """Return the command that opens a window on this view of ``file``, by default of the demo."""
    options = [f"--{name}={value}" for name, value in _fields(look, frame, decoder).items()]
    return shlex.join(["nerv360", "view", *([str(file)] if file else []), *options])


def _fields(look: Look, frame: int | None, decoder: str | None) -> dict[str, str]:
    names = ("yaw", "pitch", "roll", "hfov")
    degrees = {n: f"{round(v, 2):g}" for n, v in zip(names, look.degrees(), strict=True)}
    if degrees["roll"] in ("0", "-0"):
        del degrees["roll"]
    if frame is not None:
        degrees["frame"] = str(frame)
    if decoder is not None:
        degrees["decoder"] = decoder
    return degrees
