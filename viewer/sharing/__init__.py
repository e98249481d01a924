"""A scene as a web page: a folder of static files, and a server of it.

Names are imported on first use: a folder can be written without the server's library.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
