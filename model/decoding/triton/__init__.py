"""A viewport's stages as kernels of our own; importing it takes Triton."""

from model.decoding.triton.engine import open_fused

__all__ = ["open_fused"]
