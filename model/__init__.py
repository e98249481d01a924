"""The NeRV360 representation as a library: scenes, engines, looks and views.

Pure torch and numpy, without a window system. The names below are all that a script or notebook
needs. Each is imported on first use, so that ``import nerv360`` does not even load torch.
``docs/examples`` shows them at work.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
