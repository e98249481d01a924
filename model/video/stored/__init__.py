"""Stored pictures of a video file, a photo, a folder or raw video, before they are placed."""

from nerv360.video.stored.pictures import OpenedPictures, StoredPictures
from nerv360.video.stored.telling import read_stored
from nerv360.video.stored.video import OpenedVideo, StoredVideo

__all__ = ["OpenedPictures", "OpenedVideo", "StoredPictures", "StoredVideo", "read_stored"]
