"""Decoders as fragment shaders: plans of passes that a window, or a web page, draws.

Text and numbers alone; whoever draws them has the graphics. What takes torch is imported when it is
first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
