"""Checkpoints: the state of a training in a file, checked before the training continues."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
