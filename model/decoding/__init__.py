"""Decoding of pictures: the protocol of an engine, the table of engines, their speed and memory.

Names are imported on first use: the command line's help uses the table without loading torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
