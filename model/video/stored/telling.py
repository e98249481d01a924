"""Stored pictures of a path, whose kind its content tells."""

from __future__ import annotations

from pathlib import Path

from nerv360.errors import InputError
from nerv360.video.photos import SUFFIXES, is_picture
from nerv360.video.raw import is_raw
from nerv360.video.reading import Opening, check_file
from nerv360.video.stored.pictures import StoredPictures
from nerv360.video.stored.stills import StoredPhotos, StoredRaw
from nerv360.video.stored.video import StoredVideo
from nerv360.video.tone_mapping import LightError


def read_stored(path: Path, raw: str | None) -> StoredPictures:
    """Read what is known of the pictures of a video, a photo, a folder or a raw file.

    Raises:
        InputError: nothing is there, or it cannot be read.
    """
    if not path.is_dir():
        check_file(path)
    if raw is not None or (is_raw(path) and not path.is_dir()):
        return StoredRaw.read(path, raw)
    if path.is_dir() or is_picture(path):
        return StoredPhotos.read(path)
    try:
        return StoredVideo.read(Opening(path))
    except LightError:
        raise
    except InputError:
        if path.suffix.lower() in SUFFIXES:
            return StoredPhotos.read(path)  # says what is wrong with a picture
        raise
