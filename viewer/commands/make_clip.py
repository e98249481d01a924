"""`nerv360 make-clip`: render the project's own equirectangular scene."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nerv360.progress import stage, track
from nerv360.viewer.commands.options import Device, Overwrite, device_option, within

MAX_WIDTH, MIN_WIDTH = 8192, 64
MAX_FRAMES = 100_000


def make_clip(
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="Video to write (.mp4, .mkv, .mov), or a new folder of PNGs."
        ),
    ],
    size: Annotated[str, typer.Option(help="Width and height, 2:1, up to 8192x4096.")] = (
        "2048x1024"
    ),
    frames: Annotated[
        int, typer.Option(help="Pictures in the loop.", callback=within(1, MAX_FRAMES))
    ] = 90,
    fps: Annotated[float, typer.Option(help="Pictures a second.", callback=within(1, 240))] = 30.0,
    device: Device = "auto",
    quality: Annotated[
        int,
        typer.Option(help="CRF of the video: 0 is lossless, 51 the worst.", callback=within(0, 51)),
    ] = 12,
    overwrite: Overwrite = False,
) -> None:
    """Render an original animated harbour town as an equirectangular clip that loops.

    A video has its sound, as first-order ambisonics.
    """
    width, height = check_options(output, size, overwrite)
    chosen = device_option(device)
    if device == "auto" and chosen.type == "mps":
        chosen = device_option("cpu")  # Metal has no float64, and rays need it

    from nerv360.lab.synthetic import HarbourSound, HarbourTown
    from nerv360.sound import RATE
    from nerv360.video import FolderWriter, VideoWriter

    with (
        FolderWriter(output)
        if output.suffix == ""
        else VideoWriter(output, width, height, fps, crf=quality, channels=4) as writer
    ):
        with stage("what stands still", 100) as shown:
            scene = HarbourTown(
                width,
                height,
                chosen,
                progress=lambda share: shown.become("what stands still", round(share * 100), 100),
            )
        sound = HarbourSound(frames / fps)
        for index in track(range(frames), "pictures"):
            writer.write(scene.frame(index / frames))
            if isinstance(writer, VideoWriter):
                start, end = (round(each * RATE / fps) for each in (index, index + 1))
                writer.write_sound(sound.block(start, end - start))
    typer.echo(f"{output}: {frames} pictures of {width}x{height} at {fps:g} a second")


def check_options(output: Path, size: str, overwrite: bool) -> tuple[int, int]:
    """Return width and height in pixels.

    Raises:
        InputError: an option cannot be used.
    """
    from nerv360.errors import InputError

    width_text, _, height_text = size.lower().partition("x")
    if not (width_text.isdecimal() and height_text.isdecimal()):
        raise InputError(f"--size must look like 2048x1024, not {size!r}")
    width, height = int(width_text), int(height_text)
    if width != 2 * height or height % 2:
        raise InputError(
            f"--size must be twice as wide as high, both even, such as 2048x1024, not {size}"
        )
    if not MIN_WIDTH <= width <= MAX_WIDTH:
        raise InputError(f"--size must be between 64x32 and 8192x4096, not {size}")
    if output.is_dir() and output.suffix:
        raise InputError(f"{output} is a folder: name a file, or a folder without an ending")
    if output.is_file() and not overwrite:
        raise InputError(f"{output} exists: name another file or give --overwrite")
    return width, height
