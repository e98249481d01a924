"""The fused engine: a viewport's stages as Triton kernels; importing it needs Triton."""

from nerv360.decoding.triton.engine import open_fused

__all__ = ["open_fused"]
