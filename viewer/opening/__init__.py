"""Everything that opens a file: what it is, a glimpse of it, the whole, and its place on screen.

Names are imported on first use: the first picture does not need torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
