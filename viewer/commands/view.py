"""``nerv360 view``: look around in a scene, in a window."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from model.errors import InputError

_LARGEST_SIDE = 16384


def view(
    scene: Annotated[
        Path | None, typer.Argument(help="Scene file; the demo scene if none is given.")
    ] = None,
    exit_after: Annotated[
        float | None, typer.Option(metavar="S", help="Close the window after S seconds.")
    ] = None,
    screenshot: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help="Write what the window shows when it closes."),
    ] = None,
    size: Annotated[
        str | None, typer.Option(metavar="WxH", help="Size of the window, such as 1280x720.")
    ] = None,
    decoder: Annotated[str | None, typer.Option(help="Decoder of the scene to begin with.")] = None,
    device: Annotated[
        str, typer.Option(help="Where to decode: auto, cpu, cuda, cuda:N or mps.")
    ] = "auto",
    interop: Annotated[
        bool,
        typer.Option(help="Pictures decoded on a GPU go to the screen without leaving it."),
    ] = True,
    frame: Annotated[
        int | None, typer.Option(help="Begin paused at this frame, counted from 0.")
    ] = None,
    yaw: Annotated[float, typer.Option(help="First view: degrees to the right.")] = 0.0,
    pitch: Annotated[float, typer.Option(help="First view: degrees up, -90 to 90.")] = 0.0,
) -> None:
    """Look around in a decoded scene in a window. Press ? in it for the keys."""
    if exit_after is not None and not exit_after > 0:
        raise InputError(f"--exit-after {exit_after:g}: give a positive number of seconds")
    if not -90 <= pitch <= 90:
        raise InputError(f"--pitch {pitch:g}: give -90 to 90 degrees")
    from viewer.session import Options, run_window

    run_window(
        Options(
            scene=scene,
            exit_after=exit_after,
            screenshot=screenshot,
            size=_parse_size(size) if size else None,
            decoder=decoder,
            device=device,
            interop=interop,
            frame=frame,
            yaw_deg=yaw,
            pitch_deg=pitch,
        )
    )


def _parse_size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,6})[xX×](\d{1,6})", text)
    if match:
        width, height = int(match[1]), int(match[2])
        if 160 <= width <= _LARGEST_SIDE and 90 <= height <= _LARGEST_SIDE:
            return width, height
    raise InputError(
        f"--size {text}: give width x height, such as 1280x720, from 160x90 to "
        f"{_LARGEST_SIDE}x{_LARGEST_SIDE}"
    )
