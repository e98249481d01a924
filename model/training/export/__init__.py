"""Export of a trained network as a decoder of a scene file, as small as its quality allows."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
