"""Check of scenes that a decoder is added to."""

from __future__ import annotations

from nerv360.errors import InputError
from nerv360.scene import SceneHeader, likeness
from nerv360.training.dataset import ClipFrames


def check_same_clip(existing: SceneHeader, frames: ClipFrames) -> None:
    """Make sure that a decoder of these frames can be added to the scene ``existing``.

    Raises:
        InputError: the scene is known to be of another clip.
    """
    sizes = {
        "width": (existing.width, frames.info.width),
        "height": (existing.height, frames.info.height),
        "frames": (existing.frames, len(frames)),
    }
    for name, (ours, theirs) in sizes.items():
        if ours != theirs:
            raise InputError(
                f"the scene's {name} is {ours} and the clip's {theirs}; both decoders must be of "
                f"the same clip"
            )
    if existing.fingerprint is None or frames.fingerprint is None:
        return
    if not likeness(existing.fingerprint, frames.fingerprint.samples).alike:
        raise InputError(
            "the scene was trained on another clip, with other pictures; both decoders must be of "
            "the same clip"
        )
