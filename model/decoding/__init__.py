"""A look in, an RGBA picture out: the protocol of an engine, the table of engines, their speed and
memory.

What takes torch is imported when it is first used, so that the command line's help can follow from
the table without it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
