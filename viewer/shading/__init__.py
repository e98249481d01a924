"""The gl engine: draws the plans of `nerv360.shaders` in a context beside the window's.

Names are imported on first use, because some need torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
