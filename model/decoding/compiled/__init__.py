"""CUDA engines: programs run by torch.compile and CUDA graphs, and their caches."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
