"""Opening of a clip: applies the declarations of a file or a folder for every command.

For example:

    clip = open_clip("clip.mp4", eye="right", start=2.0, duration=5.0)
    for picture in clip.read():   # each different picture once; uint8 H×W×3
        ...
    clip.shown                    # index of the picture shown at each frame of the constant rate
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from nerv360.errors import InputError
from nerv360.video.clip import Clip
from nerv360.video.frame_rate import trimmed
from nerv360.video.placement import Eye, Placement
from nerv360.video.reading import VideoInfo
from nerv360.video.spherical import layout_notes, place
from nerv360.video.stored import StoredPictures, read_stored

LARGEST_SIDE = 16384


def open_clip(
    path: str | os.PathLike[str],
    *,
    eye: Eye = "left",
    raw: str | None = None,
    start: float | None = None,
    duration: float | None = None,
    size: tuple[int, int] | None = None,
) -> Clip:
    """Open a video file, a folder of pictures or a photo, told by its content.

    Args:
        eye: the eye to take if there are two.
        raw: ``WxH,fps,pix_fmt`` of a file without a header.
        start: seconds to leave out at the beginning.
        duration: seconds to take; to the end if None.
        size: height and width to scale the pictures to.

    Raises:
        InputError: nothing is there, it cannot be read, it has no pictures, they differ in size, or
            what the file declares cannot be applied.
    """
    path = Path(path)
    source = read_stored(path, raw)
    placement, is_sphere = place(source.layout, source.size, source.shape, eye, path)
    notes = [*source.notes, *layout_notes(source.layout, eye)]
    height, width = full = _full_size(placement, is_sphere, source, path)
    if size is not None:
        height, width = _smaller(size, full, path)
    if (height, width) != source.size[::-1]:
        notes.append(
            f"its pictures of {source.size[0]}x{source.size[1]} are taken as {width}x{height}"
        )
    shown = source.shown
    if start is not None or duration is not None:
        shown = trimmed(shown, source.fps, start or 0.0, duration, path)
    numbers, places = np.unique(shown, return_inverse=True)
    return Clip(
        path=path,
        info=VideoInfo(width, height, float(source.fps), len(shown)),
        shown=places.astype(np.int64),
        pictures=len(numbers),
        is_sphere=is_sphere,
        eye=eye if source.layout.stereo is not None else None,
        notes=tuple(notes),
        codec=source.codec,
        options={
            "eye": eye,
            "raw": raw,
            "start": start,
            "duration": duration,
            "size": None if size is None else [height, width],
        },
        facts=source.facts,
        stored=source,
        numbers=numbers,
        placement=placement,
    )


def _smaller(size: tuple[int, int], full: tuple[int, int], path: Path) -> tuple[int, int]:
    if size[0] > full[0] or size[1] > full[1]:
        raise InputError(
            f"{size[1]}x{size[0]} is larger than the pictures of {path}, {full[1]}x{full[0]}: "
            f"give a size to scale them down to"
        )
    return size


def _full_size(
    placement: Placement, is_sphere: bool, source: StoredPictures, path: Path
) -> tuple[int, int]:
    """Return the height and width that keep the pictures' resolution."""
    width, height = source.size
    if is_sphere:
        try:
            size = placement.frame_size(height, width)
        except ValueError as error:
            raise InputError(f"{path} cannot be placed on the sphere: {error}") from error
    else:
        rows, columns = placement.part.cut(height, width)
        size = rows.stop - rows.start, columns.stop - columns.start
        # Pixels that are not square become square; none is lost.
        if source.shape > 1:
            size = size[0], round(size[1] * source.shape)
        else:
            size = round(size[0] / source.shape), size[1]
    if not all(1 <= side <= LARGEST_SIDE for side in size):
        raise InputError(f"{path} would have pictures of {size[1]}x{size[0]}: give a smaller clip")
    return size
