"""Checks that a clip is the one that a scene was trained on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from nerv360.errors import InputError
from nerv360.scene.fingerprint import Sample, likeness, sampled_frames
from nerv360.scene.header import SceneHeader

if TYPE_CHECKING:
    from nerv360.video import VideoInfo

SAME = "the pictures that the scene was trained on"
_VISIBLE = 0.5
UNCHECKED = "not checked: the scene has no fingerprint of the clip that it was trained on"


def check_clip(
    info: VideoInfo,
    picture: Callable[[int], Tensor],
    clip: Path,
    header: SceneHeader,
    scene: Path,
) -> str:
    """Return a phrase on how well a clip matches the one that a scene was trained on.

    It is `SAME`, `UNCHECKED`, or the difference of the pictures if the clip was re-encoded.

    Args:
        info: of the clip.
        picture: returns a picture by index, height×width×3 uint8; called in rising order.
        clip, scene: their files, for messages.
        header: of the scene.

    Raises:
        InputError: it is another clip, or it cannot be read.
    """
    if (info.width, info.height) != (header.width, header.height):
        raise InputError(
            f"{clip} is {info.width}x{info.height} but {scene} was trained on "
            f"{header.width}x{header.height}: give the clip that it was trained on"
        )
    if info.frames < header.frames:
        raise InputError(
            f"{clip} has {info.frames} pictures but {scene} has {header.frames}: give the "
            f"clip that it was trained on"
        )
    if header.fingerprint is None:
        return UNCHECKED
    samples = (Sample.of(picture(index)) for index in sampled_frames(header.frames))
    found = likeness(header.fingerprint, samples)
    if not found.alike:
        raise InputError(
            f"{clip} shows other pictures than {scene} was trained on: give the clip that "
            f"it was trained on"
        )
    if found.same:
        return SAME
    again = "encoded again, or decoded by another program"
    if found.difference < _VISIBLE:
        return f"{again}: its pictures look like those that the scene was trained on"
    return (
        f"{again}: its pictures, reduced to thumbnails, differ by up to {found.difference:.1f} of "
        f"255 levels from those that the scene was trained on"
    )
