"""Decoding by drawing: the plans of `model.shaders`, in a context beside the window's.

What takes torch is imported when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
