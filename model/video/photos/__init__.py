"""Photos and folders of pictures: which there are, how they lie on the sphere, their pixels.

`find_pictures` reads the first picture, and headers; `read_picture` the pixels of one:

    pictures = find_pictures(path)           # a size, a placement, notes
    for file in pictures.files:
        pixels = read_picture(file)          # uint8 height×width×3, upright
"""

from nerv360.video.photos.folder import SUFFIXES, natural_key
from nerv360.video.photos.pictures import (
    PictureHeader,
    Pictures,
    find_pictures,
    is_picture,
    read_header,
    read_picture,
)

__all__ = [
    "SUFFIXES",
    "PictureHeader",
    "Pictures",
    "find_pictures",
    "is_picture",
    "natural_key",
    "read_header",
    "read_picture",
]
