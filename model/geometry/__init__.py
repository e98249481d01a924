"""Look directions, viewport rays and sampling of equirectangular (ERP) frames.

World axes as in JVET 360Lib: X = cos φ cos θ, Y = sin φ, Z = −cos φ sin θ, with longitude θ (yaw,
rising to the right) and latitude φ (pitch, rising upwards). Camera axes: x right, y up, z forward.
All angles are radians.

Names are imported on first use: a `Look` does not load torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
