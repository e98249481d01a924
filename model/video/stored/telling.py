"""Stored pictures of a path, whose kind its content tells."""

from __future__ import annotations

from pathlib import Path

from model.errors import InputError
from model.video.photos import SUFFIXES, is_picture
from model.video.raw import is_raw
from model.video.reading import Opening, check_file
from model.video.stored.pictures import StoredPictures
from model.video.stored.stills import StoredPhotos, StoredRaw
from model.video.stored.video import StoredVideo
from model.video.tone_mapping import LightError


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
