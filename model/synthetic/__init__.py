"""The harbour town: an animated equirectangular scene."""

from model.synthetic.renderer import HarbourTown

__all__ = [
    "HarbourTown",
]
