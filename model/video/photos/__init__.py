"""Photos and folders of pictures: which there are, how they lie on the sphere, their pixels.

pictures = find_pictures(path)           # headers only: a size, a placement, notes
for file in pictures.files:
pixels = read_picture(file)          # uint8 height×width×3, upright
"""

from model.video.photos.pictures import (
    PictureHeader,
    Pictures,
    find_pictures,
    is_picture,
    natural_key,
    read_header,
    read_picture,
)

__all__ = [
    "PictureHeader",
    "Pictures",
    "find_pictures",
    "is_picture",
    "natural_key",
    "read_header",
    "read_picture",
]
