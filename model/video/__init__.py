"""Clips in and out: video files, folders of pictures, frame rates.

What takes torch is imported when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
