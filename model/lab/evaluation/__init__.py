"""Quality, speed and memory of a scene's decoders along gaze paths, and reports of them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
