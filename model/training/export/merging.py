"""Check of scenes that a decoder is added to."""

from __future__ import annotations

from nerv360.errors import InputError
from nerv360.scene import Fingerprint, SceneHeader, likeness
from nerv360.video import VideoInfo


def check_same_clip(
    existing: SceneHeader, info: VideoInfo, fingerprint: Fingerprint | None
) -> None:
    """Make sure that a decoder of this clip can be added to the scene ``existing``.

    Raises:
        InputError: the scene is known to be of another clip.
    """
    sizes = {
        "width": (existing.width, info.width),
        "height": (existing.height, info.height),
        "frames": (existing.frames, info.frames),
    }
    for name, (ours, theirs) in sizes.items():
        if ours != theirs:
            raise InputError(
                f"the scene's {name} is {ours} and the clip's {theirs}; both decoders must be of "
                f"the same clip"
            )
    if existing.fingerprint is None or fingerprint is None:
        return
    if not likeness(existing.fingerprint, fingerprint.samples).alike:
        raise InputError(
            "the scene was trained on another clip, with other pictures; both decoders must be of "
            "the same clip"
        )
