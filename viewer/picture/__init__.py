"""The picture: window, OpenGL, uploads, renderer, panes, screenshots and films.

What takes torch is imported when it is first used: the first picture does without.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
