"""Coding of a scene's values: rounded to few whole numbers, then packed into a tensor's bytes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
