"""Photos and folders of pictures: which there are, how they lie on the sphere, their pixels.

`find_pictures` reads the first picture, and headers; `read_picture` the pixels of one:

    pictures = find_pictures(path)           # a size, a placement, notes
    for file in pictures.files:
        pixels = read_picture(file)          # uint8 height×width×3, upright
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
