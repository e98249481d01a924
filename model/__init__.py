"""The NeRV360 representation as a library: scenes, engines, looks and views of them.

Pure torch and numpy: it needs no window system. The names below are all that a script or notebook
needs; each is imported when it is first used, so that ``import model`` loads nothing, not even
torch. ``docs/examples`` shows them at work.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
