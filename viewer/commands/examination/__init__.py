"""Checks on this machine for everything that the program needs.

Checks that may crash run in a process of their own.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
