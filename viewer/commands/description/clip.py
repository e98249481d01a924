"""``nerv360 info CLIP``: a clip's declarations about its pictures, and how they are understood."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from rich.table import Table

    from nerv360.video import Clip

Report = dict[str, Any]


def describe_clip(clip: Clip) -> tuple[Report, Table]:
    """Return what is known of a clip, as data and as a table."""
    info, layout = clip.info, clip.stored.layout
    coverage = clip.coverage
    report: Report = {
        "clip": {
            "file": str(clip.path),
            **clip.facts,
            "width": info.width,
            "height": info.height,
            "fps": info.fps,
            "frames": info.frames,
            "duration_s": info.frames / info.fps,
            "pictures": clip.pictures,
            "repeats": int(np.count_nonzero(np.diff(clip.shown) == 0)),
            "sphere": clip.is_sphere,
            "projection": layout.projection,
            "bounds": dict(zip(("left", "top", "right", "bottom"), layout.bounds, strict=True)),
            "pose_deg": {
                name: math.degrees(angle)
                for name, angle in zip(("yaw", "pitch", "roll"), layout.pose, strict=True)
            },
            "stereo": layout.stereo,
            "eye": clip.eye,
            "covered": 1.0 if coverage is None else float(coverage.mean()),
            "notes": list(clip.notes),
        }
    }
    return report, _table(report["clip"])


def _table(clip: Report) -> Table:
    from nerv360.viewer.commands.terminal import facts_table

    rows: dict[str, str | list[str]] = {
        "stored": _stored(clip),
        "taken as": f"{clip['width']}x{clip['height']}, {_sphere(clip)}",
        "frames": _frames(clip),
        "two eyes": clip["stereo"] and f"{clip['stereo']}; the {clip['eye']} eye is taken",
        "pose": _pose(clip["pose_deg"]),
        "covered": "" if clip["covered"] == 1 else f"{clip['covered']:.1%} of the frame",
        "colours": _colours(clip),
        "sound": "yes" if clip.get("sound") else "",
        "notes": [f"{note}." for note in clip["notes"]],
    }
    return facts_table(clip["file"], rows)


def _stored(clip: Report) -> str:
    width, height = clip.get("coded_size") or (clip["width"], clip["height"])
    kind = clip.get("codec") or clip.get("kind", "")
    parts = [kind, f"{width}x{height}", clip.get("pixel_format", "")]
    if clip.get("files", 1) > 1:
        parts.append(f"{clip['files']} files")
    if clip.get("pixel_shape", 1) != 1:
        parts.append(f"pixels {clip['pixel_shape']:.4g} times as wide as high")
    if clip.get("orientation"):
        parts.append(clip["orientation"])
    return ", ".join(part for part in parts if part)


def _sphere(clip: Report) -> str:
    if not clip["sphere"]:
        return "not known to show the sphere"
    said = clip["projection"]
    return f"the sphere ({said or 'not said: assumed, as it is twice as wide as high'})"


def _colours(clip: Report) -> str:
    from nerv360.video import HD_HEIGHT

    if "hdr" not in clip:
        return ""
    if clip["hdr"] is not None:
        return f"HDR ({clip['hdr']})"
    numbers = f"{clip['colorspace']}, {clip['primaries']}, {clip['transfer']}"
    spaces = {1: "BT.709", 5: "BT.601", 6: "BT.601", 9: "BT.2020"}
    assumed = "BT.709" if clip["coded_size"][1] >= HD_HEIGHT else "BT.601"
    space = clip["colorspace"]
    return f"not said: {assumed} is assumed" if space == 2 else spaces.get(space, numbers)


def _frames(clip: Report) -> str:
    text = f"{clip['frames']} at {clip['fps']:.6g} a second, {clip['duration_s']:.2f} s"
    if clip.get("assumed_rate") and clip["frames"] > 1:
        text += " (assumed)"
    if clip["repeats"]:
        text += f": {clip['pictures']} pictures, {clip['repeats']} repeats"
    return text


def _pose(angles: dict[str, float]) -> str:
    if not any(angles.values()):
        return ""
    return ", ".join(f"{name} {angle:g}°" for name, angle in angles.items())
