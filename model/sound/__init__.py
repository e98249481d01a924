"""Sound of clips: tracks in, decoded in blocks, ambisonics turned, time stretched.

Modules that need PyAV are imported on first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
