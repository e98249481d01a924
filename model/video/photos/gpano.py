"""GPano metadata (XMP) of a photo: its placement on the sphere."""

from __future__ import annotations

import math
import re

from nerv360.text import quoted
from nerv360.video.placement import Bounds, Placement

_PROPERTY = re.compile(
    rb"""(?<!/)GPano:(\w{1,64})\s*(?:=\s*["']([^"'<]{0,64})["']|>([^<]{0,64})<)"""
)
_FIRST_VIEW = re.compile(
    rb"""(?<!/)GPano:InitialView(Heading|Pitch)Degrees[\s="'>]+([-+.0-9]{1,20})"""
)
_MOST_BYTES = 2**20
_CROP = (
    "CroppedAreaLeftPixels",
    "CroppedAreaTopPixels",
    "CroppedAreaImageWidthPixels",
    "CroppedAreaImageHeightPixels",
)
_FULL = ("FullPanoWidthPixels", "FullPanoHeightPixels")
_UNREAD = {
    b"GImage": "it holds a second eye's picture inside (GImage), which is not read",
    b"GAudio": "it holds sound inside (GAudio), which is not read",
}
_POSE = ("PoseHeadingDegrees", "PosePitchDegrees", "PoseRollDegrees")


class GPanoError(ValueError):
    """Metadata that cannot be applied; the text goes after "its GPano metadata says"."""


def gpano_placement(xmp: bytes) -> Placement:
    """Return the placement that a photo's XMP declares; the whole sphere if it declares none.

    The heading is a direction of the compass: north is at yaw 0. XML is not parsed, so that no
    entity is expanded.

    Raises:
        GPanoError: another projection than equirectangular, or impossible numbers.
    """
    declared = {
        key.decode("ascii", "replace"): (attribute or text).decode("utf-8", "replace").strip()
        for key, attribute, text in _PROPERTY.findall(xmp[:_MOST_BYTES])
    }
    projection = declared.get("ProjectionType", "equirectangular").lower()
    if projection != "equirectangular":
        raise GPanoError(f"that its projection is {quoted(projection)}")
    crop, full = _numbers(declared, _CROP), _numbers(declared, _FULL)
    yaw, pitch, roll = (
        math.radians(value[0]) if (value := _numbers(declared, (name,))) else 0.0 for name in _POSE
    )
    bounds = Bounds()
    if crop is not None and full is not None:
        left, top, width, height = crop
        # Programs round each number for itself: a pixel may stick out.
        width, height = (
            side if start + side > end + 2 else min(side, end - start)
            for side, start, end in ((width, left, full[0]), (height, top, full[1]))
        )
        if min(full) < 1 or min(width, height) <= 0 or min(crop) < 0:
            raise GPanoError("of a crop that has no pixels")
        if left + width > full[0] or top + height > full[1]:
            raise GPanoError("of a crop that is larger than the whole panorama")
        bounds = Bounds.from_pixels(full, (left, top, width, height))
    return Placement(bounds=bounds, yaw=yaw, pitch=pitch, roll=roll)


def unread(xmp: bytes) -> list[str]:
    """Return notes on what a photo's XMP declares beside its placement, and is not read."""
    notes = [
        note for mark, note in _UNREAD.items() if re.search(mark + rb":Mime\b", xmp[:_MOST_BYTES])
    ]
    looks = dict(_FIRST_VIEW.findall(xmp[:_MOST_BYTES]))
    if any(look.strip(b"+-0.") for look in looks.values()):
        wish = ", ".join(f"{key.decode().lower()} {look.decode()}°" for key, look in looks.items())
        notes.append(f"its wish for a first view, {wish}, is not followed")
    return notes


def _numbers(declared: dict[str, str], names: tuple[str, ...]) -> tuple[float, ...] | None:
    """Return the numbers with these names; None if one is not there."""
    values = []
    for name in names:
        if name not in declared:
            return None
        try:
            values.append(float(declared[name]))
        except ValueError:
            values.append(math.nan)
        if not math.isfinite(values[-1]):
            raise GPanoError(f"{name} {quoted(declared[name])}, which is no number")
    return tuple(values)
