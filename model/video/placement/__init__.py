"""Placement of coded pictures on the sphere, and their full equirectangular (ERP) frames.

`Placement` says how the pixels lie, as a file declares it. `Placer` resamples pictures of one size
by it: its map is computed once for a clip's thousands of pictures.

    placement = Placement(bounds=HALF_SPHERE, part=eye_part("side by side", "left"))
    size = placement.frame_size(height, width)          # of the frame
    placer = Placer(placement, (height, width), size)
    frame = placer.place(picture)        # uint8, black where placer.covered is False
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
