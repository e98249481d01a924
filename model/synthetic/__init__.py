"""The harbour town: an animated equirectangular scene of our own."""

from model.synthetic.renderer import HarbourTown

__all__ = [
    "HarbourTown",
]
