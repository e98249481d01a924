"""Cost against size: one more viewport of panoramas of growing width, for networks and codecs."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
