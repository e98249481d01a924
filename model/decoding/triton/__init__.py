"""A viewport's stages as kernels of our own."""
