"""Scenes and the one file that each is kept in (design, section 4).

What takes torch is imported when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
