"""Decoders as fragment shaders: plans of passes that a window or a web page draws.

This room holds only text and numbers; the host has the graphics. Names are imported on first use,
because some need torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
