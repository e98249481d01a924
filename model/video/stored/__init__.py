"""Stored pictures of a video file, a photo, a folder or raw video, before they are placed."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
